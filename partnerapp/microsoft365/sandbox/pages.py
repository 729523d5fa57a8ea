"""The sandbox's pages. Each says in its title and head that this is not Microsoft."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from partnerapp.microsoft365.sandbox import directory
from partnerapp.microsoft365.sandbox.directory import Person, Tenant
from partnerapp.microsoft365.sandbox.web import Request, Response
from partnerapp.microsoft365.sandbox.world import ROLES, World

ASSETS = Path(__file__).parent / "assets"
TYPES = {"style.css": "text/css", "submit.js": "text/javascript"}
NOT_IN_TENANT = "That account does not belong to the tenant that the portal asks for. Go back and choose another one."
MEANING = {
    "Organization.Read.All": "Read the organization's profile and its licences",
    "User.Read.All": "Read all users: whether they are enabled and which licences they have",
}


def page(title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} – Microsoft 365 sandbox</title>
<link rel="stylesheet" href="/_sandbox/style.css">
</head>
<body>
<header><strong>Microsoft 365 sandbox</strong> A stand-in for demo and tests. This is not Microsoft.</header>
<main>
<h1>{escape(title)}</h1>
{body}
</main>
</body>
</html>
"""


def message(title: str, words: str) -> str:
    return page(title, f"<p>{escape(words)}</p>")


def hidden(values: dict[str, str], *, without: Iterable[str] = ()) -> str:
    kept = ((name, value) for name, value in values.items() if name not in set(without))
    return "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in kept)


def asset(world: World, request: Request, name: str) -> Response:
    return Response((ASSETS / name).read_bytes(), headers={"Content-Type": TYPES[name]})


# Signing in -------------------------------------------------------------------------------------------------
def picker(world: World, asked: dict[str, str], tenant: Tenant | None) -> str:
    """All people by tenant, those of the tenant that is asked for first."""
    wanted = asked.get("filter", "")
    matched = ((name, matching(people, wanted)) for name, people in grouped(world, tenant))
    groups = "".join(group(name, people) for name, people in matched if people)
    choose = f'<form method="post">{hidden(asked, without=["filter"])}{groups or NOBODY}{CANCEL}</form>'
    return page("Pick an account", filter_form(asked, wanted) + choose)


NOBODY = "<p>Nobody matches the filter.</p>"
CANCEL = '<p class="actions"><button name="account" value="" class="quiet">Cancel</button></p>'


def filter_form(asked: dict[str, str], wanted: str) -> str:
    return f"""<form method="get" role="search" class="filter">{hidden(asked, without=["filter"])}
<label for="filter">Filter by name or tenant</label>
<input id="filter" name="filter" type="search" value="{escape(wanted)}">
<button class="quiet">Filter</button></form>"""


def grouped(world: World, first: Tenant | None) -> list[tuple[str, list[Person]]]:
    """Tenants by name (the one asked for first), then what is only there to be refused."""
    ordinary = sorted((tenant for tenant in world.tenants.values() if not tenant.listed_last), key=lambda one: one.name)
    ordered = sorted(ordinary, key=lambda tenant: tenant != first)
    groups = [(one.name, [who for who in world.members(one.tid) if who not in directory.OTHERS]) for one in ordered]
    return [
        *groups,
        (
            "Other accounts",
            [who for who in world.people if who.tenant.listed_last or who in directory.OTHERS],
        ),
    ]


def matching(people: list[Person], wanted: str) -> list[Person]:
    return [who for who in people if wanted.lower() in f"{who.name} {who.username} {who.tenant.name}".lower()]


def group(name: str, people: list[Person]) -> str:
    return f"<section><h2>{escape(name)}</h2>{''.join(map(account, people))}</section>"


def account(person: Person) -> str:
    return f"""<button name="account" value="{person.oid}" class="account">
<strong>{escape(person.name)}</strong><span>{escape(person.username)}</span><small>{escape(person.may)}</small></button>"""


