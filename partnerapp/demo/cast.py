"""The demo's cast: people and Partners with a past that really happened, by the verbs and sweeps of the portal itself."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from onboarding import tenant_import
from onboarding.models import ImportRun, Onboarding
from partnerapp import clock
from partnerapp.actions import NotADemo
from partnerapp.microsoft365.consent import Profile
from partnerapp.microsoft365.sandbox import directory
from partnerapp.microsoft365.sandbox.directory import Person
from partnerapp.microsoft365.signin import Identity
from partnerapp.models import Message, Operator, Organization, team
from partnerapp.models.organization import next_id
from subscriptions import lifecycle
from subscriptions.models import Product, Subscription, SubscriptionProduct
from subscriptions.terms import TRIAL

STELLA = ("stella", "not-a-secret-here")  # of the Vendor's staff, who sign in with a password
PROFESSIONAL, ESSENTIALS = "professional-msp-2025", "essentials-msp-2025"
REFUSED = ["Lucerne", "Lamna Healthcare"]  # the mail server refuses the upgrade notices about them
KEPT = {"django_migrations", "django_content_type", "auth_permission", "product"}


@dataclass
class Act:
    """Something that somebody did at an instant."""

    at: datetime
    do: Callable[[datetime], object]


@dataclass
class Added:
    """Who is added, by whom, as an act: called with the instant."""

    person: Person
    add: Callable[[datetime], object]

    def __call__(self, at: datetime) -> object:
        return self.add(at)


def only_in_the_demo() -> None:
    if not (settings.DEMO and settings.TEST_CLOCK):
        raise NotADemo("This is no demo: loading the cast would replace real data. Nothing was changed.")


@transaction.atomic
def reload() -> None:
    """Empty the database, put the clock back, load the cast. Needs the database's owner. Raises NotADemo."""
    only_in_the_demo()
    tables = [name for name in connection.introspection.table_names() if name not in KEPT]
    with connection.cursor() as cursor:
        quoted = ", ".join(connection.ops.quote_name(name) for name in tables)
        cursor.execute(f"TRUNCATE {quoted} CASCADE")  # ids go on, so no old link opens a new row
    for mail in (settings.DEMO_DIR / "mail").glob("*.*"):
        mail.unlink()
    load(clock.now())


@transaction.atomic
def load(now: datetime) -> None:
    """The cast as it stands at `now`. Raises NotADemo."""
    only_in_the_demo()
    Product.ensure_catalogue()
    alice = join("Contoso Distribution", directory.ALICE, now - timedelta(days=90))
    join("Litware", directory.MALLORY, now - timedelta(days=60))
    username, password = STELLA
    Operator.objects.create_superuser(username, "stella@vendor.example", password, name="Stella Stone")
    play([*colleagues(alice, now), *partners(alice, now), *customers(now)], now)
    (settings.DEMO_DIR / "credentials.txt").write_text(sign_in_help() + "\n")


def colleagues(alice: Operator, now: datetime) -> list[Act]:
    """Contoso's other operators: Victor and Beate work there, Dirk does no more, Nina was just invited. The last one's
    address is wrong.
    """
    ago = lambda **length: now - timedelta(**length)  # noqa: E731
    admin, viewer = Operator.Role.ADMIN, Operator.Role.VIEWER
    return [
        Act(ago(days=89), lambda at: join_as(alice, directory.VICTOR, viewer, at)),
        Act(ago(days=70), lambda at: join_as(alice, directory.DIRK, viewer, at)),
        Act(ago(days=61), lambda at: join_as(alice, directory.BEATE, viewer, at)),
        Act(ago(days=40), lambda at: team.change_role(known(directory.BEATE), admin, by=alice, at=at)),
        Act(ago(days=11), lambda at: team.disable(known(directory.DIRK), by=known(directory.BEATE), at=at)),
        Act(ago(days=2), lambda at: invite(alice, directory.OSKAR, viewer, at)),
        Act(ago(hours=3), lambda at: invite(alice, directory.NINA, viewer, at)),
    ]


