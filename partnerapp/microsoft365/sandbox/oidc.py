"""Signing in at the sandbox: discovery, keys, account picker, codes and tokens."""

import base64
import hashlib
import json
import secrets
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from partnerapp.microsoft365.sandbox import pages
from partnerapp.microsoft365.sandbox.directory import Person, Tenant
from partnerapp.microsoft365.sandbox.web import Request, Response, data, html
from partnerapp.microsoft365.sandbox.world import World

LOGIN = "https://login.microsoftonline.com"
GRAPH = "https://graph.microsoft.com"
SHARED = {"organizations", "common"}
SECRET = "sandbox-secret"  # noqa: S105 - the only one that the sandbox takes
LIFETIME = 3599  # seconds


def discovery(world: World, request: Request, tenant: str) -> Response:
    if tenant not in SHARED and not world.tenant(tenant):
        return refuse("invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
    issuer = f"{LOGIN}/{'{tenantid}' if tenant in SHARED else tenant}/v2.0"
    return data(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{request.base}/{tenant}/oauth2/v2.0/authorize",  # for the browser
            "token_endpoint": f"{LOGIN}/{tenant}/oauth2/v2.0/token",
            "jwks_uri": f"{LOGIN}/{tenant}/discovery/v2.0/keys",
            "response_modes_supported": ["form_post"],
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }
    )


def keys(world: World, request: Request, tenant: str) -> Response:
    return data({"keys": [world.key().public()]})


def instance(world: World, request: Request) -> Response:
    return data({"tenant_discovery_endpoint": f"{LOGIN}/common/v2.0/.well-known/openid-configuration", "metadata": []})


# The browser ------------------------------------------------------------------------------------------------
def choose_account(world: World, request: Request, tenant: str) -> Response:
    wrong = wrong_request(world, request.query, tenant)
    return html(wrong, 400) if wrong else html(pages.picker(world, request.query, world.tenant(tenant)))


def authorize(world: World, request: Request, tenant: str) -> Response:
    asked = request.form
    wrong = wrong_request(world, asked, tenant)
    if wrong:
        return html(wrong, 400)
    person = world.person(asked.get("account", ""))
    if person is None:
        return back(asked, error="access_denied", error_description=describe(65004, "The person cancelled."))
    if tenant not in SHARED and person.tenant != world.tenant(tenant):
        return html(pages.message("Another account is needed", pages.NOT_IN_TENANT), 400)
    code = secrets.token_urlsafe(24)
    world.codes[code] = asked | {"tenant": tenant, "person": person, "expires": world.clock() + 600}
    response = back(asked, code=code)
    response.headers["Set-Cookie"] = f"sandbox_account={person.oid}; Path=/; HttpOnly; SameSite=Lax"
    return response


def wrong_request(world: World, asked: dict[str, str], tenant: str) -> str:
    """The page that says what is wrong with a request to sign in; empty if nothing is."""
    if tenant not in SHARED and not world.tenant(tenant):
        return pages.message("No such tenant", f"The sandbox has no tenant {tenant}.")
    needed = ("client_id", "redirect_uri", "state", "nonce", "code_challenge")
    missing = [name for name in needed if not asked.get(name)]
    if missing or not asked["redirect_uri"].startswith(("http://", "https://")):
        return pages.message("Not a request to sign in", f"Missing or wrong: {', '.join(missing) or 'redirect_uri'}.")
    return ""


def back(asked: dict[str, str], **values: str) -> Response:
    return html(pages.form_post(asked["redirect_uri"], values | {"state": asked["state"]}))


# Tokens -----------------------------------------------------------------------------------------------------
def token(world: World, request: Request, tenant: str) -> Response:
    fault = world.fault(world.token_faults)
    if fault:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
        return refuse("temporarily_unavailable", 90055, "Faults were asked for.", fault.status, headers)
    form = request.form
    number, wrong = wrong_client(world, form, tenant)
    if wrong:
        return refuse("invalid_client", number, wrong, 401)
    kind = {"authorization_code": redeem, "client_credentials": app_only}.get(form.get("grant_type", ""))
    return kind(world, form, tenant) if kind else refuse("unsupported_grant_type", 70003, "Unknown grant type.")


def wrong_client(world: World, form: dict[str, str], tenant: str) -> tuple[int, str]:
    """Why the secret or certificate is refused, as AADSTS number and words; (0, "") if it is fine."""
    if world.secret_expired:
        return 7000222, "The provided client secret keys are expired."
    if "client_assertion" in form:
        return wrong_assertion(form, tenant)
    return (0, "") if form.get("client_secret") == SECRET else (7000215, "Invalid client secret provided.")


