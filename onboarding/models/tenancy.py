"""Whose a Microsoft 365 tenant is (R13), and who becomes a Partner's first Admin (R14)."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from partnerapp.microsoft365.consent import Profile
from partnerapp.models import Event, Operator, Organization

if TYPE_CHECKING:
    from onboarding.models.onboarding import Onboarding


def refusal(onboarding: "Onboarding", tid: str | uuid.UUID) -> str:
    """R13: why this tenant cannot be connected here: an error code of `onboarding.problems`, or ""."""
    others = Organization.objects.filter(tid=tid).exclude(pk=onboarding.pk)
    if others.filter(tid_released_at=None).exists():
        return "tenant_taken"
    had_trial = others.filter(subscription__started_at__isnull=False).exists()
    return "trial_repeated" if had_trial and onboarding.repeat_trial_allowed_at is None else ""


def connect(organization: Organization, profile: Profile) -> str:
    """Claim the proved tenant for this organization. Returns an error code when another one was faster."""
    organization.tid, organization.tid_released_at = uuid.UUID(profile.tid), None
    organization.default_domain, organization.country = profile.default_domain[:255], profile.country[:2]
    try:
        with transaction.atomic():
            organization.save(update_fields=["tid", "tid_released_at", "default_domain", "country"])
    except IntegrityError:
        return "tenant_taken"
    return ""


def first_admin(onboarding: "Onboarding", at: datetime) -> None:
    """Whoever completed a Partner's consent (R14), known by `(tid, oid)`; the email is only where to write to.

    A person who was an operator of the organization that had this tenant before (R13: it released it) comes along.
    """
    organization = onboarding.organization
    if organization.kind != Organization.Kind.PARTNER:
        return
    leave_former(onboarding, at)
    facts = {"organization": organization, "role": Operator.Role.ADMIN, "name": onboarding.consenter_name}
    email = onboarding.consenter_email or organization.notification_email
    Operator.objects.update_or_create(
        tid=onboarding.tid,
        oid=onboarding.consenter_oid,
        defaults=facts | {"email": email, "accepted_at": at, "disabled_at": None, "last_event": None},
    )


def leave_former(onboarding: "Onboarding", at: datetime) -> None:
    """An identity belongs to one organization: the former one's log says that its operator has left."""
    same = Operator.objects.filter(tid=onboarding.tid, oid=onboarding.consenter_oid)
    for former in same.exclude(organization=onboarding.organization).select_related("organization"):
        Event.record(former.acts_for, "operator_left", at=at, by=None, before={"operator": former.name})
