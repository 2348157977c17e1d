"""What measurement counts: who was assigned, what was shown, what it came to.

Three projections' rows, written once for each event and never changed, so that they
add up in any order: assignments with their odds, exposures by offer, and outcomes
(orders, what went back, what discounts cost, who wants no more offers). Sums over them
are made in promotions.sums.

What an order's goods cost the shop is as its feed had told before the order came. So
the fold has to know earlier costs (`UnitCost`): a replay has seen them all, and one
that goes on from the tables (`resumed`) looks them up.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

from analytics import events, store
from analytics.folds import Into
from analytics.models import Assignment, Exposure, Outcome, UnitCost

Kind = Outcome.Kind
Row = tuple[Any, ...]
Price = tuple[str, Decimal | None]
"""A unit's cost: its currency and amount; None where the shop does not say."""
Costs = tuple[Decimal, Decimal]
"""What goods cost, and the value of those whose cost is not known."""
NOTHING = Decimal(0)
OUTCOME = (
    *("position", "customer", "at", "kind", "number", "currency", "paid", "shelf"),
    *("discount", "gift", "skus", "cost", "uncosted"),
)
CURRENCY = OUTCOME.index("currency")
ASSIGNMENT = (
    *("position", "customer", "strategy", "at", "arm", "variant", "counterfactual"),
    *(
        "bucket",
        "probability",
        "segment",
        "offer",
        "odds",
        "p0",
        "spend",
        "traits",
        "types",
        "elsewhere",
        "rest",
    ),
)
UNIT_COST = ("position", "sku", "currency", "cost")


def nothing_before(_: Collection[str]) -> Mapping[str, Price]:
    """Return what a replay from the beginning knew before it: no costs."""
    return {}


