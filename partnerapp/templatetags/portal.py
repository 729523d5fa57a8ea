"""Tags that every template has without loading them."""

from datetime import datetime, tzinfo
from functools import cache, lru_cache

from django.template import Context, Library, Node
from django.template.base import FilterExpression, Parser, TextNode, Token
from django.template.loader import get_template, render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from partnerapp import dates

register = Library()


@register.tag
def icon(parser: Parser, token: Token) -> Node:
    """`{% icon "name" "classes" %}`: an icon of the sprite. It is decoration: the words beside it say what it means.

    One that is named outright is drawn once, when the template is read.
    """
    about = [parser.compile_filter(bit) for bit in token.split_contents()[1:]]
    if any(each.is_var or each.filters for each in about):
        return Icon(about)
    return TextNode(drawn(*(each.var for each in about)))


class Icon(Node):
    def __init__(self, about: list[FilterExpression]) -> None:
        self.about = about

    def render(self, context: Context) -> SafeString:
        return drawn(*(each.resolve(context) for each in self.about))


@cache
def drawn(name: str, classes: str = "") -> SafeString:
    classes = f"icon {classes}".strip()
    markup = '<svg class="{}" aria-hidden="true"><use href="{}#{}"/></svg>'
    return format_html(markup, classes, static("icons.svg"), name)


@register.tag
def rows(parser: Parser, token: Token) -> Node:
    """`{% rows "organizations/….jinja" out_of_band %}`: the rows of this page's list, drawn by Jinja2, which escapes as Django
    does; `out_of_band` (or nothing): each replaces itself by its id.
    """
    _tag, template, *how = token.split_contents()
    return Rows(parser.compile_filter(template), out_of_band="out_of_band" in how)


class Rows(Node):
    def __init__(self, template: FilterExpression, *, out_of_band: bool) -> None:
        self.template, self.out_of_band = template, out_of_band

    def render(self, context: Context) -> str:
        about = {"rows": context["rows"], "column": context["column"], "out_of_band": self.out_of_band}
        return get_template(self.template.resolve(context), using="jinja2").render(about)


@register.simple_tag
def same(template: str) -> SafeString:
    """`{% same "shell/head.html" %}`: what says the same on every page, a template that asks nothing of the context."""
    return drawn_once(template, get_language())


@cache
def drawn_once(template: str, language: str | None) -> SafeString:
    return render_to_string(template)


HOW = {"day": dates.DAY, "minute": dates.MINUTE, "moment": dates.MOMENT}


@register.simple_tag
def when(at: datetime, how: str = "day", classes: str = "", words: str = "") -> SafeString:
    """An instant in the operator's time zone (R33): `words` around its day or minute; the exact moment on hover."""
    return worded(at, timezone.get_current_timezone(), how, classes, words)


@lru_cache(maxsize=2_000, typed=True)
def worded(at: datetime, zone: tzinfo, how: str, classes: str, words: str) -> SafeString:
    """A list shows the same instants again and again, and each takes as long as ten of its cells."""
    local = timezone.localtime(at, zone)
    day = HOW[how].format(local)
    inside = format_html(conditional_escape(words), day) if words else day
    shown = '<time class="{}" datetime="{}" title="{}">{}</time>'
    return format_html(shown, classes, at.isoformat(), dates.MOMENT.format(local), inside)
