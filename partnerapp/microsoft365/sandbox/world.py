"""All of the sandbox that can change while it runs: consents, settings of tenants, faults, keys, clock."""

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from partnerapp.microsoft365.sandbox import directory
from partnerapp.microsoft365.sandbox.directory import Person, Tenant
from partnerapp.microsoft365.sandbox.keys import ANY_TENANT, Key

ROLES = ("Organization.Read.All", "User.Read.All")
DEFAULTS = {"no_principal": 0, "no_roles": 0, "next_link": ""}
TENANT_SETTINGS = {"users", "propagation", "page_delay", "withheld"} | set(DEFAULTS)


@dataclass
class Faults:
    """The next `count` requests get `status` and, if it is not None, the header `retry_after`."""

    count: int = 0
    status: int = 429
    retry_after: str | None = None


class World:
    """The state of one sandbox, shared by its threads. With a `path` the lasting part survives a restart."""

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        self.lock = threading.RLock()
        self.path = path
        self.clock = clock
        self.keys: list[Key] = []
        self.reset()
        if path and path.exists():
            self.load(path)
        else:
            self.roll_over()

    def reset(self) -> None:
        """As at the start, but with the same keys."""
        self.tenants = {tenant.tid: tenant for tenant in directory.TENANTS}
        self.people = list(directory.PEOPLE)
        self.consents = {tenant.tid: 0.0 for tenant in directory.TENANTS if tenant.consented}
        self.settings: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self.codes: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()
        self.skew = 0.0
        self.claims: dict[str, Any] = {}
        self.decline = False
        self.secret_expired = False
        self.graph_faults, self.token_faults = Faults(), Faults()
        self.keys[-1:] = [Key(key.private, key.kid, ANY_TENANT) for key in self.keys[-1:]]

    def now(self) -> float:
        """The sandbox's time: seconds since 1970, real unless the clock is skewed."""
        return self.clock() + self.skew

    # Tenants and people -------------------------------------------------------------------------------------
    def setting(self, tenant: Tenant, name: str) -> Any:
        changed = self.settings.get(tenant.tid, {})
        return changed[name] if name in changed else getattr(tenant, name, DEFAULTS.get(name))

    def tenant(self, name_or_tid: str) -> Tenant | None:
        named = {tenant.name.lower(): tenant for tenant in self.tenants.values()}
        return self.tenants.get(name_or_tid.lower()) or named.get(name_or_tid.lower())

    def person(self, oid: str) -> Person | None:
        return next((person for person in self.people if person.oid == oid), None)

    def members(self, tid: str) -> Iterator[Person]:
        return (person for person in self.people if person.tenant.tid == tid)

    # Consent ------------------------------------------------------------------------------------------------
    def grant(self, tenant: Tenant) -> None:
        with self.lock:
            self.consents[tenant.tid] = self.clock()
            self.asked[tenant.tid] = 0
            self.save()

    def revoke(self, tenant: Tenant) -> None:
        with self.lock:
            self.consents.pop(tenant.tid, None)
            self.save()

    def granted(self, tenant: Tenant) -> list[str] | None:
        """What a token asked for now would carry; None: the tenant does not know the application (yet)."""
        if tenant.tid not in self.consents:
            return None
        with self.lock:
            asked, self.asked[tenant.tid] = self.asked[tenant.tid], self.asked[tenant.tid] + 1
        age, whole = self.clock() - self.consents[tenant.tid], self.setting(tenant, "propagation")
        no_principal, no_roles = self.setting(tenant, "no_principal"), self.setting(tenant, "no_roles")
        if age < whole / 2 or asked < no_principal:
            return None
        return [] if age < whole or asked < no_principal + no_roles else self.permissions(tenant)

    def permissions(self, tenant: Tenant) -> list[str]:
        return [role for role in ROLES if role != self.setting(tenant, "withheld")]

    # Faults and keys ----------------------------------------------------------------------------------------
    def fault(self, faults: Faults) -> Faults | None:
        """The fault with which to answer this request, if any is left."""
        with self.lock:
            left = faults.count
            faults.count = max(0, left - 1)
        return faults if left else None

    def key(self) -> Key:
        return self.keys[-1]

    def roll_over(self) -> None:
        """A new signing key; the old one is unpublished, but access tokens signed by it still work."""
        self.keys.append(Key.generate())
        self.save()

    # Keeping ------------------------------------------------------------------------------------------------
    def save(self) -> None:
        """Write the lasting part, atomically, readable by the owner only: it has private keys in it."""
        if not self.path:
            return
        kept = {
            "keys": [key.dump() for key in self.keys],
            "consents": self.consents,
            "settings": self.settings,
            "tenants": [asdict(tenant) for tenant in self.tenants.values() if tenant not in directory.TENANTS],
            "people": [kept_person(person) for person in self.people if person not in directory.PEOPLE],
        }
        beside = self.path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file, indent=1)
        beside.replace(self.path)

    def load(self, path: Path) -> None:
        kept = json.loads(path.read_text())
        self.keys = [Key.load(key) for key in kept["keys"]]
        self.consents, self.settings = kept["consents"], kept["settings"]
        for tenant in kept["tenants"]:
            self.add_tenant(tenant)
        for person in kept["people"]:
            self.add_person(person)

    def add_tenant(self, about: dict[str, Any]) -> Tenant:
        tenant = Tenant(**about)
        self.tenants[tenant.tid] = tenant
        if tenant.consented:
            self.consents.setdefault(tenant.tid, 0.0)
        return tenant

    def add_person(self, about: dict[str, Any]) -> Person:
        tenant = self.tenant(about["tenant"])
        if tenant is None:
            raise ValueError(f"no tenant {about['tenant']!r}")
        person = Person(**(about | {"tenant": tenant}))
        self.people.append(person)
        return person


def kept_person(person: Person) -> dict[str, Any]:
    plain = {field.name: getattr(person, field.name) for field in fields(person)}
    return plain | {"tenant": person.tenant.tid}
