"""What measurement counts: who was assigned, what was shown, what it came to.

Three projections' rows, written once for each event and never changed, so that they
add up in any order: assignments with their odds, exposures by offer, and outcomes
(orders, what went back, what discounts cost, who wants no more offers). Sums over them
are made in promotions.sums.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any
from uuid import UUID

from analytics import events, store
from analytics.folds import Into
from analytics.models import Assignment, Exposure, Outcome

Kind = Outcome.Kind
Row = tuple[Any, ...]
NOTHING = Decimal(0)
OUTCOME = (
    *("position", "customer", "at", "kind", "number", "currency", "paid", "shelf"),
    *("discount", "gift", "skus"),
)
ASSIGNMENT = (
    *("position", "customer", "strategy", "at", "arm", "variant", "counterfactual"),
    *("bucket", "probability", "segment", "offer", "odds"),
)


class Outcomes:
    """Folds what happened to customers into `Assignment`, `Exposure` and `Outcome`."""

    types = frozenset(
        (
            *("consent_changed", "offer_assigned", "offer_redeemed", "offer_shown"),
            *("order_cancelled", "order_completed", "order_refunded"),
            "redemption_rolled_back",
        )
    )

    def __init__(self) -> None:
        self.assigned: list[Row] = []
        self.outcomes: list[Row] = []
        self.shown: dict[UUID, tuple[datetime, int]] = {}

    def add(self, stored: store.Stored) -> None:
        """Take one event in; bots' are left out."""
        if stored.bot or stored.customer is None:
            return
        event, at = stored.event, stored.occurred_at
        if isinstance(event, events.OfferShown):
            first, shows = self.shown.get(event.offer, (at, 0))
            self.shown[event.offer] = min(first, at), shows + 1
        elif isinstance(event, events.OfferAssigned):
            self.assigned.append(_assignment(stored, event))
        elif row := _outcome(event):
            self.outcomes.append((stored.position, stored.customer, at, *row))

    def save(self, into: Into) -> None:
        """Add the rows to the tables."""
        into(Assignment, ASSIGNMENT, self.assigned, keys=0)
        into(Outcome, OUTCOME, self.outcomes, keys=0)
        shown = ((offer, *seen) for offer, seen in self.shown.items())
        into(Exposure, ("offer", "first_shown_at", "shows"), shown, keys=1)


def _assignment(stored: store.Stored, event: events.OfferAssigned) -> Row:
    return (
        *(stored.position, stored.customer, event.strategy, stored.occurred_at),
        *(event.arm, event.variant, event.counterfactual, event.bucket),
        *(event.probability, event.segment, event.offer, event.odds),
    )


def _outcome(event: events.Event) -> Row | None:
    """Return (kind, number, currency, paid, shelf, discount, gift, skus)."""
    match event:
        case events.OrderCompleted(order_id=id_, currency=currency, lines=lines):
            paid = sum((line.paid for line in lines), NOTHING)
            shelf = sum((sum(line.amounts, NOTHING) for line in lines), NOTHING)
            return _row(Kind.ORDER, id_, currency, paid=paid, shelf=shelf)
        case events.OrderRefunded(order_id=id_, amount=amount, skus=skus):
            return _row(Kind.BACK, id_, event.currency, paid=amount, skus=skus)
        case events.OrderCancelled(order_id=id_):
            return _row(Kind.BACK, id_, "", paid=None)
        case events.OfferRedeemed(order_id=id_, currency=currency):
            cost, gift = event.discount, event.gift_value
            return _row(Kind.REDEEMED, id_, currency, discount=cost, gift=gift)
        case events.RedemptionRolledBack(order_id=id_, currency=currency):
            return _row(Kind.REDEEMED, id_, currency, discount=-event.amount)
        case events.ConsentChanged(personalised=False):
            return _row(Kind.REFUSED, "", "")
        case _:
            return None


def _row(
    kind: Kind,
    order_id: str,
    currency: str,
    *,
    paid: Decimal | None = NOTHING,
    shelf: Decimal = NOTHING,
    discount: Decimal = NOTHING,
    gift: Decimal = NOTHING,
    skus: Iterable[str] = (),
) -> Row:
    number = UUID(bytes=sha256(order_id.encode()).digest()[:16])
    named = list(skus)
    return kind.value, number, currency, paid, shelf, discount, gift, named
