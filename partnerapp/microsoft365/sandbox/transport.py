"""How requests to Microsoft reach the sandbox: over HTTP, or in-process when a test installed it."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter, HTTPAdapter

WSGIApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
installed: list[WSGIApp] = []


def adapter(url: str) -> BaseAdapter:
    """What `requests` shall use for Microsoft's hosts; `url` is the sandbox's address."""
    return SandboxAdapter(url)


def use(app: WSGIApp) -> AbstractContextManager[None]:
    """From now on answer in-process by `app`, on existing sessions too; in `with`, until its end."""
    before = installed[:]
    install([app])
    return restoring(before)


@contextmanager
def restoring(before: list[WSGIApp]) -> Iterator[None]:
    try:
        yield
    finally:
        install(before)


def install(apps: list[WSGIApp]) -> None:
    """One program to answer in-process, or none: back to HTTP."""
    installed[:] = apps
    forget_answers()


def forget_answers() -> None:
    """Another sandbox has other keys and endpoints than those that the process remembers."""
    from partnerapp.microsoft365 import application, idtoken

    application.signin_application.cache_clear()
    idtoken.KEYS.forget()


class SandboxAdapter(HTTPAdapter):
    """Sends requests for Microsoft's hosts to the sandbox, path and query unchanged."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url.rstrip("/")

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        if installed:
            return call(installed[0], request, self.url)
        moved = request.copy()
        moved.url = self.url + request.path_url
        options["timeout"] = options.get("timeout") or (5, 20)
        response = super().send(moved, **options | {"proxies": {}})
        response.url, response.request = str(request.url), request
        return response


def call(app: WSGIApp, request: requests.PreparedRequest, url: str) -> requests.Response:
    """One request to a WSGI program in this process."""
    response = requests.Response()

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        response.status_code = int(status.split()[0])
        response.reason = status.partition(" ")[2]
        response.headers.update(headers)

    body = b"".join(app(environ(request, url), start_response))
    response.raw = io.BytesIO(body)
    response._content = body
    response.url, response.request = str(request.url), request
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    return response


def environ(request: requests.PreparedRequest, url: str) -> dict[str, Any]:
    parts, sandbox = urlsplit(str(request.url)), urlsplit(url)
    body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
    headers = {f"HTTP_{name.upper().replace('-', '_')}": str(value) for name, value in request.headers.items()}
    return headers | {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote(parts.path),
        "QUERY_STRING": parts.query,
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_HOST": sandbox.netloc,
        "SERVER_NAME": sandbox.hostname or "sandbox",
        "SERVER_PORT": str(sandbox.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": sandbox.scheme or "http",
        "wsgi.input": io.BytesIO(body),
    }
