"""Tags that every template has without loading them."""

from collections.abc import Callable
from datetime import datetime
from functools import cache

from django.template import Library
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from partnerapp import dates

register = Library()


@register.simple_tag
@cache
def icon(name: str, classes: str = "") -> SafeString:
    """An icon of the sprite. It is decoration: the words beside it say what it means."""
    classes = f"icon {classes}".strip()
    drawn = '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>'
    return format_html(drawn, classes, static("icons.svg"), name)


HOW: dict[str, Callable[[datetime], str]] = {"day": dates.day, "minute": dates.minute, "moment": dates.moment}


@register.simple_tag
def when(at: datetime, how: str = "day", classes: str = "", words: str = "{}") -> SafeString:
    """An instant in the operator's time zone (R33): `words` around its day or minute; the exact moment on hover."""
    shown = '<time class="{}" datetime="{}" title="{}">{}</time>'
    return format_html(shown, classes, at.isoformat(), dates.moment(at), words.format(HOW[how](at)))
