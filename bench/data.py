"""One distributor with 10,000 Partners and 1,000,000 customers below them, written by Postgres itself in a minute or two.

Everybody's story is drawn by lot; facts, hints and words to search follow from it as the models would have set them,
which a sample proves.
"""

import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import psycopg

from partnerapp import clock
from partnerapp.models import Operator, Organization
from partnerapp.models.organization import LONGEST_BEGINNING, fold
from subscriptions.models import Product, Subscription

PARTNERS = 10_000
CUSTOMERS = PARTNERS * int(os.environ.get("BENCH_CUSTOMERS", "100"))  # fewer only to try the benchmark itself
LARGEST = 5_000  # customers of the first Partner; the others share the rest
SAMPLE = 2_000
# One word of five hundred is in the name of every 250th organization, a letter begins a word of every seventh or so.
BEGINNINGS = "Al Bel Cor Dal Ev Fair Glen Har Int Jun Kes Lin Mar Nor Oak Pine Quin Ros Stan Tel Uni Ver Wes Zür Öst"
ENDINGS = "bay berg brook bury dale field ford gate haven hurst lake land mark mont point port ridge ston view wood"
SUFFIXES = ["AG", "GmbH", "Group", "Inc", "Ltd"]
STORIES = {  # how many of 200, and how far the onboarding came (see data.sql)
    "link_sent": (2, 0), "withdrawn": (1, 0), "started": (1, 1), "consented": (1, 2), "failed": (1, 2),
    "importing": (1, 3), "trial": (54, 4), "extended": (8, 4), "blocked": (8, 4), "held": (2, 4), "expired": (8, 4),
    "cancelled": (12, 4), "production": (101, 4),
}  # fmt: skip
FILLED = ["organization", "subscription", "subscription_product", "period", "onboarding", "event"]
INDEXES = """
SELECT indexname, indexdef FROM pg_indexes
WHERE tablename = ANY (%s) AND indexname NOT IN (SELECT conname FROM pg_constraint)"""


def fill(superuser_url: str) -> tuple[Operator, Operator]:
    """Fill the empty, migrated database; Admins of the distributor and of its largest Partner.

    Raises AssertionError if the data is not right.
    """
    Product.ensure_catalogue()
    now = clock.now()
    admin = join(now)
    with psycopg.connect(superuser_url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        indexes = connection.execute(INDEXES, [FILLED]).fetchall()
        for name, _definition in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        connection.execute(Path(__file__).with_suffix(".sql").read_text(), parameters(admin.acts_for.pk, now))
        for _name, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    verify(now)
    return admin, admin_of(Organization.objects.get(pk=admin.acts_for.pk + 1), "Bob Berg", now)


def join(now: datetime) -> Operator:
    """The distributor and its Admin, who joined a while ago."""
    past = {"created_at": now - timedelta(days=900), "notification_email": "office@contoso.example"}
    distributor = Organization.objects.create(kind="distributor", name="Contoso", tid=uuid.uuid4(), **past)
    return admin_of(distributor, "Alice Adler", now)


def admin_of(organization: Organization, name: str, now: datetime) -> Operator:
    return Operator.objects.create(
        organization=organization, name=name, email=organization.notification_email, tid=organization.tid,
        oid=uuid.uuid4(), invited_at=now, accepted_at=now,
    )  # fmt: skip


def parameters(distributor: int, now: datetime) -> dict[str, object]:
    words = [beginning + ending for beginning in BEGINNINGS.split() for ending in ENDINGS.split()]
    lots = [(story, step) for story, (many, step) in STORIES.items() for _ in range(many)]
    return {
        "now": now, "distributor": distributor, "first": distributor + 1, "partners": PARTNERS,
        "customers": CUSTOMERS, "largest": min(LARGEST, CUSTOMERS // 2), "words": words,
        "folded": [fold(word) for word in words], "suffixes": SUFFIXES, "longest": LONGEST_BEGINNING,
        "stories": [story for story, _step in lots], "steps": [step for _story, step in lots],
    }  # fmt: skip


def verify(now: datetime) -> None:
    """A sample's words and hints are those that the models compute."""
    rows = Organization.objects.exclude(kind="distributor").select_related("subscription").order_by("?")[:SAMPLE]
    for organization in rows:
        subscription = organization.subscription
        written = written_of(organization, subscription)
        organization.pending = subscription.imported_at is None
        organization.fold_words()
        subscription.set_hints(now)
        assert written == written_of(organization, subscription), f"{organization} is not as the models would write it"


def written_of(organization: Organization, subscription: Subscription) -> tuple[object, ...]:
    return (
        organization.name_key,
        organization.search,
        organization.pending,
        subscription.wake_at,
        subscription.sort_at,
    )
