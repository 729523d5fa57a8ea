"""The app's own database role: what it needs, but never rewriting what happened (reliability.md, Events)."""

import os
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql
from psycopg.errors import InsufficientPrivilege

from partnerapp.models import Event
from tests.factories import DistributorFactory

NEW_EVENT = """
    INSERT INTO event (organization_id, distributor_id, at, actor, actor_kind, kind, before, after, reason)
    SELECT organization_id, distributor_id, at, actor, actor_kind, 'added', before, after, reason FROM event
"""
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event(db):
    distributor = DistributorFactory(name="Contoso Distribution")
    return Event.record(distributor, "distributor_added", at=distributor.created_at, by=None)


@pytest.fixture
def app(event):
    """A connection to the tests' database as the role of the web server and the workers."""
    if not settings.AS_OWNER or connection.settings_dict["USER"] == settings.APP_DATABASE_ROLE:
        pytest.skip("the app has no role of its own in this database")
    url = urlsplit(os.environ["DATABASE_APP_URL"])
    with psycopg.connect(url._replace(path=f"/{connection.settings_dict['NAME']}").geturl(), autocommit=True) as app:
        yield app


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET reason = 'Otherwise'",
        "DELETE FROM event",
        "TRUNCATE event",
        "TRUNCATE organization CASCADE",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "DROP TRIGGER event_is_append_only ON event",
        "DROP TABLE event CASCADE",
    ],
)
def test_events_are_not_rewritten(app, event, statement):
    with pytest.raises(InsufficientPrivilege):
        app.execute(statement)
    assert Event.objects.get().reason == event.reason


def test_events_are_read_and_added(app):
    assert app.execute(NEW_EVENT).rowcount == 1
    assert app.execute("SELECT count(*) FROM event").fetchone() == (2,)


@pytest.mark.parametrize(
    "table",
    ["organization", "subscription", "message", "period", "job", "django_session", "product", "operator", "attempt"],
)
def test_everything_else_is_written(app, table):
    for verb in ("SELECT 1 FROM {}", "DELETE FROM {} WHERE false"):
        app.execute(sql.SQL(verb).format(sql.Identifier(table)))
    rights = app.execute("SELECT has_table_privilege(%s, 'INSERT, UPDATE')", [table]).fetchone()
    assert rights == (True,)


def test_sequences_of_all_tables_are_usable(app):
    names = app.execute("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'S'").fetchall()
    assert len(names) > 10
    assert all(app.execute("SELECT has_sequence_privilege(%s, 'USAGE')", name).fetchone()[0] for name in names)


def test_staff_record_what_is_the_vendors_own(app):
    """R31: an event without an organization, which is append-only like the others."""
    values = "('2026-12-01', 'Stan', 'staff', 'product_added', '{}', '{}', '')"
    app.execute(f"INSERT INTO event (at, actor, actor_kind, kind, before, after, reason) VALUES {values}")
    with pytest.raises(InsufficientPrivilege):
        app.execute("DELETE FROM event WHERE organization_id IS NULL")
