"""Adding a distributor: what the Vendor's staff do, on their site or from the command line."""

import uuid
from datetime import datetime

from django.db import connection, transaction
from django.utils.translation import gettext as _

from partnerapp.actions import Refused
from partnerapp.models import team
from partnerapp.models.event import Event
from partnerapp.models.operator import Operator
from partnerapp.models.organization import Organization


@transaction.atomic
def add_distributor(
    *,
    name: str,
    email: str,
    admin_email: str,
    by: Operator | None,
    at: datetime,
    request_key: uuid.UUID | None = None,
) -> Operator:
    """A distributor and its first Admin, invited by mail; `email` is where mails about it go.

    The same form sent twice (`request_key`) adds it once. Raises Refused when there is one of this name.
    """
    with connection.cursor() as cursor:  # one at a time: nothing stands above distributors that could be locked
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('add_distributor'))")
    made = Operator.objects.filter(organization__request_key=request_key, organization__kind="distributor")
    if request_key and (earlier := made.order_by("pk").first()):
        return earlier
    if Organization.objects.like(name).filter(kind=Organization.Kind.DISTRIBUTOR).exists():
        raise Refused(_("There is a distributor {name} already. Nothing was changed.").format(name=name))
    distributor = Organization.objects.create(
        kind=Organization.Kind.DISTRIBUTOR, name=name, notification_email=email, created_at=at, created_by=by,
        request_key=request_key,
    )  # fmt: skip
    after = {"name": name, "notification_email": email, "admin": admin_email}
    Event.record(distributor, "distributor_added", at=at, by=by, after=after)
    return team.invite(distributor, email=admin_email, role=Operator.Role.ADMIN, by=by, at=at)
