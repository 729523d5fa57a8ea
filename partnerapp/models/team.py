"""The verbs on operators: inviting them, and what becomes of them. The rules are methods of `Operator` (R14).

Each verb locks the organization first, so that of two Admins who demote each other at once one is still there.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.actions import Action, AlreadySo, Refused
from partnerapp.microsoft365.signin import Identity
from partnerapp.models.event import Event
from partnerapp.models.message import Message
from partnerapp.models.operator import Operator
from partnerapp.models.organization import Organization

INVITATION = "partnerapp.operator_invitation"
FACTS = ["role", "disabled_at", "invited_at", "email"]  # what events tell
Inviter = Operator | None  # None: the System, for the first Admin of a distributor


def inviting(organization: Organization, known: Operator | None) -> Action:
    """Whether somebody may be invited whose address is the `known` operator's: again only after a withdrawal."""
    refusal = ""
    if organization.kind == Organization.Kind.CUSTOMER:
        refusal = _("A customer has no operators.")
    elif known and known.standing == "pending":
        words = _("{name} ({email}) was invited on {when} already. Send that invitation again instead.")
        refusal = words.format(name=known.name, email=known.email, when=dates.moment(known.invited_at))
    elif known and known.standing == "disabled":
        words = _("{name} ({email}) is an operator already, but disabled. Enable {name} instead.")
        refusal = words.format(name=known.name, email=known.email)
    elif known and known.standing == "active":
        refusal = _("{name} ({email}) is an operator already.").format(name=known.name, email=known.email)
    return Action("invite_operator", refusal)


@transaction.atomic
def invite(
    organization: Organization,
    *,
    email: str,
    role: str,
    by: Inviter,
    at: datetime,
    name: str = "",
    request_key: uuid.UUID | None = None,
) -> Operator:
    """A pending operator, with the invitation's mail queued. The same form sent twice (`request_key`) invites once.

    Raises Refused when an operator of the organization has this address.
    """
    organization = Organization.objects.hold(organization.pk)
    key = str(uuid.uuid5(request_key or uuid.uuid4(), str(organization.pk)))  # another organization's is another form
    if made := Operator.objects.filter(username=key).select_related("organization").first():
        return made
    known = Operator.objects.with_email(email).filter(organization=organization).first()
    inviting(organization, known).require()
    invited = known or Operator(organization=organization)
    invited.organization, invited.username, invited.email, invited.role = organization, key, email, role
    invited.name, invited.disabled_at = name or email, None
    invited.set_unusable_password()
    send(invited, by, at)
    after = {"name": invited.name, "email": email, "role": role}
    remember(invited, "operator_invited", by=by, at=at, after=after)
    return invited


def accept(token: str, person: Identity, *, at: datetime) -> Operator:
    """Bind the invited operator to this identity; a distributor's first sign-in sets its tenant.

    Raises Refused with the sentence for the person.
    """
    with transaction.atomic():
        invited = Operator.invited(token)
        if invited is None:
            raise Refused(_("This invitation is not valid any more. Sign in, or ask for a new one."))
        invited.organization = organization = Organization.objects.hold(invited.acts_for.pk)
        if organization.tid and str(organization.tid) != person.tid:
            raise Refused(_("This invitation is for an account of your organization's own Microsoft 365 tenant."))
        try:
            with transaction.atomic():
                claim(organization, invited, person, at)
        except IntegrityError as error:
            raise Refused(_("This Microsoft account, or its tenant, belongs to another organization here.")) from error
        remember(invited, "operator_joined", by=invited, at=at)
    return invited


def claim(organization: Organization, invited: Operator, person: Identity, at: datetime) -> None:
    if organization.tid is None:
        organization.tid = uuid.UUID(person.tid)
        organization.save(update_fields=["tid"])
    name = " ".join(person.name.split())[:150] or invited.name
    facts = {"tid": person.tid, "oid": person.oid, "accepted_at": at, "name": name}
    waiting = Operator.objects.pending().filter(pk=invited.pk, invited_at=invited.invited_at)
    if not waiting.update(**facts):
        raise Refused(_("This invitation was used or replaced a moment ago."))
    invited.refresh_from_db(fields=list(facts))


def change_role(operator: Operator, role: str, *, by: Operator, at: datetime) -> Operator:
    """From the next request on. Raises Refused."""
    with changing(operator, "operator_role_changed", by=by, at=at) as row:
        row.action("change_role").require()
        if row.role == role:
            words = _("{name} is {role} already.")
            raise AlreadySo(words.format(name=row.name, role=row.get_role_display()))
        row.role = role
    return row


def disable(operator: Operator, *, by: Operator, at: datetime, reason: str = "") -> Operator:
    """No access from the next request on. Raises Refused."""
    with changing(operator, "operator_disabled", by=by, at=at, reason=reason) as row:
        row.action("disable_operator").require()
        row.disabled_at = at
        row.set_unusable_password()  # which every session is signed with: none of them is back when it is enabled again
    return row


def enable(operator: Operator, *, by: Operator, at: datetime, reason: str = "") -> Operator:
    """As before it was disabled. Raises Refused."""
    with changing(operator, "operator_enabled", by=by, at=at, reason=reason) as row:
        row.action("enable_operator").require()
        row.disabled_at = None
    return row


def resend(operator: Operator, *, by: Operator, at: datetime) -> Operator:
    """A new invitation, whose link replaces the earlier one. Raises Refused."""
    with changing(operator, "operator_invitation_resent", by=by, at=at) as row:
        row.action("resend_invitation").require()
        send(row, by, at)
    return row


def withdraw(operator: Operator, *, by: Operator, at: datetime) -> Operator:
    """The link is dead; the row stays, for the mails that were sent to it. Raises Refused."""
    with changing(operator, "operator_invitation_withdrawn", by=by, at=at) as row:
        row.action("withdraw_invitation").require()
        row.disabled_at = at
        Message.retire(row.acts_for, [INVITATION], to=row)
    return row


def send(invited: Operator, by: Inviter, at: datetime) -> None:
    """Save a new invitation and queue its mail; an earlier one that waits is not sent any more."""
    invited.invited_at, invited.invited_by = at, by
    invited.save()
    Message.retire(invited.acts_for, [INVITATION], to=invited)
    Message.queue(INVITATION, invited.acts_for, about_at=at, to=[invited])


@contextmanager
def changing(operator: Operator, kind: str, *, by: Operator, at: datetime, reason: str = "") -> Iterator[Operator]:
    """The operator, read when its organization is locked; on leaving, what changed is saved with one event."""
    with transaction.atomic():
        organization = Organization.objects.hold(operator.acts_for.pk)
        row = Operator.objects.get(pk=operator.pk)
        row.organization = organization
        before = {name: getattr(row, name) for name in FACTS}
        yield row
        changed = [name for name in FACTS if getattr(row, name) != before[name]]
        row.save(update_fields=[*changed, "password"])
        after = {name: getattr(row, name) for name in changed}
        before = {name: before[name] for name in changed}
        remember(row, kind, by=by, at=at, before=before, after=after, reason=reason)


def remember(
    operator: Operator,
    kind: str,
    *,
    by: Inviter,
    at: datetime,
    before: dict | None = None,
    after: dict | None = None,
    reason: str = "",
) -> None:
    """Write the event, which says whom it is about, and keep it as the operator's last one."""
    whom = {"operator": operator.pk, "name": operator.name}
    organization, after = operator.acts_for, whom | (after or {})
    operator.last_event = Event.record(organization, kind, at=at, by=by, before=before, after=after, reason=reason)
    operator.save(update_fields=["last_event"])