def partners(alice: Operator, now: datetime) -> list[Act]:
    """The Partners' stories. Trials that end when: Fabrikam in under 3 days, Tailspin in 5, Lucerne's ended 10 h ago."""
    ago = lambda **length: now - timedelta(**length)  # noqa: E731
    return [
        *story(partner(alice, directory.BOB, "ops@northwind.example"), ago(days=45)),
        *story(partner(alice, directory.CHARLIE, "it@fabrikam.example"), now - TRIAL + timedelta(hours=70)),
        *story(partner(alice, directory.TINA, "hello@tailspin.example"), now - TRIAL + timedelta(days=5, hours=2)),
        Act(
            ago(days=4),
            lambda at: of("Tailspin").subscription.block_upgrade(by=alice, at=at, reason="Budget in January"),
        ),
        *story(partner(alice, directory.WILL, "noc@wingtip.example"), ago(days=20)),
        Act(
            ago(days=12),
            lambda at: of("Wingtip").subscription.block_upgrade(by=alice, at=at, reason="Project postponed"),
        ),
        *story(partner(alice, directory.LUCY, "it@lucerne.example"), now - TRIAL - timedelta(hours=10)),
        *story(partner(alice, directory.THEO, "admin@trey.example"), ago(days=9)),
        Act(ago(days=3), lambda at: of("Trey").subscription.cancel(by=alice, at=at, reason="Chose another product")),
        Act(ago(days=2), lambda at: add(alice, "Proseware", "admin@proseware.example", at)),
        Act(ago(hours=30), lambda at: start(of("Proseware"), directory.PAULA, at)),
        Act(ago(hours=29), lambda at: fail(of("Proseware"), directory.PAULA, at)),
        Act(ago(hours=5), lambda at: add(alice, "Adatum", "it@adatum.example", at)),
    ]


def customers(now: datetime) -> list[Act]:
    """The stories of Northwind's and of Fabrikam's customers, one for each state."""
    ago = lambda **length: now - timedelta(**length)  # noqa: E731
    bob, charlie = directory.BOB, directory.CHARLIE
    all_of_them = ["audit-2025", "delegation-2025", "hybrid-2025"]
    return [
        *story(customer(bob, directory.DANA, PROFESSIONAL, all_of_them), ago(days=40)),
        *story(customer(bob, directory.RITA, PROFESSIONAL, ["delegation-2025"]), ago(days=38)),
        Act(ago(days=28), lambda at: convert(directory.RITA, bob, at, expires_on=(now + timedelta(days=25)).date())),
        *story(customer(bob, directory.HUGO, ESSENTIALS), ago(days=36)),
        Act(ago(days=30), lambda at: convert(directory.HUGO, bob, at, expires_on=ago(days=2).date())),
        *story(customer(bob, directory.MARGIE, ESSENTIALS), now - TRIAL + timedelta(hours=50)),
        *story(customer(bob, directory.VERA, PROFESSIONAL, ["audit-2025"]), now - TRIAL + timedelta(days=6, hours=5)),
        Act(
            ago(days=2),
            lambda at: of("VanArsdel").subscription.block_upgrade(by=known(bob), at=at, reason="Budget is open"),
        ),
        *story(customer(bob, directory.LENA, PROFESSIONAL, ["hybrid-2025"]), now - TRIAL - timedelta(hours=7)),
        *story(customer(bob, directory.MAX, ESSENTIALS), ago(days=19)),
        Act(ago(days=9), lambda at: of("Munson's Pickles").subscription.block_upgrade(by=known(bob), at=at)),
        *story(customer(bob, directory.NORA, ESSENTIALS), ago(days=12)),
        Act(ago(days=4), lambda at: of("Nod Publishers").subscription.cancel(by=known(bob), at=at, reason="Was sold")),
        Act(ago(days=6), lambda at: customer(bob, directory.FELIX, PROFESSIONAL)(at)),
        Act(ago(days=5), lambda at: start(of("School of Fine Art"), directory.FELIX, at)),
        Act(ago(days=5), lambda at: fail(of("School of Fine Art"), directory.FELIX, at)),
        Act(ago(hours=7), lambda at: customer(bob, directory.CORA, ESSENTIALS, ["delegation-2025"])(at)),
        *story(customer(charlie, directory.OLIVIA, ESSENTIALS), ago(days=5)),
        *story(of_the_vendor("Fabrikam", directory.GRETA, PROFESSIONAL), ago(days=3)),
        Act(ago(days=1), lambda at: customer(charlie, directory.SIMON, ESSENTIALS)(at)),
    ]


def story(added: "Added", trial_starts: datetime) -> list[Act]:
    """Added, activated, imported: somebody whose trial starts at the given instant."""
    person = added.person
    name = person.tenant.name
    return [
        Act(trial_starts - timedelta(days=2), added),
        Act(trial_starts - timedelta(hours=1), lambda at: start(of(name), person, at)),
        Act(trial_starts, lambda at: connect(of(name), person, at)),
    ]


