"""Search finds the beginnings of words in name, email and domain, in one's own list, however they are written."""

import random
import uuid

import pytest
from django.http import QueryDict
from django.utils.http import urlencode

from onboarding.models.tenancy import connect
from partnerapp import tables
from partnerapp.microsoft365.consent import Profile
from partnerapp.models import Organization
from partnerapp.models.organization import fold
from partnerapp.pages.customers import CUSTOMERS, PENDING_CUSTOMERS
from partnerapp.pages.partners import PARTNERS, PENDING_PARTNERS
from partnerapp.tables import Asked
from subscriptions.models import Subscription
from tests.factories import NOW, crowd, customer, partner, pending_customer, pending_partner

URL = "/invoice/partners/"
NAMES = [
    "Ångström Cloud AB", "STRASSE & Weg", "Straße 7 GmbH", "İstanbul Bulut", "Ｆｕｌｌ Ｗｉｄｔｈ", "O'Brien & Söhne GmbH",
    "北京科技有限公司", "株式会社 サンプル", "Fabrikam-Nord", "ﬁne Ⅳ", "ΩΜΕΓΑ ΕΛΛΆΣ", "שָׁלוֹם", "Cloud 9 (North)",
    "Ørsted Łódź", "Æther ıŞık",
]  # fmt: skip
FOUND = {
    "angstrom": {"Ångström Cloud AB"}, "ÅNGSTRÖM": {"Ångström Cloud AB"}, "A\u030angs": {"Ångström Cloud AB"},
    "ström": set(),  # the beginnings of words only
    "strasse": {"STRASSE & Weg", "Straße 7 GmbH"}, "STRAẞE": {"STRASSE & Weg", "Straße 7 GmbH"},
    "istanbul": {"İstanbul Bulut"}, "ISTANBUL": {"İstanbul Bulut"}, "İST": {"İstanbul Bulut"},
    "full width": {"Ｆｕｌｌ Ｗｉｄｔｈ"}, "ｆｕｌ": {"Ｆｕｌｌ Ｗｉｄｔｈ"},
    "o'brien": {"O'Brien & Söhne GmbH"}, "O’Brien": {"O'Brien & Söhne GmbH"}, "brien sohne": {"O'Brien & Söhne GmbH"},
    "gmbh": {"Straße 7 GmbH", "O'Brien & Söhne GmbH"}, "gmbh 7": {"Straße 7 GmbH"}, "  7   gm ": {"Straße 7 GmbH"},
    "北京": {"北京科技有限公司"}, "科技": set(), "株式会社": {"株式会社 サンプル"}, "ｻﾝﾌﾟﾙ": {"株式会社 サンプル"},
    "nord fabrikam": {"Fabrikam-Nord"}, "fabrikam-nord": {"Fabrikam-Nord"}, "fabrikamnord": set(),
    "fine iv": {"ﬁne Ⅳ"}, "ωμεγα ελλας": {"ΩΜΕΓΑ ΕΛΛΆΣ"}, "שלום": {"שָׁלוֹם"}, "cloud": {"Ångström Cloud AB", "Cloud 9 (North)"},
    "orsted": {"Ørsted Łódź"}, "łódź": {"Ørsted Łódź"}, "lodz": {"Ørsted Łódź"}, "aether isik": {"Æther ıŞık"},
    "(north": {"Cloud 9 (North)"}, "cloud!": {"Ångström Cloud AB", "Cloud 9 (North)"}, "cloud nobody": set(),
    "!!!": set(), "'": set(), "\\": set(), "*": set(), "%": set(), "_": set(),
    "cloud:*|gmbh": set(), "!cloud": {"Ångström Cloud AB", "Cloud 9 (North)"}, "cloud <-> 9": {"Cloud 9 (North)"},
    "IT@Partner0005.Example": {"O'Brien & Söhne GmbH"}, "O'Brien <it@partner0005.example>": {"O'Brien & Söhne GmbH"},
    "partner0005.ex": {"O'Brien & Söhne GmbH"}, "it@": set(NAMES), "x" * 300: set(), "ﷺ" * 200: set(),
}  # fmt: skip


