"""The control API of the sandbox (`/_sandbox/`, JSON) and its home page for people.

GET shows the state. POST changes what its object names, for instance
`{"tenants": {"Coho": {"consented": true}}, "graph_faults": {"count": 3, "status": 429}}`:

- `tenants`, by name or id: `consented`, `users`, `propagation` (seconds), `no_principal` and `no_roles`
  (attempts at a token after consent), `withheld` (a permission, or ""), `page_delay` (milliseconds),
  `next_link` (in place of the real one)
- `graph_faults`, `token_faults`: `count`, `status`, `retry_after` (text or null) of the next answers
- `skew` (seconds), `claims` (of ID tokens; null removes one), `key_issuer`, `rollover`, `secret_expired`,
  `decline`
- `add_tenants`, `add_people`: lists of objects with the fields of `Tenant` and `Person`; a person's tenant
  by its name

POST to `/_sandbox/reset` brings back the start, except for the signing keys.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from partnerapp.microsoft365.sandbox import pages
from partnerapp.microsoft365.sandbox.directory import Tenant
from partnerapp.microsoft365.sandbox.web import Request, Response, data, html, redirect
from partnerapp.microsoft365.sandbox.world import TENANT_SETTINGS, Faults, World


def show(world: World, request: Request) -> Response:
    return data(state(world))


def change(world: World, request: Request) -> Response:
    """Change what the JSON object names, all or nothing of an unknown name."""
    try:
        apply(world, json.loads(request.body))
    except (ValueError, TypeError, KeyError, AttributeError) as wrong:
        return data({"error": str(wrong), "known": sorted(CHANGES)}, 400)
    return data(state(world))


def reset(world: World, request: Request) -> Response:
    with world.lock:
        world.reset()
        world.save()
    return data(state(world))


def home(world: World, request: Request) -> Response:
    return html(pages.home(world))


def press(world: World, request: Request) -> Response:
    """The buttons of the home page: restore a withheld permission, or take a consent back."""
    tenant = world.tenant(request.form.get("tenant", ""))
    if tenant and request.form.get("do") == "restore":
        apply(world, {"tenants": {tenant.tid: {"withheld": ""}}})
    if tenant and request.form.get("do") == "revoke":
        world.revoke(tenant)
    return redirect("/")


def apply(world: World, wanted: dict[str, Any]) -> None:
    """Raises ValueError for a name or tenant that does not exist."""
    unknown = set(wanted) - set(CHANGES)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    with world.lock:
        for name, value in wanted.items():
            CHANGES[name](world, value)
        world.save()


def set_tenants(world: World, wanted: dict[str, dict[str, Any]]) -> None:
    for name, settings in wanted.items():
        tenant = world.tenant(name)
        unknown = set(settings) - TENANT_SETTINGS - {"consented"}
        if tenant is None or unknown:
            raise ValueError(f"no tenant {name!r}" if tenant is None else f"unknown: {', '.join(sorted(unknown))}")
        set_consent(world, tenant, settings.get("consented"))
        changed = world.settings.setdefault(tenant.tid, {})
        changed.update({key: value for key, value in settings.items() if key != "consented"})


def set_consent(world: World, tenant: Tenant, consented: bool | None) -> None:
    if consented is not None:
        (world.grant if consented else world.revoke)(tenant)


def plain(name: str, kind: Callable[[Any], Any]) -> Callable[[World, Any], None]:
    return lambda world, value: setattr(world, name, kind(value))


def add_all(one: Callable[[World, dict[str, Any]], Any]) -> Callable[[World, Any], None]:
    def add(world: World, several: list[dict[str, Any]]) -> None:
        for about in several:
            one(world, about)

    return add


CHANGES: dict[str, Callable[[World, Any], None]] = {
    "skew": plain("skew", float),
    "claims": plain("claims", dict),
    "decline": plain("decline", bool),
    "secret_expired": plain("secret_expired", bool),
    "graph_faults": plain("graph_faults", lambda value: Faults(**value)),
    "token_faults": plain("token_faults", lambda value: Faults(**value)),
    "key_issuer": lambda world, value: setattr(world.key(), "issuer", str(value)),
    "rollover": lambda world, value: world.roll_over() if value else None,
    "add_tenants": add_all(World.add_tenant),
    "add_people": add_all(World.add_person),
    "tenants": set_tenants,
}


def state(world: World) -> dict[str, Any]:
    return {
        "skew": world.skew,
        "claims": world.claims,
        "decline": world.decline,
        "secret_expired": world.secret_expired,
        "graph_faults": asdict(world.graph_faults),
        "token_faults": asdict(world.token_faults),
        "key": world.key().kid,
        "key_issuer": world.key().issuer,
        "calls": dict(world.calls),
        "tenants": {tenant.name: about(world, tenant) for tenant in world.tenants.values()},
        "people": [
            {"name": person.name, "tenant": person.tenant.name, "oid": person.oid, "admin": person.admin}
            for person in world.people
        ],
    }


def about(world: World, tenant: Tenant) -> dict[str, Any]:
    settings = {name: world.setting(tenant, name) for name in sorted(TENANT_SETTINGS)}
    return {"tid": tenant.tid, "consented": tenant.tid in world.consents} | settings
