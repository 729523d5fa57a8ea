"""Production accounts: what a customer holds and until when (R26), and how staff suspend, reinstate and end a Partner (R27),
release a Microsoft 365 tenant (R13) and say what a Partner may resell (R2).
"""

from collections.abc import Collection
from datetime import date, datetime
from enum import Enum
from typing import Self

from django.utils.translation import gettext as _

from partnerapp import dates
from partnerapp.actions import Action, AlreadySo, Refused
from partnerapp.models import Message, Operator, Organization
from subscriptions.models.facts import Facts, expiry_of
from subscriptions.models.period import Period
from subscriptions.models.product import Product, SubscriptionProduct
from subscriptions.models.states import State


class Kept(Enum):
    """Stands for what stays as it is, where None means something."""

    KEPT = "kept"


KEPT = Kept.KEPT
LAST_DAY = date(2999, 12, 31)  # some room before Python's calendar ends


class Production(Facts):
    class Meta:
        abstract = True

    # The rules -----------------------------------------------------------------------------------------------------

    def editing(self, at: datetime) -> Action:
        """R26: SKU and add-ons at any time; the date in production. What exactly may change: `edit_refusal`."""
        return Action("edit_skus_and_expiration_date", self._editing_refusal(at))

    def _editing_refusal(self, at: datetime) -> str:
        if self.kind != Organization.Kind.CUSTOMER:
            return _("A Partner has all SKUs and add-ons, and no expiration date.")
        state = self.state(at)
        if state == State.WITHDRAWN:
            return _("The invitation was withdrawn on {when}.").format(when=dates.moment(self.withdrawn_at))
        return self.owner_inactivity(at) if state != State.PRODUCTION else ""  # R27: its date may be brought forward

    def edit_refusal(self, at: datetime, products: Collection[str], expires_on: date | None) -> str:
        """Why the account cannot hold these products (codes) and this last day, or ""."""
        return (
            self.date_refusal(at, expires_on)
            or self._products_refusal(products)
            or ("" if self._only_sooner(products, expires_on) else self.owner_inactivity(at))
        )

    def date_refusal(self, at: datetime, expires_on: date | None) -> str:
        if expires_on == self.expires_on:
            return ""
        if self.converted_at is None:
            return _("Only a production account has an expiration date; this one's level is Trial.")
        return unfit(expires_on, at)

    def _products_refusal(self, products: Collection[str]) -> str:
        """R3: one SKU, and nothing that its Partner does not hold (what the account has already may stay)."""
        resold = Product.resold_by(self.organization.owner).values_list("code", flat=True)
        if foreign := set(products) - self.held() - set(resold):
            names = dict(Product.objects.filter(code__in=foreign).values_list("code", "name"))
            return _("{partner} does not hold {products}.").format(
                partner=self.organization.owner.name,
                products=", ".join(names.get(code, code) for code in sorted(foreign)),
            )
        skus = Product.objects.filter(code__in=products, kind=Product.Kind.SKU).count()
        return "" if skus == 1 else _("Choose exactly one SKU.")

    def _only_sooner(self, products: Collection[str], expires_on: date | None) -> bool:
        """R27: nothing changes but a date that comes forward."""
        sooner = expires_on is not None and (self.expires_on is None or expires_on <= self.expires_on)
        return set(products) == self.held() and sooner

    def held(self) -> set[str]:
        """The codes of the products that it holds now. Loaded ahead by `SubscriptionProduct.held_now`."""
        loaded = self.__dict__.get("held_now")
        rows = self.holdings.filter(until_at=None) if loaded is None else loaded  # type: ignore[attr-defined]
        return {row.product_id for row in rows}

    def suspension(self, at: datetime) -> Action:
        """R27, for staff: a Partner in production."""
        fine = self.kind == Organization.Kind.PARTNER and self.state(at) == State.PRODUCTION
        return Action("suspend", "" if fine else _("Only a Partner in production can be suspended."))

    def reinstatement(self, at: datetime) -> Action:
        """R27, for staff: a suspended Partner. A customer is reinstated by a later date (R26)."""
        fine = self.kind == Organization.Kind.PARTNER and self.state(at) == State.SUSPENDED
        return Action("reinstate", "" if fine else _("Only a suspended Partner can be reinstated."))

    def ending(self, at: datetime) -> Action:
        """R27, for staff: a Partner in production, suspended or not; final."""
        fine = self.kind == Organization.Kind.PARTNER and self.state(at) in {State.PRODUCTION, State.SUSPENDED}
        return Action("end", "" if fine else _("Only a Partner in production or a suspended one can be ended."))

    def tenant_release(self, at: datetime) -> Action:
        """R13, for staff: the tenant of an account that has no access to lose. What has some is ended first."""
        return Action("release_tenant", self._release_refusal(at))

    def _release_refusal(self, at: datetime) -> str:
        organization, state = self.organization, self.state(at)
        if not organization.connected:
            return _("It has no Microsoft 365 tenant that could be released.")
        if organization.tid_released_at:
            return _("Its Microsoft 365 tenant was released on {when}.").format(
                when=dates.moment(organization.tid_released_at)
            )
        if state == State.SUSPENDED and self.kind == Organization.Kind.CUSTOMER and not self.suspended_at:
            return _("It was suspended a moment ago. Please try again in some minutes.")
        if state == State.SUSPENDED and self.kind == Organization.Kind.CUSTOMER:
            return ""
        return {
            State.PENDING: _("Its onboarding goes on. Withdraw the invitation: that releases the tenant."),
            State.TRIAL: _("It uses its tenant. Cancel the trial: that releases the tenant."),
            State.HELD: _("It uses its tenant. Cancel the trial: that releases the tenant."),
            State.PRODUCTION: self._end_first(),
            State.SUSPENDED: self._end_first(),
        }.get(state, "")

    def _end_first(self) -> str:
        if self.kind == Organization.Kind.CUSTOMER:
            return _("It uses its tenant. Set an expiration date: the tenant can be released from then on.")
        return _("Its customers go on with it. End the production account: that releases the tenant.")

    def resale(self, at: datetime) -> Action:
        """R2, for staff: what a Partner holds and may resell."""
        return Action("change_products", self._resale_refusal(at))

    def _resale_refusal(self, at: datetime) -> str:
        if self.kind != Organization.Kind.PARTNER:
            return _("A customer's products are changed with its SKUs and expiration date.")
        if self.withdrawn_at:
            return _("The invitation was withdrawn on {when}.").format(when=dates.moment(self.withdrawn_at))
        if self.cancelled_at and self.converted_at:
            return _("Its production account was ended on {when}, for good.").format(
                when=dates.moment(self.cancelled_at)
            )
        return ""

    # The verbs -----------------------------------------------------------------------------------------------------

    def edit(
        self,
        *,
        by: Operator,
        at: datetime,
        products: Collection[str] | None = None,
        expires_on: date | Kept | None = KEPT,
        reason: str = "",
    ) -> Self:
        """R26: what the account shall hold (codes; None: as it does) and its last day (None: no end; KEPT: as it is).

        A later date reinstates a suspended one from `at`. Raises Refused; AlreadySo when nothing would change.
        """
        with self._changing("edited", by=by, at=at, reason=reason) as row:
            row.editing(at).require()
            products = row.held() if products is None else products
            expires_on = row.expires_on if isinstance(expires_on, Kept) else expires_on
            if refusal := row.edit_refusal(at, products, expires_on):
                raise Refused(refusal)
            if set(products) == row.held() and expires_on == row.expires_on:
                raise AlreadySo(_("Nothing would change: it has these products and this expiration date."))
            if row.state(at) == State.SUSPENDED and expires_on != row.expires_on:
                row._wake(at)
                row.change.kind, row.change.mail = "reinstated", "production_reinstated"
            row.expires_on = expires_on
            row._assign(products, at)
        return row

    def suspend(self, *, by: Operator, at: datetime, reason: str) -> Self:
        """R27: access and billed time end now, also its customers' (both computed, R25, R28). Raises Refused."""
        with self._changing("suspended", by=by, at=at, reason=said(reason), mail="production_suspended") as row:
            row.suspension(at).require()
            row.suspended_at, row.suspended_by, row.suspended_reason = at, by, reason
            Period.close(row.organization, at)
        return row

    def reinstate(self, *, by: Operator, at: datetime, reason: str) -> Self:
        """R27: a suspended Partner goes on from now; the gap is not billed. Raises Refused."""
        with self._changing("reinstated", by=by, at=at, reason=said(reason), mail="production_reinstated") as row:
            row.reinstatement(at).require()
            row._wake(at)
        return row

    def end(self, *, by: Operator, at: datetime, reason: str) -> Self:
        """R27: a production Partner is Cancelled for good, and its Microsoft 365 tenant free (R13). Raises Refused."""
        with self._changing("ended", by=by, at=at, reason=said(reason), mail="partner_ended") as row:
            row.ending(at).require()
            if row.suspended_at is None:
                Period.close(row.organization, at)
            row.cancelled_at, row.cancelled_by, row.cancelled_reason = at, by, reason
            row._claim_tenant(released_at=at)
        return row

    def release_tenant(self, *, by: Operator, at: datetime, reason: str) -> Self:
        """R13: another organization may connect the tenant. To become active again, this one must claim it. Raises Refused."""
        with self._changing("tenant_released", by=by, at=at, reason=said(reason)) as row:
            row.tenant_release(at).require()
            row._claim_tenant(released_at=at)
        return row

    def resell(self, *, by: Operator, at: datetime, products: Collection[str], reason: str) -> Self:
        """R2: the products (codes) that a Partner holds from now on. What its customers hold stays. Raises Refused."""
        with self._changing("products_changed", by=by, at=at, reason=said(reason)) as row:
            row.resale(at).require()
            if set(products) == row.held():
                raise AlreadySo(_("Nothing would change: these are its products."))
            if not Product.objects.filter(code__in=products, kind=Product.Kind.SKU).exists():
                raise Refused(_("Choose at least one SKU."))
            row._assign(products, at)
        return row

    def _wake(self, at: datetime) -> None:
        """Suspended no more: a new production period starts; the old one ended when it was suspended."""
        if self.suspended_at is None:  # by its date, and no sweep has been here yet
            assert self.expiry is not None
            Period.close(self.organization, self.expiry)
        self.suspended_at, self.suspended_by, self.suspended_reason = None, None, ""
        Message.retire(self.organization, ["subscriptions.production_suspended"])
        self._claim_tenant(released_at=None)
        Period.objects.create(organization=self.organization, starts_at=at, cause=Period.Cause.REINSTATED)

    def _assign(self, products: Collection[str], at: datetime) -> None:
        """Dated: what it no longer holds ends at `at`, what is new starts then."""
        before, after = self.held(), set(products)
        if before == after:
            return
        self.holdings.filter(until_at=None, product__in=before - after).update(until_at=at)  # type: ignore[attr-defined]
        new = Product.objects.filter(code__in=after - before)
        SubscriptionProduct.provision(self, new, at)  # type: ignore[arg-type]
        self.change.beside["products"] = sorted(before), sorted(after)


def unfit(expires_on: date | None, at: datetime) -> str:
    """R26: why this cannot be a last day, whose end (24:00 UTC) must still come, or ""."""
    if expires_on and expires_on > LAST_DAY:
        return _("Choose a date before the year 3000, or none for an account without an end.")
    expiry = expiry_of(expires_on)
    return _("The expiration date must lie in the future.") if expiry and expiry <= at else ""


def said(reason: str) -> str:
    """R27, R34: staff say why. Raises Refused."""
    if not reason.strip():
        raise Refused(_("Say why: the reason is kept with the event."))
    return reason
