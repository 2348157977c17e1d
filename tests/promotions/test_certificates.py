"""A plan tells how far from the best it may be, by bounds that hold for any prices."""

from dataclasses import replace

import numpy as np
import pytest

from demo.bench import small_markets
from demo.bench.markets import FAMILIES, market
from promotions import improving
from promotions.allocation import NotCertified, solve
from promotions.certificates import certify
from promotions.instances import Budget
from tests.promotions.drawn_shops import EXACT, each, shop


def test_a_plan_that_is_not_good_enough_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = replace(
        shop(9, n=30), budgets=(Budget(name="a", options=(0, 1, 2), amount=3),)
    )
    assert solve(asked, gap=EXACT).certificate.proof == "search"
    monkeypatch.setattr(improving, "SEARCHED", 0)

    with pytest.raises(NotCertified) as refusal:
        solve(asked, gap=EXACT)

    assert refusal.value.best is not None
    assert refusal.value.best.certificate.feasible
    assert refusal.value.best.certificate.gap > EXACT


def test_more_effort_follows_where_the_first_was_not_enough() -> None:
    asked = shop(10, n=9000, budgets=each(100.0), most=2)

    plan = solve(asked, gap=1e-2)
    better = solve(asked, gap=1e-4)

    assert better.certificate.gap <= 1e-4 < plan.certificate.gap
    assert better.certificate.value > plan.certificate.value


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_markets_is_certified_and_uses_its_budget(family: str) -> None:
    asked = market(20_000, seed=21, family=family)

    plan = solve(asked, gap=5e-4)

    assert plan.certificate.gap <= 5e-4
    if plan.prices[0] > 0:
        used = asked.cost[plan.chosen].sum(dtype=np.float64)
        assert used >= 0.998 * asked.budgets[0].amount


def test_the_bound_holds_for_any_prices() -> None:
    chance = np.random.default_rng(11)
    for seed in range(40):
        asked = small_markets.instance(seed)
        try:
            known = small_markets.best(asked)
        except ValueError:
            continue
        if known is None:
            continue
        nothing = np.zeros(asked.value.shape, dtype=np.bool_)
        prices = chance.exponential(1, asked.rows)
        assert certify(asked, nothing, prices).bound >= known - 1e-9