def wrong_assertion(form: dict[str, str], tenant: str) -> tuple[int, str]:
    """Any certificate will do, but its assertion must be signed with PS256 and carry the right thumbprint."""
    raw = form["client_assertion"]
    try:
        header = jwt.get_unverified_header(raw)
        certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        thumbprint = encode(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
        audience = f"{LOGIN}/{tenant}/oauth2/v2.0/token"
        claims = jwt.decode(raw, certificate.public_key(), ["PS256"], audience=audience)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, KeyError, IndexError) as failure:
        return 700027, f"The certificate's assertion is wrong: {type(failure).__name__}."
    right = header.get("x5t#S256", "").rstrip("=") == thumbprint and claims["iss"] == claims["sub"] == form["client_id"]
    return (0, "") if right else (700027, "The certificate's thumbprint or subject is wrong.")


def redeem(world: World, form: dict[str, str], tenant: str) -> Response:
    with world.lock:
        kept = world.codes.get(form.get("code", ""))
        used = kept is not None and kept.setdefault("used", 0)
        if kept is not None:
            kept["used"] += 1
    if not kept or kept["expires"] < world.clock():
        return refuse("invalid_grant", 70008, "The code is unknown or expired.")
    if used:
        return refuse("invalid_grant", 54005, "The code was already redeemed.")
    if kept["tenant"] != tenant:
        return refuse("invalid_grant", 700005, "The code was issued by another authority.")
    if kept["redirect_uri"] != form.get("redirect_uri") or kept["client_id"] != form.get("client_id"):
        return refuse("invalid_grant", 50011, "The redirect URI or client differs from the request's.")
    if kept["code_challenge"] != encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()):
        return refuse("invalid_grant", 501481, "The code verifier does not match the code challenge.")
    return data(signed_in(world, kept["person"], kept))


def signed_in(world: World, person: Person, kept: dict[str, Any]) -> dict[str, Any]:
    client_info = {"uid": person.oid, "utid": person.tenant.tid}
    return {
        "token_type": "Bearer",
        "scope": "openid profile",
        "expires_in": LIFETIME,
        "access_token": world.key().sign({"aud": GRAPH, "tid": person.tenant.tid, "exp": world.now() + LIFETIME}),
        "id_token": world.key().sign(id_claims(world, person, kept["client_id"], kept["nonce"])),
        "client_info": encode(json.dumps(client_info).encode()),
    }


def id_claims(world: World, person: Person, client_id: str, nonce: str) -> dict[str, Any]:
    """What the ID token says; the control API can override a claim, or remove it with null."""
    now = int(world.now())
    claims = {
        "aud": client_id,
        "iss": f"{LOGIN}/{person.tenant.tid}/v2.0",
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "nonce": nonce,
        "tid": person.tenant.tid,
        "oid": person.oid,
        "sub": encode(hashlib.sha256(f"{client_id}{person.oid}".encode()).digest()),
        "name": person.name,
        "email": person.email,
        "preferred_username": person.username,
        "ver": "2.0",
    }
    return {name: value for name, value in (claims | world.claims).items() if value is not None}


def app_only(world: World, form: dict[str, str], tenant: str) -> Response:
    found = world.tenant(tenant)
    if not found or form.get("scope") != f"{GRAPH}/.default":
        return refuse("invalid_request", 90002, "A known tenant and the scope of Graph are needed.")
    roles = world.granted(found)
    if roles is None:
        return refuse("unauthorized_client", 700016, f"Application not found in the directory '{found.name}'.")
    return data({"token_type": "Bearer", "expires_in": LIFETIME, "access_token": app_access(world, found, roles)})


def app_access(world: World, tenant: Tenant, roles: list[str]) -> str:
    now = int(world.now())
    claims: dict[str, Any] = {"aud": GRAPH, "tid": tenant.tid, "iat": now, "nbf": now, "exp": now + LIFETIME}
    return world.key().sign(claims | ({"roles": roles} if roles else {}))


def refuse(error: str, number: int, words: str, status: int = 400, headers: dict[str, str] | None = None) -> Response:
    about = {"error": error, "error_description": describe(number, words), "error_codes": [number]}
    return data(about, status, headers)


def describe(number: int, words: str) -> str:
    return f"AADSTS{number}: {words} Correlation ID: {secrets.token_hex(8)}"


def encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
