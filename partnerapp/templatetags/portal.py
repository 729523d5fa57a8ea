"""Tags that every template has without loading them."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any, cast

from django.template import Context, Library, Node, NodeList
from django.template.base import FilterExpression, Parser, TextNode, Token, VariableNode
from django.template.defaulttags import IfNode
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString

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
    """`{% rows row in rows settling column %} … {% endrows %}`: as `for`, but what is asked of `column` alone (a variable, an
    `if`) is looked up once for the page, not once in each row.
    """
    _rows, row, _in, values, _settling, constant = token.split_contents()
    body = parser.parse(("endrows",))
    parser.delete_first_token()
    return Rows(row, parser.compile_filter(values), constant, body)


class Rows(Node):
    def __init__(self, row: str, values: FilterExpression, constant: str, body: NodeList) -> None:
        self.row, self.values, self.constant, self.body = row, values, constant, body

    def render(self, context: Context) -> str:
        body, drawn = NodeList(settled(self.body, self.constant, context)), []
        with context.push():
            for row in self.values.resolve(context):
                context[self.row] = row
                drawn.append(body.render(context))
        return "".join(drawn)


def settled(nodes: Iterable[Node], constant: str, context: Context) -> Iterator[Node]:
    """These nodes as they are while `constant` stays what it is in this context."""
    for node in nodes:
        if isinstance(node, VariableNode) and is_of(constant, node.filter_expression):
            yield TextNode(node.render(context))
        elif isinstance(node, IfNode):
            yield from settled_if(node, constant, context)
        else:
            yield node


def settled_if(node: IfNode, constant: str, context: Context) -> Iterator[Node]:
    conditions = [condition for condition, _nodes in node.conditions_nodelists]
    if all(condition is None or is_of(constant, getattr(condition, "value", None)) for condition in conditions):
        chosen = (
            nodes
            for condition, nodes in node.conditions_nodelists
            if condition is None or condition.eval(cast(Any, context))
        )
        yield from settled(next(chosen, NodeList()), constant, context)
    else:
        branches = [(condition, settled(nodes, constant, context)) for condition, nodes in node.conditions_nodelists]
        yield IfNode([(condition, NodeList(nodes)) for condition, nodes in branches])


def is_of(constant: str, value: FilterExpression | None) -> bool:
    """Whether this is `constant` or an attribute of it, without a filter."""
    return value is not None and value.is_var and not value.filters and (value.var.lookups or [""])[0] == constant


HOW: dict[str, Callable[[datetime], str]] = {"day": dates.day, "minute": dates.minute, "moment": dates.moment}


@register.simple_tag
def when(at: datetime, how: str = "day", classes: str = "", words: str = "") -> SafeString:
    """An instant in the operator's time zone (R33): `words` around its day or minute; the exact moment on hover."""
    day = HOW[how](at)
    inside = format_html(conditional_escape(words), day) if words else day
    shown = '<time class="{}" datetime="{}" title="{}">{}</time>'
    return format_html(shown, classes, at.isoformat(), dates.moment(at), inside)
