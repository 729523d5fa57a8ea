"""The second template language, for `*.jinja`: what is drawn once for each row of a list, since it compiles its templates.

Its sentences come from Python (the list's headings), where makemessages looks for them.
"""

from typing import Any

import jinja2
from django.template.defaultfilters import floatformat

from partnerapp import dates
from partnerapp.templatetags.portal import drawn, when


class Environment(jinja2.Environment):
    """A name that is missing is an error."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"undefined": jinja2.StrictUndefined})
        self.globals |= {"icon": drawn, "when": when}
        self.filters |= {"date_of": dates.date_of, "floatformat": floatformat}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`row.copy` is a dictionary's value as in Django's language, not its method; to look for that first takes longer."""
        return obj[attribute] if isinstance(obj, dict) else super().getattr(obj, attribute)
