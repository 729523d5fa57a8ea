"""What stops an onboarding, in words: the cause and the remedy for each error code, for its owner and for its tenant."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partnerapp.actions import Words
from partnerapp.microsoft365 import errors


@dataclass(frozen=True)
class Problem:
    """`cause`: what happened and why; `remedy`: what to do. `shown` replaces the cause for the tenant's own people."""

    cause: Words
    remedy: Words
    shown: Words = ""


REFERENCE = gettext_lazy("Contact the Vendor's staff and name the reference {detail}.")
OWN = {
    "tenant_taken": Problem(
        gettext_lazy("This Microsoft 365 tenant cannot be connected here."),
        REFERENCE,
        gettext_lazy("Your Microsoft 365 tenant is connected to another organization in this portal already."),
    ),
    "trial_repeated": Problem(
        gettext_lazy("This Microsoft 365 tenant cannot start a trial here."),
        REFERENCE,
        gettext_lazy("Your Microsoft 365 tenant had a trial already; each tenant gets one."),
    ),
    "consent_not_visible": Problem(
        gettext_lazy(
            "Microsoft has not shown the consent for 15 minutes, so the permissions were probably not accepted."
        ),
        gettext_lazy("Ask a Global Administrator of the tenant to accept the permissions, then press Try again."),
    ),
}
MICROSOFT = {
    error.code: error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.Microsoft365Error)
}


def explain(code: str, detail: str) -> Problem:
    """The problem behind a stored error code and its detail (a permission's name, a reference)."""
    if code in OWN:
        own = OWN[code]
        return Problem(str(own.cause), str(own.remedy).format(detail=detail), str(own.shown or own.cause))
    error = MICROSOFT.get(code, errors.Microsoft365Error)
    told = error(detail) if code in MICROSOFT else errors.Microsoft365Error(detail)
    return Problem(str(told.cause), str(told.remedy), str(told.cause))


def unknown_link() -> str:
    return _("This activation link is not valid. Check that you copied all of it, or ask the sender for a new one.")
