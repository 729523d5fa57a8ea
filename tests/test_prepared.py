"""Statements that are written once say nothing of whom they were written for."""

from concurrent.futures import ThreadPoolExecutor

from django.db import connection
from django.http import QueryDict

from partnerapp import counting, tables
from partnerapp.authentication import OperatorBackend
from partnerapp.models import Job, Organization
from partnerapp.pages.partners import PARTNERS
from partnerapp.tables import Asked, Matches, paging
from tests.factories import DAY, NOW, OperatorFactory, partner


def names(operator, at=NOW, **params):
    query = QueryDict(mutable=True)
    query.update(params)
    asked = Asked.of(PARTNERS, query)
    return [row.organization.name for row in tables.page(asked, operator, at, tables.search(asked, operator)).rows]


def test_the_statement_of_one_operator_answers_the_next(contoso, alice):
    other = OperatorFactory()
    partner(contoso, "Adatum")
    partner(other.organization, "Litware")
    paging.cache_clear()
    assert (names(alice), names(other)) == (["Adatum"], ["Litware"])
    assert paging.cache_info().misses == 1


def test_the_statement_of_one_instant_answers_at_the_next(contoso, alice):
    partner(contoso, "Adatum", ends_in=5 * DAY)
    assert names(alice, chip="ending") == []
    assert names(alice, NOW + 3 * DAY, chip="ending") == ["Adatum"]


def test_the_database_plans_a_page_and_its_counts_once(contoso, alice):
    """Whoever asks, whenever: its plans are generic."""
    partner(contoso, "Adatum")
    for operator, at in ((alice, NOW), (OperatorFactory(), NOW), (alice, NOW + DAY)):
        names(operator, at)
        counting.counts(Asked.of(PARTNERS, QueryDict()), operator, at, Matches(), [])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%subscription%'"
        )
        assert cursor.fetchall() == [(3, 0), (3, 0)]


def test_of_what_django_asks_itself_nothing_is_kept(contoso, alice):
    names(alice)
    Organization.objects.filter(pk__in=range(100)).count()
    assert connection.connection.prepare_threshold is None
    assert not connection.connection._prepared._counts


def test_a_column_of_another_type_is_planned_for_anew(transactional_db):
    """A session's plans are for the types of before."""
    assert Job.health(NOW)
    for length in (41, 40):
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE job ALTER COLUMN name TYPE varchar({length})")
        assert Job.health(NOW)


def test_the_statement_of_one_search_answers_the_next(contoso, alice):
    for name in ("Adatum", "Alpine One", "Alpine Two"):
        partner(contoso, name)
    paging.cache_clear()
    assert (names(alice, q="ada"), names(alice, q="alp two"), names(alice, q="nobody")) == (
        ["Adatum"],
        ["Alpine Two"],
        [],
    )
    assert names(alice, q="al", order="name") == ["Alpine One", "Alpine Two"]
    assert paging.cache_info().misses == 2


def test_each_thread_asks_over_its_own_connection(alice):
    assert OperatorBackend().get_user(alice.pk) == alice

    def in_a_thread():
        try:
            return OperatorBackend().get_user(alice.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:  # which does not see what this test's transaction has not committed
        assert pool.submit(in_a_thread).result() is None
