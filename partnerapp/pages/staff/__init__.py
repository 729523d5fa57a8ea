"""The staff's pages that combine the apps; `partnerapp.staff` finds them here."""

from partnerapp.pages.staff import operators, organizations

__all__ = ["operators", "organizations"]
