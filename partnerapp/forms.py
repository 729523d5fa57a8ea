"""Form fields for words that people type: nothing invisible gets through."""

import unicodedata
import uuid
import zoneinfo
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

JOINERS = {"\u200c", "\u200d"}  # they shape letters in some scripts; every other format character can hide or turn text
BLANK = {"\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}  # letters and symbols that show nothing
LONGEST_ADDRESS = 254
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def no_hidden_characters(text: str) -> None:
    hidden = any((unicodedata.category(c) in HIDDEN or c in BLANK) and c not in JOINERS for c in text)
    if hidden or (text and not set(text) - JOINERS):
        raise ValidationError(_("This contains control or invisible characters. Please type it again."), code="hidden")


class VisibleText(forms.CharField):
    """One line: surrounding and repeated spaces removed, control, format and bidi characters refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(no_hidden_characters)

    def to_python(self, value: object) -> str:
        return " ".join(part for part in str(super().to_python(value)).split(" ") if part)


class Email(forms.EmailField):
    """An address as a mail server takes it: hidden characters refused, an international domain in its ASCII form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_ADDRESS, **kwargs)
        self.validators.append(no_hidden_characters)

    def clean(self, value: Any) -> str:
        local, at, domain = super().clean(value).rpartition("@")
        try:
            address = f"{local}{at}{domain.encode('idna').decode()}"
        except UnicodeError:
            return self.refuse()
        return address if local.isascii() and len(address) <= LONGEST_ADDRESS else self.refuse()

    def refuse(self) -> str:
        raise ValidationError(_("Mail servers do not deliver to this address. Please use another one."), code="invalid")


class ActionForm(forms.Form):
    """The form of an action on rows (organizations, or operators): it knows which ones and the instant (UTC)."""

    def __init__(self, *args: Any, rows: list[Any], at: datetime, **kwargs: Any) -> None:
        self.rows, self.at = rows, at
        super().__init__(*args, **kwargs)


class TimeZone(forms.ChoiceField):
    """A time zone that this machine knows."""

    def __init__(self, **kwargs: Any) -> None:
        zones = lambda: [(zone, zone.replace("_", " ")) for zone in sorted(zoneinfo.available_timezones())]  # noqa: E731
        super().__init__(label=_("Time zone"), choices=zones, **kwargs)


class Preferences(forms.Form):
    """How the portal looks to an operator, and in which time zone it tells the time (R33)."""

    theme = forms.ChoiceField(
        label=_("Theme"), choices=[("system", _("As the system")), ("light", _("Light")), ("dark", _("Dark"))]
    )
    time_zone = TimeZone(help_text=_("All dates and times are shown in this zone, also in mails to you."))
    shortcuts = forms.TypedChoiceField(
        label=_("Keyboard shortcuts"),
        choices=[("True", _("On")), ("False", _("Off"))],
        coerce=lambda value: value == "True",
        help_text=_("Single keys such as / for the search. Press ? to see them all."),
    )


class Reason(forms.CharField):
    """A reason, some lines long, kept with the event; staff must give one (R34)."""

    def __init__(self, *, required: bool = False, **kwargs: Any) -> None:
        area = forms.Textarea(attrs={"rows": 3})
        super().__init__(label=_("Reason"), required=required, max_length=500, widget=area, **kwargs)

    def validate(self, value: str) -> None:
        super().validate(value)
        no_hidden_characters(value.replace("\r", "").replace("\n", "").replace("\t", ""))


class Role(forms.ChoiceField):
    """What an operator may do."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [
            ("admin", _("Admin: does everything that the organization may do, operators included")),
            ("viewer", _("Viewer: sees and exports everything, changes nothing")),
        ]
        super().__init__(label=_("Role"), choices=choices, widget=forms.RadioSelect, **kwargs)


class OperatorRole(ActionForm):
    role = Role()


class InviteOperator(forms.Form):
    """`request_key` makes the same form sent twice one invitation."""

    email = Email(label=_("Email"), help_text=_("The invitation is sent here."))
    name = VisibleText(label=_("Name"), required=False, max_length=150)
    role = Role(initial="viewer")
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)


class AddDistributor(forms.Form):
    """By staff: the distributor, where mails about it go, and whom it begins with. `request_key`: see Add Partner."""

    name = VisibleText(label=_("Organization name"), max_length=120)
    email = Email(label=_("Notification email"), help_text=_("Mails about the distributor are sent here."))
    admin_email = Email(label=_("Email of its first Admin"), help_text=_("The invitation is sent here."))
    request_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
