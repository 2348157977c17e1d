from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.bench import small_markets
from promotions.allocation import Impossible, solve
from promotions.instances import Budget, Instance, Invalid, Return, Share
from promotions.violations import violations
from tests.promotions.drawn_shops import EXACT, each, shop


def test_only_gains_are_chosen_and_everybody_gets_at_most_k() -> None:
    asked = shop(1, most=2)

    chosen = solve(asked).chosen

    assert (asked.value[chosen] > 0).all()
    assert chosen.sum(axis=0).max() == 2


def test_who_is_not_in_the_audience_gets_nothing() -> None:
    inside = np.ones((3, 60), dtype=np.bool_)
    inside[1] = False

    chosen = solve(shop(2, most=3, audience=inside)).chosen

    assert chosen.any()
    assert not chosen[1].any()


def test_a_promise_is_kept_and_takes_its_place_and_its_cost() -> None:
    promised = np.zeros((3, 60), dtype=np.bool_)
    promised[0, :10] = True
    asked = shop(3, most=2, promised=promised)
    owed = asked.cost[0, :10].sum()
    asked = replace(asked, budgets=(each(owed + 2.0)[0],))

    chosen = solve(asked, gap=1e-3).chosen

    assert chosen[0, :10].all()
    assert 1.0 < asked.cost[0][chosen[0]].sum() - owed <= 2.0
    assert chosen.sum(axis=0).max() == 2


def test_promises_are_kept_beyond_a_budget_and_nothing_is_added() -> None:
    promised = np.zeros((3, 60), dtype=np.bool_)
    promised[:, :10] = True

    plan = solve(shop(4, most=2, promised=promised, budgets=each(0.0)))

    assert plan.certificate.feasible
    assert np.array_equal(plan.chosen, promised)


def _is_the_best(asked: Instance) -> None:
    try:
        known = small_markets.best(asked)
    except ValueError:
        return
    try:
        proof = solve(asked, gap=EXACT).certificate
    except Impossible:
        assert known is None
        return
    assert known is not None
    assert proof.feasible
    assert proof.value == pytest.approx(known, rel=1e-5, abs=1e-5)
    assert proof.bound >= known - 1e-9


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_small_ones_are_solved_exactly(seed: int) -> None:
    _is_the_best(small_markets.instance(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000))
def test_a_thousand_small_ones_are_solved_exactly(seed: int) -> None:
    _is_the_best(small_markets.instance(seed))


@pytest.mark.parametrize("seed", range(20))
def test_larger_ones_are_certified_or_impossible(seed: int) -> None:
    asked = small_markets.instance(seed, n=9000)
    try:
        plan = solve(asked, gap=1e-3)
    except Impossible as refusal:
        assert asked.shares
        assert all(name.startswith("share g") for name in refusal.names)  # noqa: PT017
        return
    assert plan.certificate.feasible
    assert plan.certificate.gap <= 1e-3


@pytest.mark.parametrize(
    "change",
    [
        {"budgets": each(0.0)},
        {"sku": np.zeros(3, np.int64), "stock": np.zeros(1)},
        {"value": -np.ones((3, 60))},
        {"most": 0},
        {"least_return": 1e6},
    ],
)
def test_where_nothing_can_be_given_nothing_is(change: dict[str, Any]) -> None:
    plan = solve(replace(shop(5), **change))

    assert not plan.chosen.any()
    assert plan.certificate.gap == 0


def test_a_return_that_binds_is_met_to_the_last_bit() -> None:
    free = shop(6, n=3000)
    asked = replace(free, least_return=4.0)

    chosen = solve(asked, gap=1e-3).chosen

    assert asked.value[chosen].sum() >= 4.0 * asked.cost[chosen].sum()
    assert free.value[solve(free).chosen].sum() > asked.value[chosen].sum()
    assert asked.value[chosen].sum() / asked.cost[chosen].sum() < 4.01


def test_each_return_is_asked_of_its_own_options_alone() -> None:
    free = shop(5, n=800, most=2, budgets=each(1e9))
    asked = replace(free, returns=(Return(name="first", options=(0,), least=4.0),))

    chosen = solve(asked, gap=1e-3).chosen

    def brings(option: int) -> float:
        mine = chosen[option]
        return float(
            asked.value[option, mine].sum() - 4 * asked.cost[option, mine].sum()
        )

    assert chosen[0].any()
    assert brings(0) >= 0 > brings(1)
    assert (chosen[1] == solve(free, gap=1e-3).chosen[1]).mean() > 0.9


def test_cents_are_never_passed_by_one() -> None:
    chance = np.random.default_rng(7)
    cost = chance.integers(1, 400, (2, 5000))
    asked = Instance(
        value=chance.random((2, 5000)) * cost,
        cost=cost,
        budgets=(Budget(name="all", options=(0, 1), amount=99_999),),
    )

    plan = solve(asked)

    assert 99_990 <= cost[plan.chosen].sum() <= 99_999
    spare = np.flatnonzero(~plan.chosen.any(axis=0))[:1]
    more = plan.chosen.copy()
    more[0, spare] = True
    assert any("budget all" in one for one in violations(asked, more))


