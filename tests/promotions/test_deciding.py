"""Who comes one by one is decided on at once, near to what hindsight would do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.bench import small_markets
from promotions.allocation import solve
from promotions.choices import sweep
from promotions.deciding import AHEAD, Helm, cached, decide, helm, resolve, steer
from promotions.instances import Instance
from promotions.remainders import left, rest_of
from tests.promotions.drawn_shops import each, shop


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