def asked(q, table=PARTNERS):
    return Asked.of(table, QueryDict(urlencode({"q": q})))


def found(operator, q, table=PARTNERS):
    rows = tables.matching(asked(q, table), operator, NOW, tables.search(asked(q, table), operator))
    return {row.organization.name for row in rows.select_related("organization")}


def shown(client, url=URL, **query):
    return [row["name"] for row in client.get(f"{url}?{urlencode(query)}").context["rows"]]


def test_words_are_found_however_they_are_written(alice, contoso):
    crowd(contoso, len(NAMES), lambda n: {"name": NAMES[n]})
    assert {q: found(alice, q) for q in FOUND} == FOUND


LONG = ["Ringfielding", "Ringfieldings", "Ring Fieldingsberg", "Xringfieldings"]


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("ringfiel", LONG[:2]), ("ringfield", LONG[:2]), ("ringfieldi", LONG[:2]), ("ringfielding", LONG[:2]),
        ("ringfieldings", LONG[1:2]), ("ringfieldingsb", []), ("fieldingsb", LONG[2:3]), ("ring fieldingsberg", LONG[2:3]),
        ("ringfielx", []), ("ringfieldx", []), ("ringfieldinx", []), ("ringfieldingx", []), ("xringfieldings", LONG[3:]),
        ("ringfieldings partner0001", LONG[1:2]), ("ringfieldings partner0000", []), ("it ringfieldings", LONG[1:2]),
    ],
)  # fmt: skip
def test_long_words_are_found_by_all_of_their_letters(alice, contoso, q, names):
    """The index tells the first ones apart, the others are compared."""
    crowd(contoso, len(LONG), lambda n: {"name": LONG[n]})
    assert found(alice, q) == set(names)
    assert found(alice, q, PENDING_PARTNERS) == set()


def begins(name, q):
    """Each word of the search begins some word of the name."""
    words = fold(q).split()
    return bool(words) and all(any(word.startswith(part) for word in fold(name).split()) for part in words)


ALPHABET = "aåÅbßSs9 .-@'ﬁΣςİı京"


def test_it_finds_what_has_words_that_begin_with_each_word_of_the_search(alice, contoso):
    """Against the sentence itself, over many names and searches."""
    chance = random.Random(9)
    names = ["".join(chance.choices(ALPHABET, k=9)) + "x" for _name in range(60)]
    crowd(contoso, len(names), lambda n: {"name": names[n], "notification_email": f"y@z{n}"})
    for _search in range(80):
        q = "".join(chance.choices(ALPHABET, k=chance.randrange(1, 4))).strip() or "x"
        assert found(alice, q) == {name for name in names if begins(name, q)}, q


def test_it_is_what_the_page_shows_and_it_says_what_was_looked_for(signed_in, alice, fabrikam, contoso):
    partner(contoso, "Tailspin")
    client = signed_in(alice)
    assert shown(client, q="fabr") == ["Fabrikam"]
    page = client.get(f"{URL}?q=%3Cb%3E+fabr").content.decode()
    assert 'value="&lt;b&gt; fabr"' in page
    assert "No name, email or domain has words that begin with “&lt;b&gt; fabr” here." in page


def test_the_pending_list_is_searched_by_itself(alice, fabrikam, contoso):
    pending_partner(contoso, "Fabrikam Two")
    pending_partner(contoso, "Fabrikam Three", subscription__withdrawn_at=NOW)
    assert (found(alice, "fabrikam"), found(alice, "fabrikam", PENDING_PARTNERS)) == ({"Fabrikam"}, {"Fabrikam Two"})


