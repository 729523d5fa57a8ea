"""Distributors, Partners and customers: one table, one tree."""

import unicodedata
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import connection, models
from django.db.models.functions import Lower
from django.db.models.lookups import Contains
from django.utils.translation import gettext_lazy as _

# Letters that Unicode does not take apart, as people without them on the keyboard type them.
PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
LONGEST_BEGINNING = 12  # letters of a word: few words begin alike further, and these are compared with what is searched
WAITING = "-"  # stands in the key of those whose import is still to come, and in no word


def fold(text: str) -> str:
    """The form in which names are compared and sorted: no marks, no case, only letters and digits between spaces."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    plain = plain.casefold().translate(PLAIN)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split())


def key_of(text: str) -> str:
    """The folded text as stored; folding can make one character eighteen, and an index takes only so much."""
    return fold(text)[:480]


class OrganizationQuerySet(models.QuerySet):
    def hold(self, pk: int) -> "Organization":
        """The organization, locked until the transaction ends: what every verb on it or below it takes first.

        Read what belongs to it in a later statement: one that had to wait for a lock sees joined rows as they were before.
        """
        return Organization.objects.select_for_update(no_key=True).get(pk=pk)

    def with_tenant_taken(self) -> "OrganizationQuerySet":
        """Annotate what `tenant_taken` would ask of the database for each row."""
        others = Organization.objects.filter(tid=models.OuterRef("tid"), tid_released_at=None)
        return self.annotate(tenant_is_taken=models.Exists(others.exclude(pk=models.OuterRef("pk"))))

    def like(self, name: str) -> "OrganizationQuerySet":
        """Those with the same name, however it is written (R6)."""
        return self.filter(name_key=key_of(name))


class Organization(models.Model):
    """A distributor, a Partner or a customer. Its owner (`parent`) runs its subscription.

    `tid` is the connected Microsoft 365 tenant, set when consent is proved; it stays as a fact after the claim on it
    ended (`tid_released_at`, UTC). Instants are UTC.
    """

    class Kind(models.TextChoices):
        DISTRIBUTOR = "distributor", _("Distributor")
        PARTNER = "partner", _("Partner")
        CUSTOMER = "customer", _("Customer")

    class Source(models.TextChoices):
        MSP = "msp", _("MSP")
        VENDOR = "vendor", _("Vendor")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=12, choices=Kind)
    # The tree's key on every row: a query that starts from it cannot leave the tree. The real guard is the composite
    # foreign key (parent, distributor) of the migration, so this copy carries none.
    distributor = models.ForeignKey("self", models.DO_NOTHING, db_constraint=False, related_name="+")
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(_("Organization name"), max_length=120)
    name_key = models.CharField(max_length=480, db_collation="C", editable=False)
    # The beginnings of its words, each behind the key of its list: a search looks for whole elements, and in one list only.
    search = ArrayField(models.TextField(), default=list, editable=False)
    # The import is still to come: a copy from the subscription (`imported_at`), which says in which list it is found.
    pending = models.BooleanField(default=False, editable=False)
    notification_email = models.EmailField(_("Notification email"))
    source = models.CharField(max_length=6, choices=Source, blank=True, default="")
    tid = models.UUIDField(null=True, blank=True)
    tid_released_at = models.DateTimeField(null=True, blank=True)
    default_domain = models.CharField(max_length=255, blank=True, default="")
    country = models.CharField(max_length=2, blank=True, default="")
    request_key = models.UUIDField(null=True, blank=True, unique=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        db_table = "organization"
        constraints = [
            models.CheckConstraint(
                name="distributor_has_no_parent",
                condition=models.Q(kind="distributor", parent=None, distributor=models.F("id"))
                | (~models.Q(kind="distributor") & models.Q(parent__isnull=False)),
            ),
            models.CheckConstraint(
                name="partner_hangs_below_its_distributor",
                condition=~models.Q(kind="partner") | models.Q(parent=models.F("distributor")),
            ),
            models.CheckConstraint(
                name="customer_has_a_source",
                condition=models.Q(kind="customer") & ~models.Q(source="")
                | ~models.Q(kind="customer") & models.Q(source=""),
            ),
            models.CheckConstraint(name="organization_is_named", condition=~models.Q(name="")),
            models.CheckConstraint(
                name="released_tenant_was_connected",
                condition=models.Q(tid_released_at=None) | models.Q(tid__isnull=False),
            ),
            models.UniqueConstraint(fields=["id", "distributor"], name="organization_tree_key"),
            models.UniqueConstraint(
                fields=["tid"],
                name="tenant_belongs_to_one_organization",
                condition=models.Q(tid_released_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["distributor", "kind", "name_key", "id"], name="organization_by_name"),
            models.Index(fields=["parent", "name_key", "id"], name="organization_below_by_name"),
            models.Index(Lower("notification_email"), name="organization_email"),
            # What staff search by, over all trees: the beginning of the name, and the tenant, released or not.
            models.Index(fields=["name_key", "id"], name="organization_all_by_name"),
            models.Index(fields=["kind", "name_key", "id"], name="organization_kind_by_name"),
            models.Index(fields=["tid"], name="organization_tenant", condition=models.Q(tid__isnull=False)),
            GinIndex(fields=["search"], name="organization_search", fastupdate=False),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        self.fold_words()
        if update_fields and {"name", "notification_email", "default_domain", "pending"} & set(update_fields):
            update_fields = {*update_fields, "name_key", "search"}
        if self.pk is None and self.kind == self.Kind.DISTRIBUTOR:
            self.pk = self.distributor_id = next_id()  # its tree's key is its own id, so it must be known first
        super().save(*args, update_fields=update_fields, **kwargs)

    def fold_words(self) -> None:
        """Set what it is sorted and found by: the words of name, email and domain. A distributor is in no list.

        `save` does so; who writes many rows at once calls it for each.
        """
        self.name_key = key_of(self.name)
        words = f"{self.name_key} {key_of(self.notification_email)} {key_of(self.default_domain)}".split()
        found = {word[:letters] for word in words for letters in range(1, LONGEST_BEGINNING + 1)} | set(words)
        key = search_key(self.distributor_id, self.kind, pending=self.pending)
        self.search = [] if self.kind == self.Kind.DISTRIBUTOR else sorted(key + beginning for beginning in found)

    @property
    def owner(self) -> "Organization":
        """Who runs its subscription: the distributor of a Partner, the Partner of a customer."""
        assert self.parent is not None, "a distributor has no owner"
        return self.parent

    @property
    def partner_id(self) -> int | None:
        """The Partner in whose branch this organization stands (a Partner stands in its own)."""
        if self.kind == self.Kind.PARTNER:
            return self.pk
        return self.parent_id if self.kind == self.Kind.CUSTOMER else None

    @property
    def branch(self) -> dict[str, int | None]:
        """The keys that every row about this organization carries, for isolation and for lists."""
        return {"distributor_id": self.distributor_id, "partner_id": self.partner_id}

    @property
    def connected(self) -> bool:
        """Consent was proved (R9): its Microsoft 365 tenant is known."""
        return self.tid is not None

    @property
    def reference(self) -> str:
        """What an owner names to staff, who see all trees; it tells nothing by itself."""
        return f"O-{self.pk}"

    def tenant_taken(self) -> bool:
        """Another organization has this one's Microsoft 365 tenant now (R13)."""
        if self.tid is None or "tenant_is_taken" in self.__dict__:
            return self.tid is not None and self.__dict__["tenant_is_taken"]
        return Organization.objects.filter(tid=self.tid, tid_released_at=None).exclude(pk=self.pk).exists()