def play(script: list[Act], now: datetime) -> None:
    """Let it happen in order of time, with the sweeps and the mails in between; the newest mails are left to be sent."""
    swept = min(act.at for act in script)
    for act in [*sorted(script, key=lambda act: act.at), Act(now, lambda at: None)]:
        while (due := lifecycle.next_due(swept)) and due <= act.at:
            lifecycle.sweep(due, clock.wall())
            deliver(due, now)
            swept = due
        act.do(act.at)
        deliver(act.at, now)
    lifecycle.sweep(now, clock.wall())


def deliver(at: datetime, now: datetime) -> None:
    """The mail server's past: it took all, except that it refused the upgrade notices about two and an invitation to nobody.
    The last hours' are still to be sent, so that the mailbox has something to show.
    """
    if at > now - timedelta(hours=6):
        return
    waiting = Message.objects.filter(state=Message.State.QUEUED)
    refused = {"state": Message.State.REFUSED, "attempts": 1}
    lost = waiting.filter(organization__name__in=REFUSED, kind__startswith="subscriptions.upgrade_notice")
    lost.update(**refused, last_error="550 5.7.1 Rejected by policy")
    waiting.filter(recipient__endswith="@contosso.example").update(**refused, last_error="550 5.1.1 No such user here")
    waiting.update(state=Message.State.SENT, attempts=1, accepted_at=at)


def join(name: str, person: Person, at: datetime) -> Operator:
    """A distributor and its first Admin."""
    distributor = Organization.objects.create(
        kind=Organization.Kind.DISTRIBUTOR, name=name, notification_email=person.username, created_at=at,
        tid=person.tenant.tid, default_domain=person.tenant.domain, country=person.tenant.country,
    )  # fmt: skip
    return operator(distributor, person, Operator.Role.ADMIN, at)


def invite(by: Operator, person: Person, role: str, at: datetime) -> Operator:
    return team.invite(by.acts_for, email=person.username, name=person.name, role=role, by=by, at=at)


def join_as(by: Operator, person: Person, role: str, at: datetime) -> None:
    """Invited and signed in at once."""
    invited = invite(by, person, role, at)
    joined = team.accept(invited.invitation_token(), identity(person), at=at)
    Operator.objects.filter(pk=joined.pk).update(time_zone="Europe/Berlin")


def known(person: Person) -> Operator:
    return Operator.objects.select_related("organization").get(oid=person.oid)


def operator(organization: Organization, person: Person, role: str, at: datetime) -> Operator:
    return Operator.objects.create(
        organization=organization, role=role, name=person.name, email=person.username, tid=person.tenant.tid,
        oid=person.oid, invited_at=at, accepted_at=at, time_zone="Europe/Berlin",
    )  # fmt: skip


def of(name: str) -> Organization:
    return Organization.objects.select_related("subscription", "onboarding").get(name=name)


def add(by: Operator, name: str, email: str, at: datetime) -> Onboarding:
    return Onboarding.objects.add_partner(name=name, email=email, request_key=uuid.uuid4(), by=by, at=at)


def partner(by: Operator, person: Person, email: str) -> Added:
    return Added(person, lambda at: add(by, person.tenant.name, email, at))


def add_customer(person: Person, at: datetime, **facts: Any) -> Onboarding:
    tenant = person.tenant
    about: dict[str, Any] = {"name": tenant.name, "email": f"it@{tenant.domain}", "request_key": uuid.uuid4()}
    return Onboarding.objects.add_customer(**about, at=at, **facts)


def customer(admin: Person, person: Person, sku: str, add_ons: Sequence[str] = ()) -> Added:
    """By a Partner's Admin, who may not be there yet."""
    return Added(person, lambda at: add_customer(person, at, by=known(admin), sku=sku, add_ons=add_ons))


def of_the_vendor(partner: str, person: Person, sku: str) -> Added:
    """By Vendor staff, below this Partner."""
    facts = {"sku": sku, "source": Organization.Source.VENDOR}
    return Added(person, lambda at: add_customer(person, at, by=staff(), partner=of(partner), **facts))


def staff() -> Operator:
    return Operator.objects.get(username=STELLA[0])


def identity(person: Person) -> Identity:
    return Identity(person.tenant.tid, person.oid, person.name, person.username, person.username)


def start(organization: Organization, person: Person, at: datetime) -> None:
    organization.onboarding.press(at=at)
    organization.onboarding.start(identity(person), version=1, at=at)