def test_an_import_that_completes_takes_it_from_one_search_to_the_other(alice, contoso):
    waiting = pending_partner(contoso, "Fabrikam")
    waiting.subscription.begin(at=NOW, seats=5)
    assert (found(alice, "fabrikam"), found(alice, "fabrikam", PENDING_PARTNERS)) == ({"Fabrikam"}, set())
    waiting.refresh_from_db()
    waiting.save()  # it knows what it is by now
    assert (found(alice, "fabrikam"), found(alice, "fabrikam", PENDING_PARTNERS)) == ({"Fabrikam"}, set())


def test_a_partner_finds_its_own_customers_only(alice, bob, charlie):
    """With the words of its distributor's list."""
    for operator, whose in ((bob, "Bob"), (charlie, "Charlie")):
        customer(operator.organization, f"Woodgrove {whose}")
        pending_customer(operator.organization, f"Woodgrove Pending {whose}")
    for table, names in (
        (CUSTOMERS, ["Woodgrove Bob", "Woodgrove Charlie"]),
        (PENDING_CUSTOMERS, ["Woodgrove Pending Bob", "Woodgrove Pending Charlie"]),
    ):
        assert [found(operator, "woodgrove", table) for operator in (bob, charlie)] == [{name} for name in names]
        assert found(alice, "woodgrove", table) == set(names)
        assert found(bob, "woodgrove charlie", table) == set()
    assert found(bob, "northwind", PARTNERS) == found(bob, "fabrikam", PARTNERS) == set()


def test_nothing_of_another_tree_is_found(alice, mallory, fabrikam):
    partner(mallory.organization, "Fabrikam Elsewhere")
    assert (found(alice, "fabrikam"), found(mallory, "fabrikam")) == ({"Fabrikam"}, {"Fabrikam Elsewhere"})
    for q in (
        f"{mallory.organization_id}pfabrikam",
        f"{mallory.organization_id}p",
        f"x' | '{mallory.organization_id}p",
    ):
        assert found(alice, q) == set()


def test_customers_are_not_found_among_partners(alice, fabrikam, contoso):
    customer = Organization.objects.create(
        kind="customer", source="msp", distributor=contoso, parent=fabrikam, name="Fabrikam Customer",
        notification_email="it@customer.example", created_at=NOW,
    )  # fmt: skip
    Subscription.objects.create(organization=customer, **customer.branch, kind="customer", imported_at=NOW)
    assert (found(alice, "fabrikam"), found(alice, "customer")) == ({"Fabrikam"}, set())


# What it is found by follows its facts ------------------------------------------------------------------------------


def test_the_domain_is_found_once_consent_told_it(alice, contoso):
    pending = pending_partner(contoso)
    assert found(alice, "alpineski", PENDING_PARTNERS) == set()
    profile = Profile(str(uuid.uuid4()), "Alpine Ski House", "Alpineski.onmicrosoft.com", "AT")
    assert connect(pending, profile) == ""
    assert found(alice, "alpineski.onmicrosoft.com", PENDING_PARTNERS) == {"Adatum"}


def test_a_changed_email_is_found_and_the_old_one_is_not(alice, contoso):
    pending = pending_partner(contoso)
    old = pending.notification_email
    pending.onboarding.change_email("new@proseware.example", by=alice, at=NOW)
    assert found(alice, "proseware", PENDING_PARTNERS) == {"Adatum"}
    assert found(alice, old, PENDING_PARTNERS) == set()


@pytest.mark.parametrize("fields", [None, ["name"]])
def test_a_new_name_is_found_and_sorted_by(alice, fabrikam, fields):
    fabrikam.name = "Zürich IT"
    fabrikam.save(update_fields=fields)
    assert (found(alice, "zurich"), found(alice, "fabrikam")) == ({"Zürich IT"}, set())
    assert Organization.objects.get(pk=fabrikam.pk).name_key == "zurich it"


