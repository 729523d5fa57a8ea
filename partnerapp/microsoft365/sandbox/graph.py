"""Microsoft Graph at the sandbox: organization, licences, users."""

import time
from typing import Any
from urllib.parse import urlencode

from partnerapp.microsoft365.sandbox import licences
from partnerapp.microsoft365.sandbox.directory import Tenant
from partnerapp.microsoft365.sandbox.web import Request, Response, data
from partnerapp.microsoft365.sandbox.world import World

USERS = "https://graph.microsoft.com/v1.0/users"


def organization(world: World, request: Request) -> Response:
    tenant = let_in(world, request, "Organization.Read.All")
    if isinstance(tenant, Response):
        return tenant
    domain = {"name": tenant.domain, "isDefault": True, "isInitial": False}
    about = {"id": tenant.tid, "displayName": tenant.name, "countryLetterCode": tenant.country}
    return data({"value": [about | {"verifiedDomains": [domain]}]})


def subscribed_skus(world: World, request: Request) -> Response:
    tenant = let_in(world, request, "Organization.Read.All")
    if isinstance(tenant, Response):
        return tenant
    return data({"value": licences.subscribed_skus(tenant.tid, world.setting(tenant, "users"))})


def users(world: World, request: Request) -> Response:
    """One page. The token for the next one is the number of users before it."""
    tenant = let_in(world, request, "User.Read.All")
    if isinstance(tenant, Response):
        return tenant
    time.sleep(world.setting(tenant, "page_delay") / 1000)
    top, first = min(int(request.query.get("$top", 100)), 999), request.query.get("$skiptoken", "0")
    if not first.isdigit():
        return refuse(400, "Directory_ExpiredPageToken", "The page token is not valid.")
    total = world.setting(tenant, "users")
    count = max(0, min(top, total - int(first)))
    page: dict[str, Any] = {"value": licences.users(tenant.tid, int(first), count)}
    if int(first) + count < total:
        following = request.query | {"$skiptoken": str(int(first) + count)}
        page["@odata.nextLink"] = world.setting(tenant, "next_link") or f"{USERS}?{urlencode(following, safe='$,')}"
    return data(page)


def user_count(world: World, request: Request) -> Response:
    tenant = let_in(world, request, "User.Read.All")
    if isinstance(tenant, Response):
        return tenant
    if request.headers.get("consistencylevel") != "eventual":
        return refuse(400, "Request_BadRequest", "ConsistencyLevel: eventual is needed.")
    return Response(f"\ufeff{world.setting(tenant, 'users')}".encode(), headers={"Content-Type": "text/plain"})


def let_in(world: World, request: Request, role: str) -> Tenant | Response:
    """The tenant of the request's token, or the refusal."""
    fault = world.fault(world.graph_faults)
    if fault:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        return refuse(fault.status, "TooManyRequests", "Faults were asked for.", headers)
    claims = token_claims(world, request)
    tenant = world.tenant(claims.get("tid", ""))
    if not tenant:
        return refuse(401, "InvalidAuthenticationToken", "The token is missing, expired or not ours.")
    if tenant.tid not in world.consents:
        return refuse(401, "Authorization_IdentityNotFound", "The application is not known in this tenant.")
    if role not in claims.get("roles", ()):
        return refuse(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    return tenant


def token_claims(world: World, request: Request) -> dict[str, Any]:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    claims: dict[str, Any] = next(filter(None, (key.read(token) for key in reversed(world.keys))), {})
    return claims if claims.get("exp", 0) > world.now() else {}


def refuse(status: int, code: str, words: str, headers: dict[str, str] | None = None) -> Response:
    return data({"error": {"code": code, "message": words}}, status, headers)
