"""What stops an onboarding, in words: the cause and the remedy for each error code, for its owner and for its tenant."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy

from partnerapp.actions import Words
from partnerapp.microsoft365 import errors


@dataclass(frozen=True)
class Problem:
    """`cause`: what happened and why; `remedy`: what to do."""

    cause: Words
    remedy: Words


OWN = {
    # One sentence for both reasons of R13: which of them it is may concern another tree.
    "tenant_refused": Problem(
        gettext_lazy("This Microsoft 365 tenant cannot be connected here."),
        gettext_lazy("Contact the Vendor's staff and name the reference {detail}."),
    ),
    "consent_not_visible": Problem(
        gettext_lazy(
            "Microsoft has not shown the consent for 15 minutes, so the permissions were probably not accepted."
        ),
        gettext_lazy("Ask a Global Administrator of the tenant to accept the permissions, then press Try again."),
    ),
}
TENANT_WORDS = {  # R13, for the person who proved to belong to the tenant
    "tenant_taken": gettext_lazy(
        "Your Microsoft 365 tenant is connected to another organization in this portal already."
    ),
    "trial_repeated": gettext_lazy("Your Microsoft 365 tenant had a trial already; each tenant gets one."),
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
        return Problem(str(own.cause), str(own.remedy).format(detail=detail))
    error = MICROSOFT.get(code, errors.Microsoft365Error)
    told = error(detail) if code in MICROSOFT else errors.Microsoft365Error(detail)
    return Problem(str(told.cause), str(told.remedy))
