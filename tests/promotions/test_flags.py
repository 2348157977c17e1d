"""What is flagged while a strategy runs, by intervals that hold at every look."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from analytics import alerts, events, store
from promotions import flags, measurement
from promotions.models import ArmDay, Strategy
from tests.conftest import Make
from tests.promotions.daysums import keep, units
from tests.promotions.watched_weeks import Kind, buys, ran


def kinds(strategy: Strategy) -> set[str]:
    return {flag.kind for flag in flags.of(strategy, at=timezone.now())}


def test_what_does_good_or_nothing_raises_no_flag(live: Make) -> None:
    for lift in (4.0, 0.0):
        strategy = live(holdout=0.5)
        ran(strategy, lift=lift)

        assert kinds(strategy) == set()


def test_harm_that_holds_at_every_look_is_flagged_and_an_alert(live: Make) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=-4.0)

    assert kinds(strategy) == {Kind.HARM, Kind.MARGIN}
    told = {(one.code, one.about) for one in alerts.current(timezone.now())}
    assert ("strategy_harm", str(strategy.id)) in told


def test_arms_that_are_not_as_drawn_are_all_that_is_told(live: Make) -> None:
    strategy = live(holdout=0.05)
    ran(strategy, lift=-4.0)

    assert kinds(strategy) == {Kind.MISMATCH}
    [flag] = flags.of(strategy, at=timezone.now())
    assert "(p < 0.001)" in flag.text


def test_less_margin_before_discounts_is_flagged_for_itself(live: Make) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0)
    known = strategy.measured
    lowered = known["watched"] | {"margin": known["always"] | {"high": -0.5}}
    strategy.measured = known | {"watched": lowered}

    [flag] = flags.of(strategy, at=timezone.now())

    assert flag.kind == Kind.MARGIN
    assert "−0.50" in flag.text or "-0.50" in flag.text


def weeks(
    strategy: Strategy, gains: dict[str, float], *, n: int = 300, usual: float = 5.0
) -> None:
    """Keep the sums of customers by week of assignment, and how much they gained."""
    for seed, (monday, gain) in enumerate(gains.items()):
        treated = units(n, profit=usual + gain, seed=seed)
        others = units(n, profit=usual, seed=seed + 50)
        keep(strategy.id, "treatment", treated, slice_=f"week {monday}")
        keep(strategy.id, "holdout", others, slice_=f"week {monday}")


MONDAYS = ("2026-03-02", "2026-03-09", "2026-03-16", "2026-03-23")


@pytest.mark.parametrize(
    ("gains", "n", "drifts"),
    [
        ((2.0, 2.0, 2.0, 2.0), 300, False),
        ((2.0, 2.0, -2.0, -2.0), 300, True),  # the newest two weeks lose
        ((-2.0, -2.0, 2.0, 2.0), 300, True),
        ((2.0, 2.0, -2.0, -2.0), 49, False),  # 98 in an arm: too few to judge
        ((2.0, -2.0), 300, False),  # there is nobody from before
    ],
)
def test_newest_customers_who_answer_otherwise_are_flagged(
    live: Make,
    gains: tuple[float, ...],
    n: int,
    drifts: bool,
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0, n=200)
    ArmDay.objects.filter(subject=strategy.id, slice__startswith="week ").delete()
    weeks(strategy, dict(zip(MONDAYS, gains, strict=False)), n=n)

    assert (Kind.DRIFT in kinds(strategy)) is drifts
    told = {one.code for one in flags.current(timezone.now())}
    assert ("strategy_drift" in told) is drifts


@pytest.mark.parametrize(
    ("usual", "gain"),
    [
        (2.0, 1.0),  # half the time, half of all: the same share
        (2.0, 2.0),  # it came at once, and stays: the same for each customer
        (2.0, 1.4),  # most of it comes soon: less for each, and a larger share
    ],
)
def test_who_was_watched_for_less_time_does_not_answer_otherwise_for_that(
    live: Make, usual: float, gain: float
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=0.0, n=200)
    ArmDay.objects.filter(subject=strategy.id, slice__startswith="week ").delete()
    weeks(strategy, dict.fromkeys(MONDAYS[:2], 2.0), n=2000, usual=9.0)
    for number, monday in enumerate(MONDAYS[2:]):
        for arm, more in (("treatment", gain), ("holdout", 0.0)):
            some = units(2000, profit=usual + more, seed=90 + number + int(more > 0))
            keep(strategy.id, arm, some, slice_=f"week {monday}")

    assert Kind.DRIFT not in kinds(strategy)


def test_a_budget_that_runs_ahead_of_time_is_flagged(live: Make) -> None:
    strategy = live(budget=Decimal(100))
    campaign = strategy.campaign
    now = timezone.now()
    campaign.starts_at, campaign.ends_at = now - timedelta(days=1), now + timedelta(9)
    campaign.save()

    assert kinds(strategy) == set()
    strategy.spent = Decimal(34)
    assert kinds(strategy) == set()
    strategy.spent = Decimal(36)
    assert kinds(strategy) == {Kind.PACE}


def test_a_campaign_that_has_not_begun_is_not_ahead_of_its_time(live: Make) -> None:
    """A standing rule would have ended it before it began."""
    strategy, now = live(), timezone.now()
    campaign = strategy.campaign
    campaign.starts_at, campaign.ends_at = now + timedelta(10), now + timedelta(30)

    assert kinds(strategy) == set()


def test_too_little_for_what_was_promised_is_flagged_once_its_time_is_over(
    live: Make,
) -> None:
    strategy = live(holdout=0.5)
    ran(strategy, lift=1.0)
    strategy.forecast = {"reach": 100, "margin": 500.0, "cost": 0.0, "days": 28}
    strategy.decided_at = timezone.now() - timedelta(days=27)
    assert kinds(strategy) == set()

    strategy.decided_at = timezone.now() - timedelta(days=29)
    assert kinds(strategy) == {Kind.PROMISE}


def test_more_returns_are_flagged(live: Make) -> None:
    strategy = live(holdout=0.5)
    at = timezone.now() - timedelta(days=2)
    facts = []
    for number in range(2000):
        who, arm = uuid4(), ("treatment", "holdout")[number % 2]
        assigned = events.OfferAssigned(
            strategy=strategy.id, arm=arm, variant=None, probability=0.5
        )
        order = buys(who, 10.0 + number % 7, at + timedelta(hours=1))
        facts += [store.Fact(event=assigned, at=at, customer=who), order]
        if number % (4 if arm == "treatment" else 40) == 0:
            number_ = order.event.order_id  # type: ignore[attr-defined]
            back = events.OrderCancelled(order_id=number_)
            facts.append(
                store.Fact(event=back, at=at + timedelta(hours=9), customer=who)
            )
    store.append_new(facts)
    measurement.refresh(until=timezone.now())
    strategy.refresh_from_db()

    assert Kind.RETURNS in kinds(strategy)
