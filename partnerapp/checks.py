"""System checks: what must hold before the portal starts."""

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

from partnerapp.access import MAY

LABELS = {"public", "demo", "staff", *MAY}


def views(patterns: list, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every (path, view) of a URLconf."""
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


@register
def every_url_has_an_access_label(**_kwargs: object) -> list[CheckMessage]:
    """A view without a label of `access.py` is a view that nobody decided about."""
    return [
        Error(
            f"The URL '{path}' carries no access label.", hint="Decorate its view: see access.py.", id="partnerapp.E001"
        )
        for path, view in views(get_resolver().url_patterns)
        if getattr(view, "access", None) not in LABELS
    ]
