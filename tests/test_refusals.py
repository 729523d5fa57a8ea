"""One sentence (R30): a refused action says the same in the Actions menu, in its drawer, and to whoever presses Apply."""

import uuid
from html import unescape

import pytest
from django.db import transaction
from django.urls import reverse

from onboarding.models import ImportRun
from partnerapp.models import Organization
from partnerapp.pages.menu import DRAWERS
from tests.factories import DAY, HOUR, NOW, partner, pending_partner

PARTNERS_URL = "/invoice/partners/selection/"
PENDING_URL = "/invoice/partners/pending/selection/"
HELD = {"ends_in": -HOUR, "upgrade_at": NOW + 25 * HOUR, "held_at": NOW - HOUR, "hold_reason": "refused"}
PARTNERS = {
    "early": {"ends_in": 9 * DAY},
    "in its last days": {"ends_in": 2 * DAY},
    "extended": {"ends_in": 2 * DAY, "extended_at": NOW - DAY},
    "due": {"ends_in": -HOUR},
    "held": HELD,
    "expired": {"ends_in": -HOUR, "blocked_at": NOW - DAY},
    "cancelled": {"cancelled_at": NOW - DAY},
    "production": {"converted_at": NOW - DAY},
}
STARTED = {"tid": uuid.uuid4(), "started_at": NOW - DAY, "started_oid": uuid.uuid4()}
CONSENTED = STARTED | {"consented_at": NOW - HOUR, "consenter_oid": uuid.uuid4()}
PENDING = {
    "sent": {},
    "consented": CONSENTED,
    "importing": CONSENTED | {"configured_at": NOW},
    "broken": CONSENTED | {"error_code": "missing_permission", "error_detail": "User.Read.All", "error_at": NOW},
    "withdrawn": {"subscription__withdrawn_at": NOW - DAY},
    "converted": CONSENTED | {"subscription__converted_at": NOW - DAY},
}
FORMS = {
    "manage_subscription_upgrade": {"upgrade": "block"},
    "convert_to_production": {"level": "production"},
    "change_notification_email": {"email": "new@partner.example"},
}


def made(contoso, state):
    """The address of its list's selection, and the Partner."""
    if state in PARTNERS:
        return PARTNERS_URL, partner(contoso, **PARTNERS[state])
    row = pending_partner(contoso, **PENDING[state])
    if PENDING[state].keys() >= CONSENTED.keys():
        Organization.objects.filter(pk=row.pk).update(tid=uuid.uuid4())
    if state == "importing":
        ImportRun.objects.create(organization=row, tid=row.onboarding.tid, ready_at=NOW, started_at=NOW, step="users")
    return PENDING_URL, row


def menu(client, url, row):
    """What the Actions menu says to each refused action; to an allowed one ""."""
    items = client.get(f"{url}?id={row.pk}").context["menu"]
    return {item["name"]: item["refusal"] or item["note"] for item in items if item["takes_selection"]}


def pressed(client, action, row):
    """The answer to Apply, and its effect undone."""
    with transaction.atomic():
        answer = client.post(reverse(action), FORMS.get(action, {}) | {"id": row.pk})
        transaction.set_rollback(True)
    return answer


@pytest.mark.parametrize("state", [*PARTNERS, *PENDING])
def test_menu_drawer_and_answer_say_the_same_in_every_state(signed_in, alice, contoso, state):
    client = signed_in(alice, htmx=True)
    url, row = made(contoso, state)
    for action, sentence in menu(client, url, row).items():
        answer = pressed(client, action, row)
        assert answer.status_code == (422 if sentence else 204), action
        if sentence:
            drawer = client.get(f"{reverse(action)}?id={row.pk}")
            assert drawer.context["refusal"] == answer.context["refusal"] == sentence
            assert sentence in unescape(drawer.content.decode())


def test_a_viewer_reads_the_same_everywhere(signed_in, victor, contoso):
    client = signed_in(victor)
    url, row = made(contoso, "in its last days")
    for action, sentence in menu(client, url, row).items():
        assert sentence == "Your role is Viewer. Ask an Admin of Contoso Distribution to do this."
        for answer in (pressed(client, action, row), client.get(f"{reverse(action)}?id={row.pk}")):
            assert (answer.status_code, sentence in unescape(answer.content.decode())) == (403, True)


def test_when_none_of_several_qualifies_the_first_ones_sentence_is_said(signed_in, alice, contoso):
    """As in the menu."""
    client = signed_in(alice, htmx=True)
    two = [partner(contoso, state, **PARTNERS[state]) for state in ("production", "cancelled")]
    ids = "&".join(f"id={row.pk}" for row in two)
    item = next(i for i in client.get(f"{PARTNERS_URL}?{ids}").context["menu"] if i["name"] == "extend_trial")
    answer = client.post(reverse("extend_trial"), {"id": [row.pk for row in two]})
    drawer = client.get(f"{reverse('extend_trial')}?{ids}")
    assert item["refusal"] == answer.context["refusal"] == drawer.context["refusal"]
    assert item["refusal"] == "Already in production since 30 Nov 2026, 09:00 UTC."


def test_each_action_is_refused_somewhere_and_allowed_somewhere(contoso):
    """So that the tests above see both."""
    rows = [made(contoso, state)[1] for state in [*PARTNERS, *PENDING]]
    offered = [drawer for drawer in DRAWERS if "partner" in drawer.kinds]
    seen = {(drawer.name, drawer.rule(row, NOW).allowed) for drawer in offered for row in rows}
    assert seen == {(drawer.name, allowed) for drawer in offered for allowed in (True, False)}