def search_key(distributor_id: int | None, kind: str, *, pending: bool) -> str:
    """What stands before each word of the organizations of this kind in a distributor's tree, imported or `pending`."""
    return f"{distributor_id}{kind[0]}{WAITING if pending else ''}"


def found_by(text: str, distributor_id: int | None, kind: str, *, pending: bool, path: str = "") -> models.Q:
    """Those of this kind and tree, imported or `pending`, in which a word begins with each word of `text`; without words
    nobody. `path` leads to the organization, as in `organization__`.
    """
    key, words = search_key(distributor_id, kind, pending=pending), key_of(text).split()
    if not words:
        return models.Q(pk__in=[])
    found = ~models.Q(**{f"{path}kind": OTHER[kind]})  # passes over these unread; "=" would be asked behind the words
    found &= models.Q(**{f"{path}search__contains": sorted({key + word[:LONGEST_BEGINNING] for word in words})})
    for word in words:
        if len(word) > LONGEST_BEGINNING:
            found &= models.Q(Contains(InOneLine(f"{path}search"), f" {key}{word}"))
    return found


class InOneLine(models.Func):
    """The elements of an array of texts, each behind a space."""

    function, template = "array_to_string", "(' ' || %(function)s(%(expressions)s, ' '))"
    output_field = models.TextField()


OTHER: dict[str, str] = {
    Organization.Kind.PARTNER: Organization.Kind.CUSTOMER,
    Organization.Kind.CUSTOMER: Organization.Kind.PARTNER,
}


def next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('organization', 'id'))")
        return cursor.fetchone()[0]
