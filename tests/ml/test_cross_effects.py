import numpy as np
import pytest

from demo.bench import planted_demand
from ml import cross_effects, demand


def test_products_own_answers_are_found_and_shrunk() -> None:
    given = planted_demand.shop(3)
    whole = demand.shrunk(demand.estimate(given.sold))

    found = demand.by_product(given.sold, whole)

    own = given.answers.ravel()[found["sku"].cast(int).to_numpy()]
    off = found["value"].to_numpy() - own
    assert abs(off.mean()) < 0.05
    assert np.corrcoef(found["value"], own)[0, 1] > 0.9
    held = np.abs(off) <= 1.96 * found["error"].to_numpy()
    assert held.mean() > 0.88


@pytest.mark.parametrize("diverts", [True, False])
def test_what_sisters_lose_is_found_and_nothing_where_nothing_is(
    diverts: bool,
) -> None:
    given = planted_demand.shop(4, diverts=diverts)
    whole = demand.shrunk(demand.estimate(given.sold))
    answers = demand.by_product(given.sold, whole)

    found = cross_effects.measure(given.sold, answers)

    true = given.diverted[found["category"].cast(int).to_numpy()]
    assert found.height == planted_demand.CATEGORIES
    assert abs((found["diverted"].to_numpy() - true).mean()) < 0.12
    held = (found["low"].to_numpy() <= true) & (true <= found["high"].to_numpy())
    assert held.mean() >= 0.75


def test_a_shop_without_discounts_tells_nothing_of_sisters() -> None:
    given = planted_demand.shop(5)
    plain = given.sold.with_columns(paid="shelf", price=0.0)
    answers = demand.by_product(plain, demand.shrunk(demand.estimate(plain)))

    assert answers.is_empty()
    assert cross_effects.measure(plain, answers).is_empty()


@pytest.mark.slow
def test_intervals_of_200_shops_hold_what_was_planted() -> None:
    held = planted_demand.held(range(200))

    assert held.categories >= 0.93
    assert held.products >= 0.93
