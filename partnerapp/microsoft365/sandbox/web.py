"""The little of a web framework that the sandbox needs."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, urlencode

SECURITY = {
    "Content-Security-Policy": ("default-src 'none'; style-src 'self'; script-src 'self'; frame-ancestors 'none'"),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


@dataclass
class Request:
    """What a handler needs to know of a request. `base` is the address under which it reached the sandbox."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes
    headers: dict[str, str]
    base: str

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}


@dataclass
class Response:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def read(environ: dict[str, Any]) -> Request:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name[:5] == "HTTP_"}
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/"),
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        body=environ["wsgi.input"].read(length) if length else b"",
        headers=headers,
        base=f"{environ['wsgi.url_scheme']}://{headers.get('host', 'sandbox')}",
    )


def answer(response: Response, start_response: Callable[..., Any]) -> Iterable[bytes]:
    status = f"{response.status} {HTTPStatus(response.status).phrase}"
    headers = SECURITY | {"Content-Length": str(len(response.body))} | response.headers
    start_response(status, list(headers.items()))
    return [response.body]


def html(page: str, status: int = 200, **headers: str) -> Response:
    return Response(page.encode(), status, {"Content-Type": "text/html; charset=utf-8"} | headers)


def data(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(value).encode(), status, {"Content-Type": "application/json"} | (headers or {}))


def redirect(url: str, **parameters: str) -> Response:
    query = f"{'&' if '?' in url else '?'}{urlencode(parameters)}" if parameters else ""
    return Response(b"", 302, {"Location": url + query})