def connect(organization: Organization, person: Person, at: datetime) -> None:
    """Consent, proof, permissions and import, all at one instant."""
    tenant, onboarding = person.tenant, organization.onboarding
    onboarding = onboarding.consent_returned(identity(person), version=1, at=at, wall=at)
    onboarding = onboarding.prove(Profile(tenant.tid, tenant.name, tenant.domain, tenant.country), at=at)
    onboarding.configure(at=at, wall=at)
    run = ImportRun.objects.get(organization=organization)
    run.done = run.total = tenant.users
    run.seats = round(tenant.users * 0.8)
    tenant_import.finish(run, at)


def convert(customer: Person, admin: Person, at: datetime, *, expires_on: date) -> None:
    of(customer.tenant.name).subscription.convert(by=known(admin), at=at, expires_on=expires_on)


def fail(organization: Organization, person: Person, at: datetime) -> None:
    """Consent was granted without User.Read.All."""
    tenant, onboarding = person.tenant, organization.onboarding
    onboarding = onboarding.consent_returned(identity(person), version=1, at=at, wall=at)
    onboarding = onboarding.prove(Profile(tenant.tid, tenant.name, tenant.domain, tenant.country), at=at)
    onboarding.fail("missing_permission", at=at, detail="User.Read.All")


def add_trials(count: int, now: datetime) -> None:
    """`count` connected Partners of Contoso whose trials end one after another over the next 14 days. Raises NotADemo."""
    only_in_the_demo()
    contoso = Organization.objects.get(name="Contoso Distribution")
    products = list(Product.for_a_partner())
    for first in range(0, count, 5_000):
        batch = [trial(contoso, n, now - TRIAL * (n / count)) for n in range(first, min(first + 5_000, count))]
        organizations, subscriptions, onboardings = zip(*batch, strict=True)
        Organization.objects.bulk_create(organizations)
        Subscription.objects.bulk_create(subscriptions)
        Onboarding.objects.bulk_create(onboardings)
        held = [
            SubscriptionProduct(subscription=s, product=p, from_at=s.started_at)
            for s in subscriptions
            for p in products
        ]
        SubscriptionProduct.objects.bulk_create(held)


def trial(contoso: Organization, n: int, at: datetime) -> tuple[Organization, Subscription, Onboarding]:
    name = f"Partner {uuid.uuid4().hex[:8]}"
    organization = Organization(
        id=next_id(), kind=Organization.Kind.PARTNER, distributor=contoso, parent=contoso, name=name,
        notification_email=f"it{n}@partner{n}.example", tid=uuid.uuid4(), created_at=at,
    )  # fmt: skip
    organization.fold_words()
    subscription = Subscription(
        organization=organization, distributor_id=contoso.pk, partner_id=organization.pk, kind="partner",
        seats=10 + n % 90, seats_on=at.date(), imported_at=at, started_at=at, ends_at=at + TRIAL, upgrade_at=at + TRIAL,
    )  # fmt: skip
    subscription.set_hints(at)
    facts = {"link_expires_at": at, "waiting_since": at, "tid": organization.tid, "started_at": at}
    oid = uuid.uuid4()
    onboarding = Onboarding(
        organization=organization, started_oid=oid, consenter_oid=oid, consented_at=at, configured_at=at, **facts
    )
    return organization, subscription, onboarding


PEOPLE = [
    (directory.ALICE, "Admin of the distributor Contoso Distribution: everything"),
    (directory.VICTOR, "Viewer of Contoso Distribution: sees, changes nothing"),
    (directory.BEATE, "Admin of Contoso Distribution, too"),
    (directory.NINA, "invited to Contoso Distribution as Viewer: the link is in the mailbox"),
    (directory.MALLORY, "Admin of another distributor, Litware: sees nothing of Contoso's"),
    (directory.BOB, "Admin of the Partner Northwind (production)"),
    (directory.CHARLIE, "Admin of the Partner Fabrikam (trial)"),
]


def who_is_who() -> dict:
    """People and organizations with their ids."""
    people = [{"name": p.name, "username": p.username, "may": may} for p, may in PEOPLE]
    names = Organization.objects.exclude(name__startswith="Partner ").values_list("name", "pk")
    staff = dict(zip(("username", "password"), STELLA, strict=True))
    return {"url": settings.BASE_URL, "people": people, "staff": staff, "organizations": dict(names)}


def sign_in_help() -> str:
    lines = [f"  {person.name:14} {may}" for person, may in PEOPLE]
    vendor = "Vendor staff: {url}/admin/, username {name}, password: {password}"
    staff = vendor.format(url=settings.BASE_URL, name=STELLA[0], password=STELLA[1])
    return "\n".join([f"Open {settings.BASE_URL} and sign in as:", *lines, staff])
