"""Activation links: a signature over onboarding id and link version. Nothing secret is stored, so a live link can be shown
again, and raising the version kills it (R12).
"""

from django.core import signing
from django.urls import reverse

from partnerapp.mail import absolute

SIGNER = signing.Signer(salt="onboarding.activation", sep="~")


def token(pk: int, version: int) -> str:
    return SIGNER.sign(f"{pk}.{version}")


def read(text: str) -> tuple[int, int] | None:
    """(onboarding id, link version) of a token that we signed, else None."""
    try:
        pk, version = SIGNER.unsign(text).split(".")
    except (signing.BadSignature, ValueError):
        return None
    return int(pk), int(version)


def url(pk: int, version: int) -> str:
    """The whole link, from `BASE_URL`."""
    return absolute(reverse("activate", args=[token(pk, version)]))
