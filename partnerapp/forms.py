"""Form fields for words that people type: nothing invisible gets through."""

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

JOINERS = {"\u200c", "\u200d"}  # they shape letters in some scripts; every other format character can hide or turn text
HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def no_hidden_characters(text: str) -> None:
    if any(unicodedata.category(c) in HIDDEN and c not in JOINERS for c in text):
        raise ValidationError(_("This contains control or invisible characters. Please type it again."), code="hidden")


class VisibleText(forms.CharField):
    """One line: surrounding and repeated spaces removed, control, format and bidi characters refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(no_hidden_characters)

    def to_python(self, value: object) -> str:
        return " ".join(part for part in str(super().to_python(value)).split(" ") if part)


class Email(forms.EmailField):
    """An address as a mail server takes it; hidden characters refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.validators.append(no_hidden_characters)


class Reason(forms.CharField):
    """An optional reason, some lines long, kept with the event."""

    def __init__(self, **kwargs: Any) -> None:
        area = forms.Textarea(attrs={"rows": 3})
        super().__init__(label=_("Reason"), required=False, max_length=500, widget=area, **kwargs)

    def validate(self, value: str) -> None:
        super().validate(value)
        no_hidden_characters(value.replace("\r", "").replace("\n", "").replace("\t", ""))
