"""People who sign in: operators of an organization (with Microsoft), and Vendor staff (Django's admin).

The verbs that change operators stand in team.py, as they write events and mails, which know operators.
"""

import uuid
import zoneinfo
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin, UserManager
from django.core import signing
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from partnerapp.actions import Action
from partnerapp.models.organization import Organization

INVITATIONS = signing.Signer(salt="partnerapp.operator.invitation", sep="~")


NOT_DISABLED, SIGNED_IN = _("{name} is not disabled."), _("{name} has signed in already.")
REFUSALS = {  # why an action is refused, by the operator's standing; what is not named is allowed
    "change_role": {"disabled": _("{name} is disabled. Enable {name} first.")},
    "disable_operator": {
        "pending": _("{name} has not signed in yet. Withdraw the invitation instead."),
        "disabled": _("{name} is disabled already."),
    },
    "enable_operator": {"pending": NOT_DISABLED, "active": NOT_DISABLED},
    "resend_invitation": {"active": SIGNED_IN, "disabled": SIGNED_IN},
    "withdraw_invitation": {
        "active": _("{name} has signed in already. Disable {name} instead."),
        "disabled": SIGNED_IN,
    },
}
WITHDRAWN = _("The invitation of {name} was withdrawn. Invite {name} again.")
LAST_ADMIN = _("{name} is the last Admin of {organization}. Make somebody else an Admin first.")


class OperatorQuerySet(models.QuerySet):
    def active(self) -> "OperatorQuerySet":
        """Signed in at least once and not disabled."""
        return self.filter(accepted_at__isnull=False, disabled_at=None)

    def admins_of(self, organization_id: int | None) -> "OperatorQuerySet":
        """The active Admins of an organization: those who get its mails."""
        return self.active().filter(organization_id=organization_id, role=Operator.Role.ADMIN)

    def joined(self) -> "OperatorQuerySet":
        """Signed in at least once, disabled or not."""
        return self.filter(accepted_at__isnull=False)

    def pending(self) -> "OperatorQuerySet":
        """Invited, not yet signed in; one whose invitation was withdrawn is not waited for any more."""
        return self.filter(accepted_at=None, disabled_at=None, organization__isnull=False)

    def with_email(self, email: str) -> "OperatorQuerySet":
        """Those with this address, in whatever case it is written."""
        return self.alias(address=Lower("email")).filter(address=email.lower())


class OperatorManager(UserManager.from_queryset(OperatorQuerySet)):  # type: ignore[misc]
    """Finds operators; `create_superuser` makes Vendor staff."""


class Operator(AbstractBaseUser, PermissionsMixin):
    """A person who signs in. Operators are `(tid, oid)` of Microsoft, never an email; staff have a username and a
    password and belong to no organization. Instants are UTC.
    """

    class Role(models.TextChoices):
        ADMIN = "admin", _("Admin")
        VIEWER = "viewer", _("Viewer")

    id = models.BigAutoField(primary_key=True)
    # Staff type it; an operator's is the key of the form that invited, so that the same form sent twice invites once.
    username = models.CharField(max_length=150, unique=True, default=uuid.uuid4)
    organization = models.ForeignKey(Organization, models.PROTECT, null=True, blank=True, related_name="operators")
    role = models.CharField(max_length=6, choices=Role, default=Role.ADMIN)
    name = models.CharField(max_length=150)
    email = models.EmailField()
    tid = models.UUIDField(null=True, blank=True)
    oid = models.UUIDField(null=True, blank=True)
    invited_at = models.DateTimeField(null=True, blank=True)
    invited_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    accepted_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    theme = models.CharField(max_length=6, default="system")
    shortcuts = models.BooleanField(default=True)  # single keys, which speech input can press by mistake
    is_staff = models.BooleanField(default=False)
    last_event = models.ForeignKey("partnerapp.Event", models.PROTECT, null=True, blank=True, related_name="+")

    two_admins: list[int] | None = None  # a page asks once for all of its operators
    is_me: bool  # set where an operator is shown to a colleague

    objects = OperatorManager()
    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name", "email"]

    class Meta:
        db_table = "operator"
        constraints = [
            models.UniqueConstraint(fields=["tid", "oid"], name="one_operator_per_microsoft_identity"),
            models.UniqueConstraint("organization", Lower("email"), name="one_operator_per_email_and_organization"),
            models.CheckConstraint(
                name="staff_or_organization",
                condition=models.Q(is_staff=True, organization=None)
                | models.Q(is_staff=False, organization__isnull=False),
            ),
            models.CheckConstraint(
                name="identity_is_whole",
                condition=models.Q(tid=None, oid=None) | models.Q(tid__isnull=False, oid__isnull=False),
            ),
            models.CheckConstraint(
                name="accepted_operator_has_an_identity",
                condition=models.Q(accepted_at=None) | models.Q(oid__isnull=False),
            ),
            models.CheckConstraint(name="operator_role_known", condition=models.Q(role__in=["admin", "viewer"])),
        ]
        indexes = [models.Index("organization", Lower("name"), "id", name="operator_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        return self.disabled_at is None

    @property
    def acts_for(self) -> Organization:
        """The organization that an operator works for (staff have none)."""
        assert self.organization is not None, "staff act for no organization"
        return self.organization

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The own time zone; UTC for one that this machine does not know."""
        try:
            return zoneinfo.ZoneInfo(self.time_zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return zoneinfo.ZoneInfo("UTC")

    @property
    def standing(self) -> str:
        """ "active", "disabled", or before the first sign-in "pending", "withdrawn"."""
        if self.accepted_at is None:
            return "pending" if self.is_active else "withdrawn"
        return "active" if self.is_active else "disabled"

    def is_last_admin(self) -> bool:
        """The only active Admin of its organization, which it never loses (R14)."""
        if self.role != self.Role.ADMIN or self.standing != "active":
            return False
        known = self.two_admins
        return (two_admins(self.acts_for.pk) if known is None else known) == [self.pk]

    def action(self, name: str) -> Action:
        """One of the actions of REFUSALS on this operator, whoever wants to do it."""
        words = WITHDRAWN if self.standing == "withdrawn" else REFUSALS[name].get(self.standing, "")
        if not words and name in {"change_role", "disable_operator"} and self.is_last_admin():
            words = LAST_ADMIN
        return Action(name, str(words).format(name=self.name, organization=self.acts_for.name) if words else "")

    def invitation_token(self) -> str:
        """The invitation link's token: a signature over id and `invited_at`; a newer invitation kills it."""
        return INVITATIONS.sign(f"{self.pk}.{int((self.invited_at or datetime.min).timestamp())}")

    @classmethod
    def invited(cls, token: str) -> "Operator | None":
        """The pending operator whom this invitation token invites, or None."""
        try:
            pk, _dot, instant = INVITATIONS.unsign(token).partition(".")
        except signing.BadSignature:
            return None
        operator = cls.objects.select_related("organization").filter(pk=pk, accepted_at=None).first()
        live = operator and operator.disabled_at is None and operator.invited_at
        return operator if live and int(operator.invited_at.timestamp()) == int(instant) else None


def two_admins(organization_id: int | None) -> list[int]:
    """The ids of an organization's active Admins, as many as it takes to know whether there is another one."""
    return list(Operator.objects.admins_of(organization_id).order_by("pk").values_list("pk", flat=True)[:2])
