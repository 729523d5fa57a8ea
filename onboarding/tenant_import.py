"""What goes on by itself between consent and trial: proof, permissions, and the import of counts, page by page, resumable.

Each piece of work is claimed with a lease (wall time), done without a transaction open, and written in one of its own.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from time import monotonic

from celery.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Min, Q

from onboarding.models import ImportRun, Onboarding
from onboarding.models.onboarding import PAUSES
from partnerapp import clock
from partnerapp.actions import Refused
from partnerapp.microsoft365 import consent
from partnerapp.microsoft365.errors import (
    ConsentRefused,
    ConsentRevoked,
    CredentialsExpired,
    Microsoft365Error,
    MissingPermission,
    NotYet,
    PageExpired,
    Unavailable,
)
from partnerapp.microsoft365.graph import Client
from partnerapp.models import Job, Message, Organization
from partnerapp.models.message import owner_and_notification_email

logger = logging.getLogger(__name__)
LEASE = timedelta(seconds=180)  # longer than one page with all its patience and a slow token
TURN = 30  # seconds that one import goes on before the others have their turn
PASS = 120  # seconds after which a pass begins nothing more; the next tick goes on
OUR_FAULT_PAUSE = 300  # seconds
CONSENT_ERRORS = {ConsentRefused.code, ConsentRevoked.code, MissingPermission.code}


def import_tenants() -> dict[str, int]:
    """One pass over onboardings and imports that can go on. Returns the counts and `ms`."""
    began, counts = monotonic(), Counter(proved=0, configured=0, completed=0, failed=0, waiting=0)
    while monotonic() - began < PASS and (happened := one_step(clock.wall())):
        counts[happened] += 1
    Job.finished("import", wall=clock.wall(), counts=dict(counts), oldest_overdue_s=overdue(clock.wall()))
    return dict(counts) | {"ms": round((monotonic() - began) * 1000)}


def one_step(wall: datetime) -> str:
    """Take up one onboarding or import that is due. Returns what happened, as counted, or "" when nothing is due.

    What nobody foresaw is logged and costs that one row a pause, never the others their turn.
    """
    if onboarding := claim_onboarding(wall):
        return guarded(lambda: advance(onboarding), lambda: wait(onboarding, OUR_FAULT_PAUSE))
    if run := claim_run(wall):
        return guarded(lambda: go_on(run), lambda: hand_back(run, OUR_FAULT_PAUSE))
    return ""


def guarded(work: Callable[[], str], postpone: Callable[[], str]) -> str:
    try:
        return work()
    except SoftTimeLimitExceeded:
        raise
    except Exception:
        logger.exception("an onboarding or import failed; it is tried again in %s s", OUR_FAULT_PAUSE)
        return postpone()


def overdue(wall: datetime) -> int:
    """How long (seconds) the oldest due work has been waiting for a pass."""
    dues = [
        Onboarding.objects.filter(next_try_at__lte=wall).aggregate(oldest=Min("next_try_at"))["oldest"],
        ImportRun.objects.filter(ImportRun.OPEN, ready_at__lte=wall).aggregate(oldest=Min("ready_at"))["oldest"],
    ]
    return max((int((wall - due).total_seconds()) for due in dues if due), default=0)


def claim_onboarding(wall: datetime) -> Onboarding | None:
    free = Q(lease_until=None) | Q(lease_until__lt=wall)
    due = Onboarding.objects.filter(free, next_try_at__lte=wall).order_by("next_try_at")
    with transaction.atomic():
        row = due.select_for_update(skip_locked=True, of=("self",)).select_related("organization__subscription").first()
        if row:
            row.lease_until = wall + LEASE
            row.save(update_fields=["lease_until"])
    return row


def advance(onboarding: Onboarding) -> str:
    """Prove the consent, then the permissions, then let the import start. Returns what happened, as counted."""
    try:
        if not onboarding.connected:
            onboarding = onboarding.prove(consent.prove(str(onboarding.tid)), at=clock.now())
            if onboarding.error_code:
                return "failed"
        consent.check_permissions(str(onboarding.tid))
        onboarding.configure(at=clock.now(), wall=clock.wall())
    except NotYet:
        return look_again(onboarding)
    except CredentialsExpired as error:
        logger.critical("Microsoft refuses this portal's own credential: %s", error.detail)  # staff's alarm
        return wait(onboarding, OUR_FAULT_PAUSE)
    except Unavailable as error:
        return wait(onboarding, error.retry_after)
    except Microsoft365Error as error:
        return fail(onboarding, error.code, getattr(error, "name", ""))
    except Refused:
        return drop(onboarding)
    return "configured"


def drop(onboarding: Onboarding) -> str:
    """Withdrawn, reset, bound anew, or done already: this try has nothing to go on with; a newer one stays due."""
    mine = Onboarding.objects.filter(pk=onboarding.pk)
    mine.filter(next_try_at=onboarding.next_try_at).update(next_try_at=None)
    mine.filter(lease_until=onboarding.lease_until).update(lease_until=None)
    return "waiting"


def fail(onboarding: Onboarding, code: str, detail: str = "") -> str:
    try:
        onboarding.fail(code, at=clock.now(), detail=detail)
    except Refused:
        return "waiting"  # withdrawn or reset meanwhile: there is nobody to tell
    return "failed"


def look_again(onboarding: Onboarding) -> str:
    """The consent is not visible at Microsoft yet: look again after 15, 30, 60, 60 … s, for 15 minutes."""
    if onboarding.attempts >= len(PAUSES):
        return fail(onboarding, "consent_not_visible")
    onboarding.try_later(clock.wall(), PAUSES[onboarding.attempts], attempts=onboarding.attempts + 1)
    return "waiting"


def wait(onboarding: Onboarding, seconds: float) -> str:
    """Microsoft is away, or our credential is refused: that does not count against the tenant's 15 minutes."""
    onboarding.try_later(clock.wall(), seconds, attempts=onboarding.attempts)
    return "waiting"


