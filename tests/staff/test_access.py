"""Every URL of the staff's site × who asks: staff get it; to everybody else there is a sign-in, whatever is named."""

import re

import pytest
from django.urls import get_resolver

from partnerapp import checks
from tests.trees import (
    KNOWN,
    OUTSIDE,
    WORKS_FOR,
    Trees,
    lax,
    plain,
    production,  # noqa: F401 - a fixture
    snapshot,
    text_of,
    told,
    two_trees,  # noqa: F401 - a fixture
    undone,
)

LABELLED = [url for url, view in checks.views(get_resolver().url_patterns) if view.access == "staff"]
OPEN = ["/admin/login/"]
ORGANIZATION, OPERATOR = "/admin/partnerapp/organization/", "/admin/partnerapp/operator/"
PAGES = [  # {pk}: an organization's id; the other people's answers to all of them must be the same
    "/admin/",
    ORGANIZATION,
    ORGANIZATION + "?q={name}",
    ORGANIZATION + "add/",
    ORGANIZATION + "{pk}/change/",
    ORGANIZATION + "{pk}/do/release_tenant/",
    ORGANIZATION + "{pk}/do/extend_trial/",
    OPERATOR,
    OPERATOR + "add/",
    "/admin/partnerapp/event/",
    "/admin/partnerapp/event/?q=O-{pk}",
    "/admin/partnerapp/message/",
    "/admin/partnerapp/job/",
    "/admin/subscriptions/product/",
    "/admin/subscriptions/product/add/",
    "/admin/subscriptions/product/audit-2025/change/",
    "/admin/password_change/",
    "/admin/jsi18n/",
]
NOWHERE = [
    "/admin/nonsense/",
    "/admin/partnerapp/",
    "/admin/partnerapp/attempt/",
    "/admin/auth/group/",
    "/admin/r/1/1/",
]
OTHERS = [who for who in [*WORKS_FOR, *OUTSIDE] if who != "stan"]


def test_all_urls_of_the_site_carry_the_label():
    assert len(LABELLED) > 40
    assert [url for url in LABELLED if not url.startswith("admin/")] == []


@pytest.mark.parametrize("page", PAGES)
def test_staff_see_it(trees: Trees, page):
    before = snapshot()
    answer = trees.browsers["stan"].ask("GET", page.format(pk=trees.pk("fabrikam"), name="Fabrikam"))
    assert (answer.status_code, lax(answer, private=page != "/admin/jsi18n/")) == (200, [])
    assert snapshot() == before


@pytest.mark.parametrize("who", OTHERS)
def test_nobody_else_does(trees: Trees, who):
    """Also what is not there: the same sign-in for all of it."""
    before, browser = snapshot(), trees.browsers[who]
    for page in [*PAGES, *NOWHERE, *(f"/{re.sub('<[^>]+>', '1', url)}" for url in LABELLED if "^" not in url)]:
        url = page.format(pk=trees.pk("woodgrove"), name="Woodgrove")
        for method in ("GET", "POST"):
            if url in OPEN:
                continue
            answer = browser.ask(method, url, {"reason": "Because", "name": "X", "_save": "1"})
            out = url == "/admin/logout/"
            assert (url, answer.status_code, answer.url.partition("?")[0]) == (
                url, 302, "/admin/" if out else "/admin/login/",
            )  # fmt: skip
            assert lax(answer) == []
    assert snapshot() == before


@pytest.mark.parametrize("who", OTHERS)
def test_a_row_that_is_there_answers_as_one_that_is_not(trees: Trees, who):
    for page in (ORGANIZATION + "{pk}/change/", ORGANIZATION + "{pk}/do/cancel_trial/", ORGANIZATION + "?q=O-{pk}"):
        left = [
            plain(trees.browsers[who].ask("GET", page.format(pk=pk)), pk)
            for pk in (trees.pk("fabrikam"), trees.pk("missing"))
        ]
        assert left[0] == left[1]


@pytest.mark.parametrize("who", OTHERS)
def test_the_sign_in_names_nothing(trees: Trees, who):
    text = text_of(trees.browsers[who].ask("GET", "/admin/login/?next=/admin/partnerapp/organization/"))
    assert told(who, text) == []
    assert [name for name in KNOWN[who] if name and name.title() in text] == []
    assert not re.search("Organizations|Operators|Product", text)


@pytest.mark.parametrize("page", [*NOWHERE[:1], ORGANIZATION + "700000099/change/", ORGANIZATION + "x/change/"])
def test_what_is_not_there_is_not_found(trees: Trees, page):
    assert trees.browsers["stan"].ask("GET", page).status_code == 404


@pytest.mark.parametrize("model", ["event", "message", "job"])
def test_records_are_read_only_by_url_too(trees: Trees, model):
    """R31."""
    base, before = f"/admin/partnerapp/{model}/", snapshot()
    with undone():
        for end in ("add/", "1/delete/", "1/change/", "?action=delete_selected"):
            answer = trees.browsers["stan"].ask("POST", base + end, {"post": "yes", "_selected_action": "1"})
            assert answer.status_code in {400, 403, 302}  # 302: there is no such row
        assert trees.browsers["stan"].ask("GET", base + "add/").status_code == 403
    assert snapshot() == before


@pytest.mark.parametrize("end", ["change/", "delete/"])
def test_an_organization_changes_by_verbs_alone(trees: Trees, end):
    before = snapshot()
    answer = trees.browsers["stan"].ask(
        "POST", f"{ORGANIZATION}{trees.pk('fabrikam')}/{end}", {"post": "yes", "name": "X"}
    )
    assert (answer.status_code, snapshot()) == (403, before)
