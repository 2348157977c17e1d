from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.bench import small_markets
from demo.bench.markets import FAMILIES, market
from promotions import improving
from promotions.allocation import Impossible, NotCertified, solve
from promotions.certificates import certify
from promotions.choices import sweep
from promotions.deciding import AHEAD, Helm, cached, decide, helm, resolve, steer
from promotions.instances import Budget, Instance, Invalid, Return, Share
from promotions.remainders import left, rest_of
from promotions.violations import violations

EXACT = 1e-6


def shop(seed: int, n: int = 60, m: int = 3, **more: Any) -> Instance:
    chance = np.random.default_rng(seed)
    value, cost = chance.normal(0.3, 1, (m, n)), chance.uniform(0.1, 2, (m, n))
    return Instance(value=value, cost=cost, **more)


def each(amount: float, m: int = 3) -> tuple[Budget, ...]:
    return tuple(Budget(name=str(o), options=(o,), amount=amount) for o in range(m))


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


@pytest.mark.parametrize("seed", range(30))
def test_online_decides_as_offline_does(seed: int) -> None:
    asked = replace(small_markets.instance(seed, n=40), given=None, promised=None)
    asked = replace(asked, given_of_campaign=None)
    prices = np.random.default_rng(seed).exponential(0.3, asked.rows)
    rest = rest_of(replace(asked, budgets=(), stock=asked.stock + 99))
    picks = sweep(rest, prices[len(asked.budgets) :]).picks
    known = cached(replace(asked, budgets=()), prices[len(asked.budgets) :])
    value, units = rest.value, np.broadcast_to(asked.units, asked.value.shape)
    for who in range(40):
        sku = None
        if asked.sku is not None:
            sku = np.broadcast_to(
                asked.sku if asked.sku.ndim == 2 else asked.sku[:, None], value.shape
            )[:, who].tolist()
        given_ = decide(
            known,
            value[:, who].tolist(),
            asked.cost[:, who].tolist(),
            sku,
            units[:, who].tolist(),
            group=-1 if asked.group is None else int(asked.group[who]),
        )
        assert sorted(given_) == sorted(picks[picks[:, who] >= 0, who].tolist())


@given(st.floats(0, 1), st.floats(0, 50), st.floats(0, 9))
def test_only_a_return_that_binds_is_steered_towards_what_it_should_hold(
    gone: float, holds: float, price: float
) -> None:
    asked = replace(shop(3), budgets=each(9.0), least_return=2.0)
    by = Helm(slope=np.array([40.0]), spread=np.array([10.0]))
    prices = np.array([1.0, 2.0, 3.0, price])
    holding = [0.0, 0.0, 0.0, holds]

    steered = steer(asked, prices, holding, by, gone=gone)

    assert (steered[:3] == prices[:3]).all()
    assert steered[3] >= 0
    assert price > 0 or steered[3] == 0
    wanted = AHEAD * 10 * np.sqrt(gone * (1 - gone))
    assert (steered[3] - price) * (wanted - holds) >= 0


def test_a_steered_return_comes_nearer_to_hindsight() -> None:
    """The same streams with and without: a return of which nothing is in hand."""
    gains = []
    for seed in (17, 19, 21):
        asked = shop(seed, n=3000, least_return=4.0)
        yesterday = shop(seed + 1, n=3000, least_return=4.0)
        prices = resolve(yesterday, np.zeros(1), coming=3000, prices=np.zeros(1))
        by = helm(yesterday, prices, coming=3000)
        still = stream(asked, prices, None)
        gains.append(stream(asked, prices, by) / still - 1)

    assert np.mean(gains) > 0.001


def stream(asked: Instance, prices: Any, by: Helm | None) -> float:
    """Return what customers bring who come one by one; the return always holds."""
    holds, won, known = [0.0], 0.0, cached(asked, prices)
    for who in range(asked.customers):
        if by and who % 50 == 0:
            gone = who / asked.customers
            known = cached(asked, steer(asked, prices, holds, by, gone=gone))
        value = asked.value[:, who].tolist()
        mine = decide(known, value, asked.cost[:, who].tolist(), left=holds)
        won += sum(value[option] for option in mine)
    assert holds[0] >= 0
    return won


def test_arrivals_never_overrun_and_come_near_to_hindsight() -> None:
    asked = shop(13, n=4000, budgets=each(150.0), most=2)
    hindsight = solve(asked, gap=1e-3).certificate.bound
    start = resolve(
        shop(14, n=1000, most=2, budgets=each(1e9)),
        left(asked, None),
        coming=4000,
        prices=np.zeros(3),
    )
    holds, won, prices = left(asked, None).tolist(), 0.0, start
    for begun in range(0, 4000, 200):
        if begun:
            seen = shop(13, n=4000)
            part = Instance(
                value=seen.value[:, :begun],
                cost=seen.cost[:, :begun],
                most=2,
                budgets=each(1e9),
            )
            prices = resolve(part, np.array(holds), coming=4000 - begun, prices=prices)
        known = cached(asked, prices)
        for who in range(begun, begun + 200):
            value = asked.value[:, who].tolist()
            mine = decide(known, value, asked.cost[:, who].tolist(), left=holds)
            won += sum(value[option] for option in mine)

    assert min(holds) >= 0
    assert won >= 0.98 * hindsight