def claim_run(wall: datetime) -> ImportRun | None:
    free = Q(lease_until=None) | Q(lease_until__lt=wall)
    ours = Q(refresh=False) | Q(organization__tid_released_at=None)  # R13: a released tenant is read no more
    due = ImportRun.objects.filter(ImportRun.OPEN, free, ours, ready_at__lte=wall).order_by("refresh", "ready_at")
    with transaction.atomic():
        run = due.select_for_update(skip_locked=True, of=("self",)).first()
        if run:
            run.lease_until = wall + LEASE
            run.save(update_fields=["lease_until"])
    return run


def go_on(run: ImportRun) -> str:
    """Continue one import from its checkpoint until it is complete, fails, must wait, or has had its turn."""
    client, began = Client(str(run.tid)), monotonic()
    try:
        while run.step != ImportRun.Step.DONE:
            STEPS[run.step](run, client)
            if not run.checkpoint(lease=run.lease_until, until=clock.wall() + LEASE):
                return "waiting"  # another worker has taken over
            if monotonic() - began > TURN:
                return hand_back(run, 0)
    except PageExpired:
        return start_again(run)
    except Unavailable as error:
        return hand_back(run, error.retry_after)
    except CredentialsExpired as error:
        logger.critical("Microsoft refuses this portal's own credential: %s", error.detail)
        return hand_back(run, OUR_FAULT_PAUSE)
    except Microsoft365Error as error:
        return give_up(run, error)
    return finish(run, clock.now())


def read_organization(run: ImportRun, client: Client) -> None:
    client.organization()
    run.step = ImportRun.Step.LICENCES


def read_licences(run: ImportRun, client: Client) -> None:
    run.licences = {licence.part_number: licence.consumed for licence in client.licences()}
    run.total = client.user_count()
    run.step = ImportRun.Step.USERS


def read_users(run: ImportRun, client: Client) -> None:
    page = next(iter(client.user_pages(run.next_link or None)))
    run.done += len(page.users)
    run.seats += seats(page.users)
    run.next_link = page.next_link or ""
    if not run.next_link:
        run.step = ImportRun.Step.DONE


STEPS: dict[str, Callable[[ImportRun, Client], None]] = {
    ImportRun.Step.ORGANIZATION: read_organization,
    ImportRun.Step.LICENCES: read_licences,
    ImportRun.Step.USERS: read_users,
}


def seats(users: Iterable[dict]) -> int:
    """Enabled users with at least one licence: the billing quantity."""
    return sum(1 for user in users if user.get("accountEnabled") and user.get("assignedLicenses"))


def hand_back(run: ImportRun, seconds: float) -> str:
    later = clock.wall() + timedelta(seconds=seconds)
    ImportRun.objects.filter(pk=run.pk, lease_until=run.lease_until).update(ready_at=later, lease_until=None)
    return "waiting"


def start_again(run: ImportRun) -> str:
    """Microsoft forgot where the list stopped: read the users again, counting from nothing."""
    run.next_link, run.done, run.seats = "", 0, 0
    run.checkpoint(lease=run.lease_until, until=clock.wall() + LEASE)
    return hand_back(run, 0)


def give_up(run: ImportRun, error: Microsoft365Error) -> str:
    """The import cannot go on: Pre-import error; or consent is needed again, and the counts of the last import stay."""
    at, detail = clock.now(), getattr(error, "name", "")
    with transaction.atomic():
        Organization.objects.hold(run.organization_id)
        if ImportRun.objects.filter(ImportRun.OPEN, pk=run.pk).update(failed_at=at, lease_until=None):
            onboarding = Onboarding.objects.select_related("organization__subscription").get(pk=run.organization_id)
            if not run.refresh:
                fail(onboarding, error.code, detail)
            elif error.code in CONSENT_ERRORS:
                onboarding.lose_consent(error.code, at=at, detail=detail)
    return "failed"


def finish(run: ImportRun, at: datetime) -> str:
    """The counts replace the old ones, and after the first import the trial starts (R15), in one transaction."""
    with transaction.atomic():
        organization = Organization.objects.hold(run.organization_id)
        if not ImportRun.objects.filter(ImportRun.OPEN, pk=run.pk).update(finished_at=at, lease_until=None):
            return "waiting"  # withdrawn, or another worker has finished it
        if run.refresh:
            organization.subscription.recount(at=at, seats=run.seats)
            organization.onboarding.regain_consent(at=at)
            return "completed"
        organization.subscription.begin(at=at, seats=run.seats)
        to = owner_and_notification_email(organization)
        Message.queue("onboarding.import_completed", organization, about_at=at, to=to)
    return "completed"
