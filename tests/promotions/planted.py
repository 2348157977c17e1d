"""A campaign of thirty days with a planted effect, told to the log as a shop tells it.

Everybody orders about weekly, for ten weeks before and for four after. While the
campaign runs, the treated spend `lift` more on each order; after it, `dip` less: so
much they only bought sooner. Half of all see what they are offered, or are kept from.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import numpy as np
from django.utils import timezone

from analytics import events, store
from analytics.moments import Moments
from promotions import arms, measurement, sums
from promotions.models import ArmDay, Campaign, Redemption, Strategy

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 30
ENDS = START + timedelta(days=DAYS)
DONE = ENDS + sums.WASHOUT + timedelta(days=2)
SEGMENTS = ("loyal", "new", "deal_seeker", "big_spender")


def campaign(
    name: str = "March", start: datetime = START, budget: int = 5000
) -> Campaign:
    return Campaign.objects.create(
        name=name,
        starts_at=start,
        ends_at=start + timedelta(days=DAYS),
        budget=Decimal(budget),
        currency="USD",
    )


@dataclass
class Shop:
    """Customers and what they did; `tell` writes it all to the log."""

    seed: int = 1
    facts: list[store.Fact] = field(default_factory=list)
    customers: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(self.seed)

    def happens(self, event: events.Event, at: datetime, who: UUID) -> None:
        self.facts.append(store.Fact(event=event, at=at, customer=who))

    def run(
        self,
        strategy: Strategy,
        *,
        customers: int = 2000,
        lift: float = 3.0,
        dip: float = 1.5,
        holdout: float = 0.5,
        held_out: float = 0.05,
        start: datetime = START,
    ) -> None:
        """Have new customers go through a strategy's campaign."""
        for _ in range(customers):
            lot = float(self.chance.uniform())
            if lot < held_out:
                arm = arms.HELD_OUT
            elif self.chance.uniform() < holdout:
                arm = arms.HOLDOUT
            else:
                arm = arms.TREATMENT
            self._lives(strategy, arm, lift, dip, start)

    def _lives(
        self, strategy: Strategy, arm: str, lift: float, dip: float, start: datetime
    ) -> None:
        who, offer, usual = uuid4(), uuid4(), float(self.chance.gamma(3, 8))
        since = start + timedelta(days=float(self.chance.uniform(0, 12)))
        labels = list(strategy.menu)
        variant = labels[int(self.chance.integers(len(labels)))]
        treated = arm == arms.TREATMENT
        self.customers.append(who)
        assigned = events.OfferAssigned(
            strategy=strategy.id,
            arm=arm,
            variant=variant if treated else None,
            counterfactual=None if treated else variant,
            probability=0.5,
            segment=SEGMENTS[int(self.chance.integers(len(SEGMENTS)))],
            offer=offer,
        )
        self.happens(assigned, since, who)
        if self.chance.uniform() < 0.5:
            self.happens(events.OfferShown(offer=offer), since + timedelta(days=1), who)
        redeems = treated and self.chance.uniform() < 0.4
        at = start - timedelta(weeks=10)
        ends = start + timedelta(days=DAYS)
        while at < ends + sums.WASHOUT:
            at += timedelta(days=float(self.chance.uniform(4, 10)))
            more = 0.0
            if treated and at >= since:
                more = lift if at < ends else -dip
            paid = max(1.0, usual * float(self.chance.gamma(4, 0.25)) + more)
            cut = 0.0
            if redeems and since < at < ends:
                redeems, cut = False, round(0.1 * paid, 2)
                self._redeems(strategy, who, offer, variant, cut, at)
            self._orders(who, paid - cut, cut, at)

    def _orders(self, who: UUID, paid: float, cut: float, at: datetime) -> None:
        number = str(uuid4())
        line = events.OrderLine(
            sku="tea",
            category="TEA",
            paid=Decimal(f"{paid:.2f}"),
            coupon_discount=Decimal(f"{cut:.2f}"),
        )
        made = events.OrderCompleted(order_id=number, currency="USD", lines=(line,))
        self.happens(made, at, who)
        if self.chance.uniform() < 0.03:
            back = events.OrderRefunded(order_id=number, currency="USD")
            self.happens(back, at + timedelta(days=2), who)

    def _redeems(
        self,
        strategy: Strategy,
        who: UUID,
        offer: UUID,
        variant: str,
        cut: float,
        at: datetime,
    ) -> None:
        gone = bool(self.chance.uniform() < 0.05)
        row = Redemption(
            strategy=strategy,
            offer=offer,
            customer=who,
            order_id=str(uuid4()),
            variant=variant,
            discount=Decimal(f"{cut:.2f}"),
            adjustments=[],
            redeemed_at=at,
            returned=Decimal(f"{cut:.2f}") if gone else Decimal(0),
            rolled_back_at=at if gone else None,
        )
        row.save()
        used = events.OfferRedeemed(
            strategy=strategy.id,
            redemption=row.id,
            variant=variant,
            offer=offer,
            order_id=row.order_id,
            discount=row.discount,
            currency="USD",
        )
        self.happens(used, at, who)
        if gone:
            back = events.RedemptionRolledBack(
                strategy=strategy.id,
                redemption=row.id,
                rollback=uuid4(),
                order_id=row.order_id,
                amount=row.discount,
                given_back=row.discount,
                whole=True,
                currency="USD",
            )
            self.happens(back, at, who)

    def tell(self) -> None:
        self.facts.sort(key=lambda fact: fact.at)
        store.append_new([f for f in self.facts if f.at <= timezone.now()])


def variants(strategy: UUID) -> dict[str, Moments]:
    """Return the naive sums of the treated by the variant they were given."""
    rows = ArmDay.objects.filter(subject=strategy, slice="all", arm="treatment")
    return measurement.added(rows, lambda row: row.variant)
