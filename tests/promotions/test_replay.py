"""Inline rows are true: folding the log again gives the very same states and sums."""

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics import events, store
from analytics.models import Customer
from promotions import approval, decision_rules, errands
from promotions.models import (
    Campaign,
    Code,
    Counter,
    Offer,
    Redemption,
    Reservation,
    Strategy,
)
from tests.conftest import Give, Make
from tests.promotions.reserving import (
    code,
    let_pass,
    redeem,
    release,
    reserve,
    roll_back,
)

STATES = {
    events.StrategyProposed: "proposed",
    events.StrategyApproved: "live",
    events.StrategyRejected: "rejected",
    events.StrategyReturned: "returned",
    events.StrategyPaused: "paused",
    events.StrategyResumed: "live",
    events.StrategyEnded: "ended",
}
Row = tuple[str, str, Decimal, Decimal, int]


@dataclass
class Folded:
    """What the log says of a strategy."""

    state: str = ""
    by: str = ""
    spent: Decimal = Decimal(0)
    redemptions: int = 0
    held: dict[UUID, Decimal] = field(default_factory=dict)

    @property
    def row(self) -> Row:
        reserved = sum(self.held.values(), Decimal(0))
        return self.state, self.by, reserved, self.spent, self.redemptions


def folded() -> dict[UUID, Row]:
    rows: dict[UUID, Folded] = defaultdict(Folded)
    for stored in store.read(until=store.high_water()):
        event = stored.event
        if state := STATES.get(type(event)):
            row = rows[UUID(str(stored.stream).removeprefix("strategy:"))]
            row.state = state
            if state == "proposed":
                row.by = ""
            elif not isinstance(event, decision_rules.PASSING):
                row.by = getattr(event, "by", "")
        elif isinstance(event, MONEY):
            _spend(rows[event.strategy], event)
    return {key: row.row for key, row in rows.items()}


MONEY = (
    events.OfferReserved,
    events.ReservationReleased,
    events.OfferRedeemed,
    events.RedemptionRolledBack,
)


def _spend(row: Folded, event: events.Event) -> None:
    match event:
        case events.OfferReserved():
            row.held[event.reservation] = event.amount
        case events.ReservationReleased():
            assert row.held.pop(event.reservation) == event.amount
        case events.OfferRedeemed():
            if event.reservation:
                assert row.held.pop(event.reservation) == event.discount
            row.spent += event.discount
            row.redemptions += 1
        case events.RedemptionRolledBack():
            row.spent -= event.given_back
            row.redemptions -= int(event.whole and event.given_back > 0)
        case _:
            raise AssertionError(event)


def inline() -> dict[UUID, Row]:
    return {
        s.id: (s.state, s.decided_by, s.reserved, s.spent, s.redemptions)
        for s in Strategy.objects.all()
    }


def check() -> None:
    """Compare all inline rows with the log, and with one another."""
    assert folded() == inline()
    for campaign in Campaign.objects.all():
        mine = list(campaign.strategies.all())
        assert campaign.spent == sum((s.spent for s in mine), Decimal(0))
        assert campaign.reserved == sum((s.reserved for s in mine), Decimal(0))
    for strategy in Strategy.objects.all():
        assert min(strategy.spent, strategy.reserved) >= 0
        assert strategy.spent + strategy.reserved <= strategy.budget
        check_uses(strategy)


def check_uses(strategy: Strategy) -> None:
    """Counters, codes and offers are what holds and redemptions say together."""
    holds = list(strategy.holds.filter(reservation__state="held"))
    sold = list(Redemption.objects.filter(strategy=strategy))
    policy = strategy.rule.get("gives_back", "all")
    used = [one for one in sold if policy != "all" or one.rolled_back_at is None]
    uses = len(holds) + len(used)
    given = sum(
        (r.discount - (r.returned if policy != "nothing" else 0) for r in sold),
        Decimal(0),
    )
    assert given == strategy.spent
    for counter in Counter.objects.filter(subject=strategy.id, customer=None):
        assert counter.uses == uses
        assert counter.money == strategy.spent + strategy.reserved
    for one in Code.objects.filter(strategy=strategy):
        assert one.uses == uses
    offers = Offer.objects.filter(strategy=strategy)
    redeemed = {o.id for o in offers.exclude(redeemed_at=None)}
    held = {o.id for o in offers.exclude(held_until=None)}
    told = {u.offer for u in used} - {None}, {h.offer for h in holds} - {None}
    if strategy.state == Strategy.State.LIVE:
        assert (redeemed, held) == told
    else:  # its free and held offers are gone; what was held is redeemed without
        assert (redeemed <= told[0], held) == (True, set())