def form_post(url: str, values: dict[str, str]) -> str:
    """The answer to the portal. It goes by itself, or by the button without JavaScript."""
    button = '<p class="actions"><button>Continue</button></p>'
    form = f'<form method="post" action="{escape(url)}" id="answer">{hidden(values)}{button}</form>'
    return page("Back to the portal", form + '<script src="/_sandbox/submit.js"></script>')


# Consent ----------------------------------------------------------------------------------------------------
def consent_accounts(world: World, asked: dict[str, str], tenant: Tenant) -> str:
    people = group(tenant.name, list(world.members(tenant.tid)))
    return page(
        "Who grants the permissions?",
        f'<form method="get">{hidden(asked, without=["account"])}{people}</form>',
    )


def consent(asked: dict[str, str], person: Person, withheld: str) -> str:
    permissions = "".join(f"<li><strong>{role}</strong><br>{MEANING[role]}</li>" for role in ROLES)
    return page(
        "Permissions requested",
        f"""<p>For the whole of <strong>{escape(person.tenant.name)}</strong>, by {escape(person.name)}:</p>
<ul class="permissions">{permissions}</ul>
<form method="post">{hidden(asked | {"account": person.oid})}
{withheld_note(withheld)}
<p class="actions"><button name="answer" value="accept" class="main">Accept</button>
<button name="answer" value="cancel" class="quiet">Cancel</button></p></form>{another(asked)}""",
    )


def withheld_note(withheld: str) -> str:
    if not withheld:
        return ""
    return f"""<p class="note">This tenant is set up to withhold {escape(withheld)}, so that the portal
has something to explain.
<button name="answer" value="accept_all" class="quiet">Accept and grant {escape(withheld)} too</button></p>"""


def need_admin(asked: dict[str, str], person: Person) -> str:
    return page(
        "Need admin approval",
        f"""<p>{escape(person.name)} is not an administrator of {escape(person.tenant.name)}. Only an
administrator can grant these permissions.</p>{another(asked)}
<form method="post">{hidden(asked | {"account": person.oid})}
<p class="actions"><button name="answer" value="accept" class="quiet">Return without consent</button></p>
</form>""",
    )


def another(asked: dict[str, str]) -> str:
    return f"""<form method="get">{hidden(asked, without=["account"])}
<p class="actions"><button name="account" value="other" class="link">Use another account</button></p>
</form>"""


# Home -------------------------------------------------------------------------------------------------------
def home(world: World) -> str:
    rows = "".join(row(world, tenant) for tenant in world.tenants.values() if not tenant.listed_last)
    return page(
        "Tenants",
        f"""<p>What the portal can find here. More can be set with JSON at <code>/_sandbox/</code>.</p>
<table><thead><tr><th>Tenant</th><th class="number">Users</th><th>Consent</th><th>Change</th></tr></thead>
<tbody>{rows}</tbody></table>""",
    )


def row(world: World, tenant: Tenant) -> str:
    withheld, consented = world.setting(tenant, "withheld"), tenant.tid in world.consents
    status = ("given" if consented else "not given") + (f", {withheld} withheld" if withheld else "")
    buttons = press(tenant, "restore", f"Grant {withheld}") if withheld else ""
    buttons += press(tenant, "revoke", "Take consent back") if consented else ""
    return f"""<tr><th scope="row">{escape(tenant.name)}<br><small>{tenant.tid}</small></th>
<td class="number">{world.setting(tenant, "users"):,}</td><td>{escape(status)}</td><td>{buttons}</td></tr>"""


def press(tenant: Tenant, do: str, label: str) -> str:
    whose = f'aria-label="{escape(label)}: {escape(tenant.name)}"'
    button = f'<button name="do" value="{do}" class="quiet" {whose}>{escape(label)}</button>'
    return f'<form method="post">{hidden({"tenant": tenant.tid})}{button}</form>'