@pytest.mark.parametrize("name", ["ﷺ" * 120, "㌖" * 120, "𝕏" * 120, "ﬃ" * 120, "!" * 120])
def test_the_longest_names_can_be_kept_and_found(alice, contoso, name):
    partner(contoso, name)
    assert found(alice, name[:5]) == ({name} if fold(name) else set())
    assert found(alice, name) == ({name} if fold(name) else set())


# With chips, orders, pages ------------------------------------------------------------------------------------------


@pytest.fixture
def alpine(contoso):
    """30 "Alpine …", of which every third is in production, and 30 others."""
    own = lambda n: {"name": f"{('Alpine', 'Baltic')[n % 2]} {59 - n:02}"}  # noqa: E731
    return crowd(contoso, 60, own, lambda n: {"converted_at": NOW} if n % 3 == 0 else {})


def test_chips_count_among_what_is_found(signed_in, alice, alpine):
    answer = signed_in(alice).get(f"{URL}?q=alpine")
    counts = {chip["name"]: chip["count"] for chip in answer.context["toolbar"]["chips"]}
    assert (counts["all"], counts["production"], counts["held"]) == ("30", "10", "0")
    assert [tab["count"] for tab in answer.context["tabs"]] == ["60", "0"]  # the lists themselves


def test_every_order_goes_with_a_search_and_a_chip(signed_in, alice, alpine):
    """Without a search a chip has one order."""
    client, production = signed_in(alice), [f"Alpine {59 - n:02}" for n in range(0, 60, 6)]
    assert shown(client, q="alpine", chip="production", order="name") == sorted(production)
    assert shown(client, q="alpine", chip="production", order="newest") == production[::-1]
    assert shown(client, chip="production", order="name")[:2] == ["Alpine 59", "Baltic 56"]


def test_pages_go_on_among_what_is_found(signed_in, alice, alpine):
    client = signed_in(alice)
    first = client.get(f"{URL}?q=alpine&order=name")
    second = client.get(first.context["pager"]["next"])
    names = [row["name"] for answer in (first, second) for row in answer.context["rows"]]
    assert names == [f"Alpine {n:02}" for n in range(1, 60, 2)]
    assert "order=name" in first.context["pager"]["next"]


def test_a_new_search_starts_at_its_first_page_and_keeps_chip_order_and_size(signed_in, alice, alpine):
    page = signed_in(alice).get(f"{URL}?q=alp&chip=production&size=50&order=name").content.decode()
    assert '<input type="hidden" name="chip" value="production" form="search">' in page
    assert '<input type="hidden" name="size" value="50" form="search">' in page
    assert '<select name="order" form="search"' in page
    assert 'name="after"' not in page


def test_more_than_a_thousand_matches_are_said_to_be_more(signed_in, alice, contoso, monkeypatch):
    monkeypatch.setattr(tables, "MOST", 5)
    crowd(contoso, 6)
    client = signed_in(alice)
    answer = client.get(f"{URL}?q=partner")
    assert len(answer.context["rows"]) == 5
    assert "More than 1,000 match; 1,000 of them are shown." in answer.content.decode()
    assert "More than 1,000 match" not in client.get(f"{URL}?q=partner+0001").content.decode()


def test_a_poll_takes_no_row_away_because_others_match_too(signed_in, alice, contoso, monkeypatch):
    """Which thousand of more matches a page gets is nobody's promise."""
    crowd(contoso, 6, trials=None)
    client = signed_in(alice, htmx=True)
    poll = client.get("/invoice/partners/pending/?q=partner").context["poll"]["url"]
    monkeypatch.setattr(tables, "MOST", 3)
    answer = client.get(poll)
    assert (len(answer.context["rows"]), answer.context["gone"]) == (6, set())


def test_nothing_matches_has_a_way_out(signed_in, alice, fabrikam):
    for query in ("?q=nobody", "?chip=held", "?q=fabrikam&chip=held"):
        page = signed_in(alice).get(URL + query).content.decode()
        assert "Nothing matches" in page
        assert f'<a class="button" href="{URL}">Show all</a>' in page
        assert "No active Partners yet" not in page
