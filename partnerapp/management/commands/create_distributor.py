from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.urls import reverse

from partnerapp import clock
from partnerapp.forms import Email, VisibleText
from partnerapp.mail import absolute
from partnerapp.management.json_command import JsonCommand
from partnerapp.models import Event, Operator, Organization, team


class Command(JsonCommand):
    help = "Add a distributor and invite its first Admin. The same name and email again: the same invitation."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name")
        parser.add_argument("--admin-email", required=True)

    def answer(self, **options: Any) -> dict[str, Any]:
        try:
            name = VisibleText(max_length=120).clean(options["name"])
            email = Email().clean(options["admin_email"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        operator = earlier(name, email) or invite(name, email)
        if operator.accepted_at:
            raise CommandError(f"{email} is an operator of {name} already.")
        link = absolute(reverse("invitation", args=[operator.invitation_token()]))
        return {"organization": operator.organization_id, "operator": operator.pk, "invitation": link}


def earlier(name: str, email: str) -> Operator | None:
    rows = Operator.objects.filter(organization__kind=Organization.Kind.DISTRIBUTOR, organization__name=name)
    return rows.filter(email__iexact=email).first()


@transaction.atomic
def invite(name: str, email: str) -> Operator:
    if Organization.objects.like(name).filter(kind=Organization.Kind.DISTRIBUTOR).exists():
        raise CommandError(f"There is a distributor {name} already, with another first Admin. Nothing was changed.")
    at = clock.now()
    distributor = Organization.objects.create(
        kind=Organization.Kind.DISTRIBUTOR, name=name, notification_email=email, created_at=at
    )
    Event.record(distributor, "distributor_added", at=at, by=None, after={"name": name, "admin": email})
    return team.invite(distributor, email=email, role=Operator.Role.ADMIN, by=None, at=at)