STEPS = st.lists(
    st.sampled_from(
        [
            *("redeem", "reserve", "redeem_reserved", "release", "expire"),
            *("roll_back", "roll_back_a_part", "pause", "resume", "end"),
        ]
    ),
    min_size=3,
    max_size=14,
)
KINDS = st.sampled_from(["offer", "automatic", "code"])
POLICIES = st.sampled_from(["all", "money", "nothing"])


LIMITS = [{"most": "3"}, {"most": "10", "of": "money"}]


class Shop:
    """Does to one strategy what shops and operators do, each step as it can."""

    def __init__(self, api: APIClient, strategy: Strategy, give: Give) -> None:
        self.api, self.strategy, self.give = api, strategy, give
        self.held: list[str] = []
        self.sold: list[str] = []

    def cart(self) -> dict[str, Any]:
        cart: dict[str, Any] = {"lines": [{"sku": "tea", "quantity": 3}]}
        match self.strategy.trigger:
            case "offer":
                name = f"c{Customer.objects.count()}"
                customer = Customer.objects.create(external_id=name)
                offer = self.give(self.strategy, customer)
                cart |= {"customer": name, "offers": [str(offer.id)]}
            case "code":
                cart |= {"codes": [f"CODE-{self.strategy.id}"]}
            case _:
                pass
        return cart

    def redeem(self) -> None:
        answer = redeem(self.api, **self.cart())
        self.sold += answer.json().get("redemptions", [])

    def reserve(self) -> None:
        if held := reserve(self.api, **self.cart()).json().get("reservation"):
            self.held.append(held)

    def redeem_reserved(self) -> None:
        if self.held:
            answer = redeem(self.api, reservation=self.held.pop(0))
            self.sold += answer.json().get("redemptions", [])

    def release(self) -> None:
        if self.held:
            release(self.api, self.held.pop())

    def expire(self) -> None:
        for one in Reservation.objects.filter(state="held", id__in=self.held):
            let_pass(str(one.id))
        errands.expire_reservations()

    def roll_back(self) -> None:
        if self.sold:
            roll_back(self.api, self.sold.pop(0))

    def roll_back_a_part(self) -> None:
        if self.sold:
            roll_back(self.api, self.sold[-1], lines=[{"line": 0, "quantity": 1}])

    def end(self) -> None:
        self._decide(approval.end)

    def pause(self) -> None:
        self._decide(approval.pause)

    def resume(self) -> None:
        self._decide(approval.resume)

    def _decide(self, step: Any) -> None:
        with suppress(decision_rules.NotLive, decision_rules.NotPaused):
            step(self.strategy.id, by="olga", comment="So.", at=timezone.now())


@pytest.mark.usefixtures("shelf")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=KINDS, policy=POLICIES, steps=STEPS, budget=st.integers(1, 14))
def test_money_uses_offers_and_codes_are_what_the_log_says(
    live: Make,
    give: Give,
    api: APIClient,
    kind: str,
    policy: str,
    steps: list[str],
    budget: int,
) -> None:
    Reservation.objects.filter(state="held").update(expires_at=timezone.now())
    errands.expire_reservations()
    Campaign.objects.update(ends_at=timezone.now())  # of earlier examples
    strategy = live(
        trigger=kind,
        holdout=0,
        budget=Decimal(budget),
        rule={"gives_back": policy, "limits": LIMITS},
    )
    if kind == "code":
        code(strategy, f"CODE-{strategy.id}", most_uses=2)
    shop = Shop(api, strategy, give)
    for step in steps:
        getattr(shop, step)()
        check()


ROAD = ["approve", "request_changes", "reject", "pause", "resume", "comment", "end"]
DECISIONS = st.lists(st.sampled_from(ROAD), max_size=8)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(DECISIONS, min_size=1, max_size=3))
def test_decisions_are_what_the_log_says(
    proposed: Make, histories: list[list[str]]
) -> None:
    for steps in histories:
        strategy = proposed()
        for step in steps:
            decide = getattr(approval, step)
            with suppress(
                decision_rules.NotProposed,
                decision_rules.NotLive,
                decision_rules.NotPaused,
            ):
                decide(strategy.id, by="olga", comment="So.", at=timezone.now())

    assert folded() == inline()
