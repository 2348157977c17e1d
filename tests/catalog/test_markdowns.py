"""Mark-down paths: legal, above the floor, and better than doing nothing."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog import markdown_luck, markdowns
from catalog.markdowns import Belief, Clearance

PRICES = (10.0, 9.0, 7.5, 6.0, 4.0)


def known(level: float = 1.0, elasticity: float = -2.0) -> Belief:
    """Return the belief of who knows."""
    return Belief(
        level=np.array([level]), elasticity=np.array([elasticity]), weight=np.ones(1)
    )


def doubtful() -> Belief:
    return markdowns.prior(level_error=0.4, elasticity=-2.0, elasticity_error=0.5)


@pytest.mark.parametrize("prices", [(), (5.0, 5.0), (5.0, 6.0)])
def test_prices_must_fall(prices: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="fall"):
        Clearance(stock=5, prices=prices, units=(1.0,))


def test_no_price_is_below_what_a_unit_left_is_worth() -> None:
    with pytest.raises(ValueError, match="salvage"):
        Clearance(stock=5, prices=(5.0, 2.0), units=(1.0,), salvage=3.0)


def test_a_belief_is_of_mean_one_and_as_wide_as_asked() -> None:
    belief = doubtful()
    assert belief.weight.sum() == pytest.approx(1)
    assert belief.expected_level == pytest.approx(1)
    spread = belief.weight @ (belief.level - 1) ** 2
    assert spread**0.5 == pytest.approx(0.4, rel=0.15)
    assert (belief.elasticity <= markdowns.LEAST_ELASTIC).all()


def test_what_sells_slowly_lowers_the_level_and_a_sell_out_raises_it() -> None:
    asked = Clearance(stock=40, prices=PRICES, units=(10.0,) * 4)
    assert markdowns.learnt(doubtful(), asked, 0, 2).expected_level < 0.8
    assert markdowns.learnt(doubtful(), asked, 0, 25).expected_level > 1.3
    few = Clearance(stock=8, prices=PRICES, units=(10.0,) * 4)
    # All eight are gone: at least eight were asked for.
    assert markdowns.learnt(doubtful(), few, 0, 8).expected_level > 1.0


@settings(max_examples=25, deadline=None)
@given(
    stock=st.integers(1, 60),
    weekly=st.floats(0.3, 12),
    weeks=st.integers(1, 5),
    salvage=st.floats(0, 4),
    steps=st.integers(0, 3),
    held=st.integers(0, 2),
)
def test_a_path_falls_in_few_steps_and_is_no_worse_than_nothing(
    stock: int, weekly: float, weeks: int, salvage: float, steps: int, held: int
) -> None:
    asked = Clearance(
        stock=stock,
        prices=PRICES,
        units=(weekly,) * weeks,
        salvage=salvage,
        steps=steps,
    )
    found = markdowns.path(asked, doubtful(), held=held)
    whole = (held, *found)
    assert all(one <= other for one, other in pairwise(whole))
    assert len(set(whole)) - 1 <= steps
    assert min(PRICES[index] for index in found) >= salvage
    nothing = markdowns.expected(asked, doubtful(), (held,) * weeks)
    assert markdowns.expected(asked, doubtful(), found) >= nothing - 1e-9


def test_ample_demand_needs_no_mark_down() -> None:
    asked = Clearance(stock=10, prices=PRICES, units=(30.0,) * 4)
    assert markdowns.path(asked, doubtful()) == (0, 0, 0, 0)
    assert markdowns.price(asked, doubtful()) == 0


def test_a_lot_too_much_is_marked_down_at_once() -> None:
    asked = Clearance(stock=400, prices=PRICES, units=(10.0,) * 4)
    assert markdowns.price(asked, doubtful()) > 0


def test_the_policy_is_the_exact_optimum_where_all_is_known() -> None:
    """Two weeks and three prices, tried by hand: first price, then by what is left."""
    asked = Clearance(
        stock=6, prices=(10.0, 7.0, 5.0), units=(2.0, 2.0), noise=0.0, steps=2
    )
    mean = markdowns.means(known(), asked)[0]

    def chances(rate: float) -> np.ndarray:
        found = np.exp(-rate) * np.cumprod([1.0, *(rate / np.arange(1, 6))])
        return np.append(found, 1 - found.sum())

    def last(left: int, held: int) -> float:
        sells = np.minimum(np.arange(7), left)
        return max(
            asked.prices[j] * float(sells @ chances(mean[j, 1])) for j in range(held, 3)
        )

    worth = [
        sum(
            chance * (asked.prices[i] * sold + last(6 - sold, i))
            for sold, chance in enumerate(chances(mean[i, 0]))
        )
        for i in range(3)
    ]
    assert markdowns.price(asked, known()) == int(np.argmax(worth))


def test_a_fixed_path_is_nearly_the_best_of_all_fixed_paths() -> None:
    asked = Clearance(stock=60, prices=PRICES, units=(8.0,) * 4, steps=2)
    found = markdowns.path(asked, doubtful())
    first = found[0]
    legal = [
        one
        for one in product(range(5), repeat=4)
        if list(one) == sorted(one) and len({0, *one}) <= 3 and one[0] == first
    ]
    best = max(markdowns.expected(asked, doubtful(), one) for one in legal)
    assert markdowns.expected(asked, doubtful(), found) >= 0.995 * best


def test_lots_keep_what_is_expected() -> None:
    fine = Clearance(stock=50, prices=PRICES, units=(8.0,) * 4)
    rough = Clearance(stock=9000, prices=PRICES, units=(1440.0,) * 4)
    path = (0, 1, 2, 3)
    assert markdowns.expected(rough, doubtful(), path) / 180 == pytest.approx(
        markdowns.expected(fine, doubtful(), path), rel=0.02
    )


def test_a_forecast_is_what_was_expected_and_holds_80_per_cent() -> None:
    asked = Clearance(stock=60, prices=PRICES, units=(8.0,) * 4)
    path = markdowns.path(asked, doubtful())
    told = markdown_luck.outcome(asked, doubtful(), path, seed=3)
    exact = markdowns.expected(asked, doubtful(), path)
    assert told.recovered.mean == pytest.approx(exact, rel=0.03)
    nothing = markdowns.expected(asked, doubtful(), (0,) * 4)
    assert told.gain.mean == pytest.approx(exact - nothing, abs=0.03 * exact)
    assert told.gain.low < told.gain.mean < told.gain.high
    assert told == markdown_luck.outcome(asked, doubtful(), path, seed=3)
    levels = [one.mean for one in told.stock]
    assert levels == sorted(levels, reverse=True)
    assert told.left == told.stock[-1]