def told_before(skus: Collection[str]) -> Mapping[str, Price]:
    """Look up the products' newest costs."""
    rows = UnitCost.objects.filter(sku__in=skus).order_by("sku", "-position")
    return {row.sku: (row.currency, row.cost) for row in rows.distinct("sku")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Goods:
    """Some units of a product, and their whole value at shelf prices."""

    sku: str
    quantity: int
    shelf: Decimal


class Outcomes:
    """Folds what happened to customers into `Assignment`, `Exposure` and `Outcome`."""

    types = frozenset(
        (
            *("consent_changed", "cost_changed", "offer_assigned", "offer_redeemed"),
            *("offer_shown", "order_cancelled", "order_completed", "order_refunded"),
            "redemption_rolled_back",
        )
    )

    def __init__(
        self, before: Callable[[Collection[str]], Mapping[str, Price]] = nothing_before
    ) -> None:
        self.before = before
        self.assigned: list[Row] = []
        self.outcomes: list[Row] = []
        self.shown: dict[UUID, tuple[datetime, int]] = {}
        self.costs: list[Row] = []
        self.newest: dict[str, Price] = {}
        self.waiting: list[tuple[int, list[Goods]]] = []

    @classmethod
    def resumed(cls) -> Self:
        """Return a fold that goes on from the tables."""
        return cls(told_before)

    def add(self, stored: store.Stored) -> None:
        """Take one event in; bots' are left out."""
        event, at = stored.event, stored.occurred_at
        # Costs are nobody's: before the question whose the event is.
        if isinstance(event, events.CostChanged):
            self.newest[event.sku] = event.currency, event.cost
            row = stored.position, event.sku, event.currency, event.cost
            self.costs.append(row)
        elif stored.bot or stored.customer is None:
            return
        elif isinstance(event, events.OfferShown):
            first, shows = self.shown.get(event.offer, (at, 0))
            self.shown[event.offer] = min(first, at), shows + 1
        elif isinstance(event, events.OfferAssigned):
            self.assigned.append(_assignment(stored, event))
        elif told := _outcome(event):
            costs = self._costs(event, told[2])
            whole = stored.position, stored.customer, at, *told, *costs
            self.outcomes.append(whole)

    def save(self, into: Into) -> None:
        """Add the rows to the tables."""
        self._look_up()
        into(Assignment, ASSIGNMENT, self.assigned, keys=0)
        into(Outcome, OUTCOME, self.outcomes, keys=0)
        shown = ((offer, *seen) for offer, seen in self.shown.items())
        into(Exposure, ("offer", "first_shown_at", "shows"), shown, keys=1)
        into(UnitCost, UNIT_COST, self.costs, keys=0)

    def _costs(self, event: events.Event, currency: str) -> Costs:
        """Sum up what goods cost; those of no known cost yet wait to be looked up."""
        goods = list(_goods(event))
        early = [one for one in goods if one.sku not in self.newest]
        if early:
            # The place of the row that `add` appends next.
            self.waiting.append((len(self.outcomes), early))
        late = [one for one in goods if one.sku in self.newest]
        return _summed(late, self.newest, currency)

    def _look_up(self) -> None:
        """Add what was known before this fold began."""
        known = self.before({one.sku for _, goods in self.waiting for one in goods})
        for place, goods in self.waiting:
            *row, cost, uncosted = self.outcomes[place]
            more = _summed(goods, known, row[CURRENCY])
            self.outcomes[place] = (*row, cost + more[0], uncosted + more[1])
        self.waiting.clear()


def _summed(
    goods: Iterable[Goods], prices: Mapping[str, Price], currency: str
) -> Costs:
    cost = uncosted = NOTHING
    for one in goods:
        told_in, each = prices.get(one.sku, ("", None))
        # In another currency a cost is not known; of no units none can be reckoned.
        if each is None or told_in != currency or not one.quantity:
            uncosted += one.shelf
        else:
            cost += each * one.quantity
    return cost, uncosted


def _assignment(stored: store.Stored, event: events.OfferAssigned) -> Row:
    return (
        *(stored.position, stored.customer, event.strategy, stored.occurred_at),
        *(event.arm, event.variant, event.counterfactual, event.bucket),
        *(event.probability, event.segment, event.offer, event.odds),
        *(
            event.p0,
            event.spend,
            list(event.traits),
            list(event.types),
            event.elsewhere,
            event.rest,
        ),
    )


def _goods(event: events.Event) -> Iterable[Goods]:
    """Return what left the shop with an order, or as a gift, which may come back.

    An order's line that is worth nothing is a gift, and counts where it was redeemed.
    """
    match event:
        case events.OrderCompleted(lines=lines):
            for line in lines:
                shelf = sum(line.amounts, NOTHING)
                if not shelf:
                    continue
                yield Goods(sku=line.sku, quantity=line.quantity, shelf=shelf)
        case events.OfferRedeemed(gift=sku, gift_value=value) if value:
            yield Goods(sku=sku or "", quantity=1, shelf=value)
        case events.RedemptionRolledBack(gift=sku, gift_value=value) if value:
            yield Goods(sku=sku or "", quantity=-1, shelf=-value)


Told = tuple[str, UUID, str, Decimal | None, Decimal, Decimal, Decimal, list[str]]


def _outcome(event: events.Event) -> Told | None:
    """Return (kind, number, currency, paid, shelf, discount, gift, skus)."""
    match event:
        case events.OrderCompleted(order_id=id_, currency=currency, lines=lines):
            paid = sum((line.paid for line in lines), NOTHING)
            shelf = sum((sum(line.amounts, NOTHING) for line in lines), NOTHING)
            return _row(Kind.ORDER, id_, currency, paid=paid, shelf=shelf)
        case events.OrderRefunded(order_id=id_, amount=amount, skus=skus):
            return _row(Kind.BACK, id_, event.currency, paid=amount, skus=skus)
        case events.OrderCancelled(order_id=id_):
            # No amount: the whole order; no currency: whichever it was in
            # (promotions.sums).
            return _row(Kind.BACK, id_, "", paid=None)
        case events.OfferRedeemed(order_id=id_, currency=currency):
            cost, gift = event.discount, event.gift_value
            return _row(Kind.REDEEMED, id_, currency, discount=cost, gift=gift)
        case events.RedemptionRolledBack(order_id=id_, currency=currency):
            cost, gift = -event.amount, -event.gift_value
            return _row(Kind.REDEEMED, id_, currency, discount=cost, gift=gift)
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
) -> Told:
    # An order's id is personal. Its hash joins orders with what went back as well.
    number = UUID(bytes=sha256(order_id.encode()).digest()[:16])
    named = list(skus)
    return kind.value, number, currency, paid, shelf, discount, gift, named
