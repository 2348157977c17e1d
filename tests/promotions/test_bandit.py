"""A bandit's days through the real road: targeting, orders, sums, estimates."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from django.db import IntegrityError

from promotions import approval, bandit, measurement, reports, sums, targeting
from promotions.models import ArmDay, Odds, Offer, Strategy
from tests.promotions import planted
from tests.promotions.bandits import Begin, Shop, assigned, begin, on, told

__all__ = ["begin"]

MARGIN = 0.3


def test_the_estimates_hold_what_was_planted_where_the_naive_mean_does_not(
    begin: Begin,
) -> None:
    """The first day is a good one, and the best variant is mostly given afterwards."""
    strategy = begin()
    lift = {"5%": 0.0, "10%": 2.0, "15%": 4.0}
    shop = Shop(base=lambda day: 60.0 if day == 0 else 10.0, lift=lift)
    shop.run(range(5), new=450)
    measurement.refresh(until=on(5))

    found = {one.variant: one for one in bandit.earned(strategy)}

    usual = float(np.mean(shop.sold))
    naive = planted.variants(strategy.id)
    for label, more in lift.items():
        truth = MARGIN * (usual + more)
        one = found[label]
        assert covers(one.profit, truth), label
        assert covers(one.over_holdout, MARGIN * more), label
        others = max(value for name, value in lift.items() if name != label)
        assert covers(one.over_best_other, MARGIN * (more - others)), label
        assert one.customers == naive[label].n
    assert next(iter(found)) == "15%"
    best, worst = found["15%"].profit, found["5%"].profit
    assert best.low is not None
    assert naive["15%"].mean("profit") < best.low
    assert naive["15%"].mean("profit") < naive["5%"].mean("profit")
    assert best.value > worst.value


def covers(effect: Any, truth: float) -> bool:
    return bool(effect.low < truth < effect.high)


def test_what_a_variant_earned_can_be_told_when_all_is_over(begin: Begin) -> None:
    strategy = begin(holdout=0.0)
    Shop(lift={"15%": 6.0}).run(range(3), new=450)
    measurement.refresh(until=on(3))
    before = bandit.earned(strategy)

    approval.end(strategy.id, by="olga", comment="Enough.", at=on(9))
    strategy.refresh_from_db()

    assert before
    assert bandit.earned(strategy) == before
    assert {one.over_holdout for one in before} == {None}
    assert bandit.set_odds(at=on(10)) == []


def test_nothing_is_told_before_anything_was_summed_up(begin: Begin) -> None:
    assert bandit.earned(begin()) == []


def test_a_customer_keeps_the_first_variant_whatever_the_odds_are_now(
    begin: Begin,
) -> None:
    begin(holdout=0.0)
    shop = Shop(lift={"15%": 6.0})
    shop.run(range(1), new=450)
    first = dict(Offer.objects.values_list("customer", "variant"))
    assert Counter(first.values())["5%"] > 100

    shop.run(range(1, 3), new=100)
    again = Offer.objects.filter(customer__in=first)
    assert dict(again.values_list("customer", "variant")) == first
    # Also where an offer had gone, as when its use is given back.
    again.delete()
    targeting.refresh(at=on(3))

    assert dict(again.all().values_list("customer", "variant")) == first
    said = {
        stored.customer: stored.event.probability
        for stored in assigned()
        if stored.customer in first
    }
    assert dict(again.all().values_list("customer", "probability")) == said


def test_sums_by_odds_add_up_to_all(begin: Begin) -> None:
    strategy = begin()
    Shop().run(range(3), new=200)
    measurement.refresh(until=on(3))

    rows = ArmDay.objects.filter(subject=strategy.id)
    parts = [row for row in rows if row.slice.startswith(sums.DRAWN)]

    assert len({row.slice for row in parts}) == 3
    whole = measurement.added(rows.filter(slice="all"), lambda row: row.arm)
    for arm, some in measurement.added(parts, lambda row: row.arm).items():
        np.testing.assert_allclose(some.gram, whole[arm].gram)
    report = reports.of_strategy(strategy)
    told = [part.name for part in (*report.segments, *report.weeks)]
    assert told
    assert not any(name.startswith(sums.DRAWN) for name in told)


def test_a_strategy_that_gives_everybody_the_best_is_untouched(begin: Begin) -> None:
    strategy = begin(allocation="best", explore=0.4)
    Shop(lift={"15%": 6.0}).run(range(3), new=450)
    measurement.refresh(until=on(3))

    assert not Odds.objects.exists()
    assert not told()
    assert {stored.event.odds for stored in assigned()} == {None}
    by_arm: dict[str, set[float]] = {}
    for one in assigned():
        by_arm.setdefault(one.event.arm, set()).add(one.event.probability)
    assert by_arm["held_out"] == {0.05}
    assert max(by_arm["holdout"]) == pytest.approx(0.1)
    # A third of what is drawn by lot, and of the rest as often as it may be best.
    assert min(by_arm["treatment"]) >= 0.9 * 0.4 / 3 - 1e-9
    assert max(by_arm["treatment"]) <= 0.9 * (0.6 + 0.4 / 3) + 1e-9
    slices = ArmDay.objects.filter(subject=strategy.id).values_list("slice", flat=True)
    assert not [name for name in slices if name.startswith(sums.DRAWN)]
    assert bandit.earned(strategy) == []


@pytest.mark.parametrize("change", [{"trigger": "automatic"}, {"allocation": "luck"}])
def test_the_database_refuses_what_cannot_be_drawn(
    begin: Begin, change: dict[str, str]
) -> None:
    strategy = begin(allocation="best", holdout=0.0)
    values = {"allocation": "thompson", "state": "proposed"} | change

    with pytest.raises(IntegrityError, match=r"strategy_allocation|keep"):
        Strategy.objects.filter(id=strategy.id).update(**values)


def test_what_was_approved_keeps_its_allocation(begin: Begin) -> None:
    strategy = begin()

    with pytest.raises(IntegrityError, match="keeps its rule"):
        Strategy.objects.filter(id=strategy.id).update(allocation="best")
