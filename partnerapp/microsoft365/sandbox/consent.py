"""The sandbox's admin consent: only an administrator of the tenant can accept."""

from typing import Any

from partnerapp.microsoft365.sandbox import pages
from partnerapp.microsoft365.sandbox.directory import Person, Tenant
from partnerapp.microsoft365.sandbox.oidc import describe
from partnerapp.microsoft365.sandbox.web import Request, Response, html, redirect
from partnerapp.microsoft365.sandbox.world import World


def ask(world: World, request: Request, tenant: str) -> Response:
    """The page for the one who is signed in; for nobody and `account=other` the tenant's people."""
    asked, found = request.query, world.tenant(tenant)
    wrong = wrong_request(asked, found)
    if wrong or found is None:
        return html(wrong, 400)
    if world.decline:
        return declined(asked)
    person = world.person(asked.get("account") or request.cookies.get("sandbox_account", ""))
    if person is None or person.tenant != found:
        return html(pages.consent_accounts(world, asked, found))
    return html(page(world, asked, person))


def page(world: World, asked: dict[str, str], person: Person) -> str:
    withheld = world.setting(person.tenant, "withheld")
    return pages.consent(asked, person, withheld) if person.admin else pages.need_admin(asked, person)


def decide(world: World, request: Request, tenant: str) -> Response:
    asked, found = request.form, world.tenant(tenant)
    wrong = wrong_request(asked, found)
    if wrong or found is None:
        return html(wrong, 400)
    if asked.get("answer") not in ("accept", "accept_all"):
        return declined(asked)
    person = world.person(asked.get("account", ""))
    if person is None or person.tenant != found or not person.admin:
        return give_back(asked, error="access_denied", error_description=describe(90094, "Admin consent is required."))
    if asked["answer"] == "accept_all":
        world.settings.setdefault(found.tid, {})["withheld"] = ""
    world.grant(found)
    return give_back(asked, tenant=found.tid, scope=asked["scope"])


def wrong_request(asked: dict[str, str], tenant: Tenant | None) -> str:
    if tenant is None:
        return pages.message("No such tenant", "The sandbox has no such tenant.")
    missing = [name for name in ("client_id", "redirect_uri", "state", "scope") if not asked.get(name)]
    if missing or not asked["redirect_uri"].startswith(("http://", "https://")):
        return pages.message("Not a request for consent", f"Missing or wrong: {', '.join(missing) or 'redirect_uri'}.")
    return ""


def declined(asked: dict[str, str]) -> Response:
    return give_back(asked, error="consent_required", error_description=describe(65004, "The person declined."))


def give_back(asked: dict[str, str], **values: Any) -> Response:
    """`admin_consent=True` comes with errors too, as it does from Microsoft."""
    return redirect(asked["redirect_uri"], admin_consent="True", state=asked["state"], **values)
