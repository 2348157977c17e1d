"""What each strategy earned: treatment against holdout, from events only.

Intention to treat: everybody who was assigned counts, shown or not, redeemed or not,
from the moment of the assignment. What redeemers bought proves nothing by itself.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings

from analytics import events, identity, store
from analytics.checks import mismatch
from analytics.experiments import Effect, difference
from analytics.moments import Moments
from promotions.models import Strategy

ARMS = ("treatment", "holdout")
Mine = dict[UUID, dict[UUID, datetime]]
"""Customer -> strategy -> when assigned: what happened before does not count.

Assignments are read first, and times compared, since an order may be reported late.
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A strategy's result; amounts are per assigned customer."""

    strategy: UUID
    treatment: int
    holdout: int
    revenue: Effect
    margin: Effect
    redemptions: int
    discount: Decimal
    mismatch: float

    @property
    def total(self) -> float:
        """Incremental margin of all the treated together."""
        return self.margin.value * self.treatment


@dataclass
class Tally:
    """One strategy's customers while the log is folded."""

    arms: dict[UUID, str] = field(default_factory=dict)
    revenue: dict[UUID, float] = field(default_factory=lambda: defaultdict(float))
    margin: dict[UUID, float] = field(default_factory=lambda: defaultdict(float))
    redemptions: int = 0
    discount: Decimal = Decimal(0)
    crossed: set[UUID] = field(default_factory=set)
    """Who was in both arms, by two keys before they proved to be one person's."""

    def assign(self, customer: UUID, arm: str) -> None:
        if customer in self.crossed:
            return
        if self.arms.setdefault(customer, arm) != arm:
            self.crossed.add(customer)
            del self.arms[customer]


def measure(*, until: datetime) -> dict[UUID, Measured]:
    """Fold the log and compare the arms of every strategy that assigned anybody."""
    tallies: dict[UUID, Tally] = defaultdict(Tally)
    mine: Mine = defaultdict(dict)
    persons, last = identity.persons(), store.high_water()
    for types in (("offer_assigned",), ("offer_redeemed", "order_completed")):
        for stored in store.read(after=_start(), until=last, types=types):
            if stored.occurred_at < until and stored.customer and not stored.bot:
                who = persons.get(stored.customer, stored.customer)
                _add(tallies, mine, stored, who)
    # What is redeemed without an offer has no arms to compare.
    arms = {key: tally for key, tally in tallies.items() if tally.arms or tally.crossed}
    return {key: _measured(key, tally) for key, tally in arms.items()}


def refresh(*, until: datetime) -> dict[UUID, Measured]:
    """Measure, and keep the results where operators see them."""
    results = measure(until=until)
    for key, result in results.items():
        Strategy.objects.filter(id=key).update(measured=_written(result, until))
    return results


def _written(result: Measured, until: datetime) -> dict[str, object]:
    return {
        "until": until.isoformat(),
        "treatment": result.treatment,
        "holdout": result.holdout,
        "redemptions": result.redemptions,
        "discount": str(result.discount),
        "mismatch": result.mismatch,
        "total": result.total,
        "revenue": asdict(result.revenue),
        "margin": asdict(result.margin),
    }


def _start() -> int:
    """Nothing before the first proposal can belong to a strategy."""
    first = store.first_position("strategy_proposed")
    return first or 0


def _add(
    tallies: dict[UUID, Tally],
    mine: Mine,
    stored: store.Stored,
    customer: UUID,
) -> None:
    match stored.event:
        case events.OfferAssigned(strategy=strategy, arm=arm):
            tallies[strategy].assign(customer, arm)
            mine[customer].setdefault(strategy, stored.occurred_at)
        case events.OfferRedeemed(strategy=strategy) as redeemed:
            tallies[strategy].redemptions += 1
            tallies[strategy].discount += redeemed.discount
            # A gift is on no line of the order; whoever's arm it is pays its cost.
            cost = float(redeemed.gift_value * (1 - settings.ASSUMED_MARGIN))
            for each in _since(mine, customer, stored.occurred_at):
                tallies[each].margin[customer] -= cost
        case events.OrderCompleted() as order:
            paid, margin = _earned(order)
            for strategy in _since(mine, customer, stored.occurred_at):
                tallies[strategy].revenue[customer] += paid
                tallies[strategy].margin[customer] += margin
        case _:
            pass


def _since(mine: Mine, customer: UUID, at: datetime) -> list[UUID]:
    return [s for s, since in mine.get(customer, {}).items() if since <= at]


def _earned(order: events.OrderCompleted) -> tuple[float, float]:
    """Return what an order brought, and what of it is margin at the assumed cost."""
    paid = sum((line.paid for line in order.lines), Decimal(0))
    shelf = sum((sum(line.amounts, Decimal(0)) for line in order.lines), Decimal(0))
    return float(paid), float(paid - shelf * (1 - settings.ASSUMED_MARGIN))


def _measured(key: UUID, tally: Tally) -> Measured:
    sizes = {arm: list(tally.arms.values()).count(arm) for arm in ARMS}
    share = Strategy.objects.values_list("holdout", flat=True).get(id=key)
    return Measured(
        strategy=key,
        treatment=sizes["treatment"],
        holdout=sizes["holdout"],
        revenue=_compared(tally.arms, tally.revenue),
        margin=_compared(tally.arms, tally.margin),
        redemptions=tally.redemptions,
        discount=tally.discount,
        mismatch=mismatch(sizes, {"treatment": 1 - share, "holdout": share}),
    )


def _compared(arms: dict[UUID, str], outcome: dict[UUID, float]) -> Effect:
    treatment, holdout = (_moments(_of(arms, outcome, arm)) for arm in ARMS)
    return difference(treatment, holdout, "outcome")


def _of(arms: dict[UUID, str], outcome: dict[UUID, float], arm: str) -> list[float]:
    return [outcome.get(customer, 0.0) for customer, its in arms.items() if its == arm]


def _moments(values: list[float]) -> Moments:
    return Moments.of(("outcome",), [[value] for value in values])
