"""What monitoring asks: the process, its database, its recurring jobs."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from partnerapp import clock
from partnerapp.models import Job
from partnerapp.models.job import STALE_AFTER


def finished(ago=timedelta(), **more):
    for name in STALE_AFTER:
        Job.finished(name, wall=clock.wall() - ago, counts={}, **more)


def test_the_process_answers_without_a_database(client, monkeypatch):
    monkeypatch.setattr(connection, "cursor", lambda: 1 / 0)
    assert client.get("/healthz").json() == {"ok": True}


def test_ready_when_the_database_answers_and_is_migrated(client, db):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})


def test_not_ready_while_a_migration_waits(client, db, monkeypatch):
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [("partnerapp", "0099")])
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "migrations are waiting")


def test_not_ready_without_its_database(client, db, monkeypatch):
    def away(self, targets):
        raise DatabaseError("connection to 10.0.0.5 refused for user app")

    monkeypatch.setattr(MigrationExecutor, "migration_plan", away)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "reason": "the database does not answer"})


def test_jobs_that_run_are_well(client, db):
    finished(oldest_overdue_s=7)
    answer = client.get("/health/jobs")
    assert answer.status_code == 200
    report = answer.json()["jobs"]["sweep"]
    assert set(report) == {"last_ok_at", "age_s", "overdue", "oldest_overdue_s"}
    assert (report["age_s"], report["overdue"], report["oldest_overdue_s"]) == (0, False, 7)


def test_a_job_that_never_ran_is_not(client, db):
    answer = client.get("/health/jobs")
    assert answer.status_code == 503
    assert {job["overdue"] for job in answer.json()["jobs"].values()} == {True}


@pytest.mark.parametrize("name", STALE_AFTER)
def test_one_stale_job_is_enough(client, db, name):
    finished()
    Job.finished(name, wall=clock.wall() - STALE_AFTER[name] - timedelta(seconds=1), counts={})
    answer = client.get("/health/jobs")
    assert answer.status_code == 503
    assert [job for job, report in answer.json()["jobs"].items() if report["overdue"]] == [name]


def test_the_page_says_when_automatic_upgrades_ran_and_warns_when_they_are_late(signed_in, alice):
    finished()
    ran = Job.objects.get(name="sweep").last_ok_at
    page = signed_in(alice).get("/invoice/partners/").content.decode()
    assert f"Automatic upgrades last ran {ran.day} {ran:%b, %H:%M} UTC" in page
    assert "Automatic upgrades are late." not in page
    finished(ago=timedelta(seconds=181))
    assert "Automatic upgrades are late." in signed_in(alice).get("/invoice/partners/").content.decode()
