"""The sandbox as a WSGI program: which address is answered by what."""

import logging
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from partnerapp.microsoft365.sandbox import consent, control, graph, oidc, pages
from partnerapp.microsoft365.sandbox.web import Request, Response, answer, data, html, read
from partnerapp.microsoft365.sandbox.world import World

logger = logging.getLogger("partnerapp.microsoft365.sandbox")
Handler = Callable[..., Response]
TENANT = r"/(?P<tenant>[^/]+)"
ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", TENANT + r"/v2\.0/\.well-known/openid-configuration", oidc.discovery),
    ("GET", TENANT + r"/discovery/v2\.0/keys", oidc.keys),
    ("GET", r"/common/discovery/instance", oidc.instance),
    ("GET", TENANT + r"/oauth2/v2\.0/authorize", oidc.choose_account),
    ("POST", TENANT + r"/oauth2/v2\.0/authorize", oidc.authorize),
    ("POST", TENANT + r"/oauth2/v2\.0/token", oidc.token),
    ("GET", TENANT + r"/v2\.0/adminconsent", consent.ask),
    ("POST", TENANT + r"/v2\.0/adminconsent", consent.decide),
    ("GET", r"/v1\.0/organization", graph.organization),
    ("GET", r"/v1\.0/subscribedSkus", graph.subscribed_skus),
    ("GET", r"/v1\.0/users", graph.users),
    ("GET", r"/v1\.0/users/\$count", graph.user_count),
    ("GET", r"/", control.home),
    ("POST", r"/", control.press),
    ("GET", r"/_sandbox/?", control.show),
    ("POST", r"/_sandbox/?", control.change),
    ("POST", r"/_sandbox/reset", control.reset),
    ("GET", r"/_sandbox/(?P<name>style\.css|submit\.js)", pages.asset),
]
COMPILED = [(method, re.compile(pattern), handler) for method, pattern, handler in ROUTES]


class Sandbox:
    """The WSGI program. `world` is its state; tests may look at it and change it directly."""

    def __init__(self, state: Path | None = None, world: World | None = None) -> None:
        self.world = world or World(state)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            response = self.respond(read(environ))
        except Exception:
            logger.exception("the sandbox failed")
            response = data({"error": {"code": "sandboxFailed", "message": "see the sandbox's log"}}, 500)
        return answer(response, start_response)

    def respond(self, request: Request) -> Response:
        for method, pattern, handler in COMPILED:
            found = pattern.fullmatch(request.path)
            if found and request.method == method:
                self.world.calls[handler.__name__] += 1
                return handler(self.world, request, **found.groupdict())
        return html(pages.message("Not here", "The sandbox has no such page."), 404)
