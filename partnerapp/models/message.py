"""The outbox: mails written with the change they announce, sent later by `partnerapp.mail`."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from partnerapp.models.operator import Operator
from partnerapp.models.organization import Organization


class Message(models.Model):
    """One mail to one recipient about one instant (`about_at`, UTC). `kind` names its composer: "app.function",
    with the days of a notice behind it ("subscriptions.upgrade_notice_7"). `ready_at` and `lease_until` are wall time.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("sending…")
        SENT = "sent", _("sent")
        REFUSED = "refused", _("not delivered")
        AMBIGUOUS = "ambiguous", _("perhaps delivered")
        OBSOLETE = "obsolete", _("no longer needed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, db_default=models.Func(function="gen_random_uuid"))
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="messages")
    distributor_id = models.BigIntegerField()
    partner_id = models.BigIntegerField(null=True)
    operator = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=60)
    about_at = models.DateTimeField()
    recipient = models.EmailField()
    context = models.JSONField(default=dict, db_default={}, encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED, db_default=State.QUEUED)
    ready_at = models.DateTimeField(db_default=Now())
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    accepted_at = models.DateTimeField(null=True)
    last_error = models.TextField(default="", db_default="", blank=True)

    composed_at: datetime  # set while it is composed: the business instant (UTC)

    class Meta:
        db_table = "message"
        constraints = [
            models.UniqueConstraint(fields=["organization", "kind", "about_at", "recipient"], name="each_mail_once"),
            models.CheckConstraint(
                name="sent_means_accepted",
                condition=models.Q(state="sent", accepted_at__isnull=False)
                | ~models.Q(state="sent") & models.Q(accepted_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["ready_at"], name="message_to_send", condition=models.Q(state="queued")),
            models.Index(fields=["organization", "-about_at"], name="message_of_organization"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"

    @property
    def composer(self) -> tuple[str, str, str]:
        """(app, function, days) of the kind: "subscriptions.upgrade_notice_7" → its "7" is the shared one's variant."""
        app, _dot, name = self.kind.partition(".")
        function, _underscore, days = name.rpartition("_")
        return (app, function, days) if days.isdigit() else (app, name, "")

    @classmethod
    def queue(
        cls,
        kind: str,
        organization: Organization,
        *,
        about_at: datetime,
        to: Iterable[Operator | str],
        context: dict[str, Any] | None = None,
    ) -> None:
        """Queue one mail per recipient (an operator, or an address), at most once each (product.md, Emails).

        One that a verb had made obsolete becomes due again: the instant it is about holds once more.
        """
        rows: dict[str, Message] = {}
        for person in to:
            email, operator = (person, None) if isinstance(person, str) else (person.email, person)
            if operator or email.lower() not in rows:
                rows[email.lower()] = cls(
                    organization=organization, **organization.branch, operator=operator, kind=kind, about_at=about_at,
                    recipient=email, context=context or {},
                )  # fmt: skip
        addresses = [row.recipient for row in rows.values()]
        same = cls.objects.filter(
            organization=organization,
            kind=kind,
            about_at=about_at,
            recipient__in=addresses,
        )
        same.filter(state=cls.State.OBSOLETE).update(state=cls.State.QUEUED, ready_at=Now(), context=context or {})
        Message.objects.bulk_create(rows.values(), ignore_conflicts=True)

    @classmethod
    def retire(cls, organization: Organization, kinds: Iterable[str], *, to: Operator | None = None) -> None:
        """Queued mails of these kinds, or only those `to` one operator, became pointless: they are not sent."""
        queued = cls.objects.filter(organization=organization, kind__in=list(kinds), state=cls.State.QUEUED)
        (queued.filter(operator=to) if to else queued).update(state=cls.State.OBSOLETE)


def owner_and_notification_email(organization: Organization) -> list[Operator | str]:
    """Recipients of most mails: the owner's active Admins and the organization's notification email."""
    return [*Operator.objects.admins_of(organization.parent_id), organization.notification_email]
