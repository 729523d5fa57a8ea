"""What can go wrong with Microsoft 365, in words for people.

`cause`: what happened and why; `remedy`: what to do.
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Microsoft365Error(Exception):
    """Base of all errors of this library. `code` is a short slug for logs, tests and support.

    `detail` is what Microsoft said (error code, correlation id), for logs and staff only; never a token.
    """

    code = "microsoft365"
    cause: str | Promise = _("Microsoft 365 gave an answer that the portal did not expect.")
    remedy: str | Promise = _("Try again. If it happens again, contact support.")

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        super().__init__(detail)

    def __str__(self) -> str:
        return f"{self.cause} {self.remedy}".strip()


class UnexpectedAnswer(Microsoft365Error):
    """Microsoft's answer makes no sense or is unsafe to follow (other host, endless list, redirect)."""

    code = "unexpected_answer"


class SigninFailed(Microsoft365Error):
    """A sign-in ended without an identity; the message is a sentence for the person who tried."""

    code = "signin_failed"
    remedy: str | Promise = _("Please start again.")

    def __init__(self, message: str, code: str = "", *, remedy: str | None = None, detail: str = "") -> None:
        super().__init__(detail)
        self.cause = message
        self.code = code or self.code
        self.remedy = self.remedy if remedy is None else remedy


class NotYet(Microsoft365Error):
    """The consent is not visible at Microsoft yet; it may take minutes."""

    code = "not_yet"
    cause = _("Microsoft does not show the consent yet. It can take some minutes until it is known everywhere.")
    remedy = _(
        "Nothing to do: the portal looks again by itself. If an administrator has not accepted yet, ask one to accept."
    )


class ConsentRefused(Microsoft365Error):
    """The tenant does not let the application in."""

    code = "consent_refused"
    cause = _("Your Microsoft 365 tenant does not let this application in.")
    remedy = _(
        "Ask a Global Administrator to enable the application under Enterprise applications "
        "and to accept the permissions again."
    )


class ConsentRevoked(Microsoft365Error):
    """Consent was there and is gone."""

    code = "consent_revoked"
    cause = _("The consent of your Microsoft 365 tenant was withdrawn, so the portal can no longer read from it.")
    remedy = _("Ask a Global Administrator to accept the permissions again, then press Try again.")


class MissingPermission(Microsoft365Error):
    """One permission of those asked for was not granted. `name` is Microsoft's name of it."""

    code = "missing_permission"
    remedy = _("Ask a Global Administrator to accept all the permissions again, then press Try again.")

    def __init__(self, name: str, detail: str = "") -> None:
        super().__init__(detail)
        self.name = name
        self.cause = _("The permission %(name)s was not granted by the Microsoft 365 tenant.") % {"name": name}


class CredentialsExpired(Microsoft365Error):
    """Our own certificate or secret is expired or wrong: an alarm for staff, not an error of the customer."""

    code = "credentials_expired"
    cause = _("The portal could not identify itself to Microsoft. This is our fault, not yours.")
    remedy = _("Our staff has been told. Please try again later.")


class Unavailable(Microsoft365Error):
    """Microsoft does not answer now. Ask again after `retry_after` seconds."""

    code = "unavailable"
    cause = _("Microsoft 365 did not answer in time.")
    remedy = _("Nothing to do: the portal tries again by itself.")

    def __init__(self, retry_after: float = 30, detail: str = "") -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Throttled(Unavailable):
    """Graph asks for a longer wait than a worker should sleep: go on after `retry_after` seconds."""

    code = "throttled"
    cause = _("Microsoft 365 is busy and asked the portal to wait.")


class PageExpired(Microsoft365Error):
    """The link to the next page is too old to go on from; start the list again."""

    code = "page_expired"
    cause = _("Reading the users took so long that Microsoft 365 no longer knows where it stopped.")
    remedy = _("Nothing to do: the portal reads the users again from the start.")
