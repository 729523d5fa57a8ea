"""The second template language, for `*.jinja`: what is drawn once for each row of a list, since it compiles its templates.

Its sentences come from Python (the list's headings), where makemessages looks for them.
"""

import operator
from typing import Any

import jinja2
from django.template.defaultfilters import floatformat

from partnerapp import dates
from partnerapp.templatetags.portal import drawn, when


class Environment(jinja2.Environment):
    """Whatever has an attribute there is a dictionary: `row.copy` is its value, not its method; to look for both takes half of
    a row's time. A name that is missing is an error.
    """

    getattr = staticmethod(operator.getitem)  # type: ignore[assignment]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options | {"undefined": jinja2.StrictUndefined})
        self.globals |= {"icon": drawn, "when": when}
        self.filters |= {"date_of": dates.date_of, "floatformat": floatformat, "with": str.format}