def test_a_share_is_met_though_it_costs_and_one_that_cannot_be_is_named() -> None:
    group = np.repeat([0, -1], [20, 40])
    share = (Share(name="newcomers", share=0.9),)
    asked = shop(8, group=group, shares=share, budgets=each(4.0))

    plan = solve(asked, gap=1e-3)

    assert plan.chosen[:, :20].any(axis=0).sum() >= 18
    assert solve(replace(asked, shares=(), group=None)).certificate.value > (
        plan.certificate.value
    )
    with pytest.raises(Impossible, match="share newcomers"):
        solve(replace(asked, budgets=each(0.3)))
    inside = np.ones((3, 60), dtype=np.bool_)
    inside[:, :5] = False
    with pytest.raises(Impossible, match="18 more wanted, 15 can"):
        solve(replace(asked, audience=inside))


def test_twins_by_the_thousand_are_no_harder() -> None:
    value = np.tile(np.array([[1.0], [2.0]], np.float32), 20_000)
    cost = np.tile(np.array([[1.0], [3.0]], np.float32), 20_000)
    asked = Instance(
        value=value,
        cost=cost,
        budgets=(Budget(name="all", options=(0, 1), amount=10_001),),
        least_return=0.5,
    )

    proof = solve(asked).certificate

    assert proof.value == 10_001


@pytest.mark.parametrize("options", [126, 127, 128, 300])
def test_as_many_options_as_anybody_has_are_told_apart(options: int) -> None:
    asked = shop(3, n=400, m=options)

    chosen = solve(asked).chosen

    assert (asked.value.max(axis=0) > 0).all()
    assert (chosen.argmax(axis=0) == asked.value.argmax(axis=0)).all()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"value": np.full((3, 60), np.nan)}, "value"),
        ({"value": np.full((3, 60), np.inf)}, "value"),
        ({"cost": np.full((3, 60), np.nan)}, "cost"),
        ({"cost": np.full((3, 60), -1.0)}, "cost"),
        ({"cost": np.ones((2, 60))}, "cost"),
        ({"most": -1}, "most"),
        ({"most": 1.7}, "most"),
        ({"most": 2**40}, "most"),
        ({"given": np.full(60, -5)}, "given"),
        ({"given": np.full(60, 0.5)}, "given"),
        ({"strategy": [0, 1, -1]}, "strategy"),
        ({"strategy": [0, 1, 0.5]}, "strategy"),
        ({"strategy": np.int64(0)}, "strategy"),
        ({"campaign": np.zeros((3, 1), np.int64)}, "campaign"),
        ({"strategy": [0, 0, 1], "campaign": [0, 1, 1]}, "campaign"),
        ({"most_of_campaign": [-1]}, "most_of_campaign"),
        ({"most_of_campaign": [0.5]}, "most_of_campaign"),
        ({"most_of_campaign": np.int64(3)}, "most_of_campaign"),
        ({"given_of_campaign": np.zeros((1, 60), np.int64)}, "given_of_campaign"),
        (
            {"most_of_campaign": [1], "given_of_campaign": np.full((1, 60), -5)},
            "given_of_campaign",
        ),
        (
            {"most_of_campaign": [1], "given_of_campaign": np.full((1, 60), 0.5)},
            "given_of_campaign",
        ),
        ({"sku": np.full(3, -5), "stock": np.ones(1)}, "sku"),
        ({"sku": np.zeros(3, np.int64), "stock": np.ones((2, 1))}, "stock"),
        ({"stock": np.full(1, -1.0)}, "stock"),
        ({"units": -1.0}, "units"),
        ({"units": np.full(3, np.nan)}, "units"),
        ({"group": np.full(60, -7), "shares": (Share(name="x", share=1),)}, "group"),
        ({"budgets": each(np.nan)}, "budgets"),
        ({"sku": np.zeros(3, np.int64)}, "sku"),
        ({"sku": np.zeros(3, np.int64), "stock": np.array([np.nan])}, "stock"),
        ({"least_return": np.nan}, "least_return"),
        ({"returns": (Return(name="r", options=(0,), least=-1),)}, "returns"),
        ({"returns": (Return(name="r", options=(3,), least=1),)}, "returns"),
        ({"returns": (Return(name="r", options=(0, 0), least=1),)}, "returns"),
        ({"stock": np.ones(2), "stock_names": ("mug",)}, "stock_names"),
        ({"shares": (Share(name="x", share=0.5),)}, "group"),
        ({"audience": np.ones((3, 60))}, "audience"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(
    change: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as refusal:
        replace(shop(12), **change)

    assert refusal.value.field == field


@pytest.mark.parametrize("most", [2, 255, 256, 300, 2**31 - 1])
def test_room_for_many_offers_is_not_less_than_for_few(most: int) -> None:
    """A byte holds 255: room for 256 must not come out as none."""
    asked = shop(14, strategy=[0, 1, 2], given=np.zeros(60, np.int64), most=most)
    free = shop(14, strategy=[0, 1, 2], most=min(most, 3))

    assert solve(asked).chosen.tolist() == solve(free).chosen.tolist()
