"""An order's cart, priced as it was named: what a customer was told of, or a refusal.

Rules do not change, so this takes no lock; what it finds is taken by
promotions.redemption.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from promotions import carts, ledger, stacking
from promotions.codes import Entered
from promotions.shopping import Cart, Entry, Priced, Shopper


class UnknownOffer(Exception):
    """An offer is not this customer's, or cannot be used now."""


class CodeRefused(Exception):
    """Codes cannot be used: these `refused` ones; `texts` are as they were entered."""

    def __init__(self, refused: Sequence[Entered]) -> None:
        listed = ", ".join(f"{one.text}: {one.refused}" for one in refused)
        super().__init__(f"Not usable: {listed}.")
        self.refused = refused
        self.texts = [one.text for one in refused]


class OffersDoNotApply(Exception):
    """The cart no longer qualifies for an offer or code that the order wants to use.

    `missed`: the strategies that do not apply, by their ids' texts, and why.
    """

    def __init__(self, message: str, missed: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.missed = missed or {}


class TotalDiffers(Exception):
    """The shop shows another total than the cart comes to."""


def price_wanted(
    cart: Cart,
    wanted: Sequence[UUID] | None,
    shopper: Shopper,
    without: set[UUID],
    at: datetime,
) -> Priced:
    entered = carts.enter(cart, shopper, at=at)
    if refused := [one for one in entered if one.refused]:
        raise CodeRefused(refused)
    shelf = carts.shelved(cart)
    entries = carts.may_apply(cart, shelf, shopper, entered, at=at)
    if wanted is not None:
        entries = _only(entries, wanted)
    entries = [one for one in entries if one.strategy.id not in without]
    # A code is not required: one that is beaten refuses nothing (`_check_codes`).
    required = [one for one in entries if wanted and one.offer]
    # All codes can be used by now: one whose strategy is not among the candidates must
    # not be lost without a word.
    if len([one for one in entries if one.code]) < len(entered):
        raise OffersDoNotApply(
            "A code's promotion is not live, or in another currency."
        )
    try:
        priced = carts.priced(
            cart, shelf, shopper, entries, at=at, entered=entered, required=required
        )
        _check_codes(priced)
    except stacking.Illegal as error:
        raise _refusal(error, entries) from error
    return priced


def _check_codes(priced: Priced) -> None:
    """A code that does nothing here refuses the order; one that is beaten stays unused.

    So an order comes to what its qualification said.

    :raises stacking.Illegal: these codes' promotions do not apply.
    """
    lost = {
        row.entry.key: row.missed
        for row in priced.not_applied
        if row.entry.code and not row.missed.beaten
    }
    if lost:
        raise stacking.Illegal(lost)


def _only(entries: Sequence[Entry], wanted: Sequence[UUID]) -> list[Entry]:
    """Of personal offers keep the wanted ones, each of which must be there."""
    if missing := set(wanted) - {entry.offer for entry in entries}:
        raise UnknownOffer(f"Not usable now: {', '.join(sorted(map(str, missing)))}.")
    return [one for one in entries if one.offer is None or one.offer in wanted]


def _refusal(error: stacking.Illegal, entries: Sequence[Entry]) -> Exception:
    names = {one.key: one.code.text if one.code else one.offer for one in entries}
    for key, missed in error.missed.items():
        if missed.reason == "budget_spent":
            return ledger.BudgetSpent("The promotion's budget is spent.", UUID(key))
        if missed.reason == "limit_reached":
            return ledger.LimitReached("The promotion's limit is reached.", UUID(key))
    listed = ", ".join(f"{names[key]}: {m.reason}" for key, m in error.missed.items())
    reasons = {key: one.reason for key, one in error.missed.items()}
    return OffersDoNotApply(f"The cart does not qualify: {listed}.", reasons)


def check_total(ours: Decimal, total: Decimal | None, currency: str) -> None:
    """Compare with what the shop shows, if it says so.

    :raises TotalDiffers: it is another.
    """
    if total is not None and ours != total:
        raise TotalDiffers(f"The order comes to {ours} {currency}, not {total}.")
