"""One-time records of sign-ins that are under way at Microsoft."""

import hashlib
from datetime import datetime, timedelta

from django.db import models

from partnerapp.models.organization import Organization

LIFETIME = timedelta(minutes=10)


class SigninFlow(models.Model):
    """A person went to Microsoft and is to come back once, in the same browser, within 10 minutes (wall time).

    The state itself is not stored, only its hash; taking a flow deletes it.
    """

    class Purpose(models.TextChoices):
        SIGNIN = "signin"
        INVITATION = "invitation"
        ACTIVATION = "activation"
        CONSENT = "consent"

    state_hash = models.BinaryField(primary_key=True)
    purpose = models.CharField(max_length=10, choices=Purpose)
    organization = models.ForeignKey(Organization, models.CASCADE, null=True)
    subject = models.CharField(max_length=200, blank=True)  # an invitation's or activation link's token
    next_url = models.CharField(max_length=500, blank=True)
    tid = models.UUIDField(null=True)
    nonce = models.CharField(max_length=200, blank=True)
    verifier = models.CharField(max_length=200, blank=True)
    browser_hash = models.BinaryField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "signin_flow"

    def __str__(self) -> str:
        return self.purpose

    @classmethod
    def start(cls, *, state: str, browser: str, wall: datetime, **facts: object) -> "SigninFlow":
        """Remember a flow until `wall` + 10 minutes. `browser` is the secret in the browser's cookie."""
        return cls.objects.create(
            state_hash=digest(state), browser_hash=digest(browser), expires_at=wall + LIFETIME, **facts
        )

    @classmethod
    def take(cls, *, state: str, browser: str, wall: datetime) -> "SigninFlow | None":
        """The flow of this state in this browser, once: a second caller, another browser or a late one gets None."""
        sql = "DELETE FROM signin_flow WHERE state_hash = %s AND browser_hash = %s AND expires_at > %s RETURNING *"
        return next(iter(cls.objects.raw(sql, [digest(state), digest(browser), wall])), None)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
