from collections.abc import Sequence
from typing import Any

import numpy as np

from ml import favourites
from ml.purchases import Purchases


def past(rows: Sequence[tuple[int, int, float, int]], **values: Any) -> Purchases:
    """Rows are customer, order, day, product."""
    customer, order, day, product = map(np.array, zip(*rows, strict=True))
    zero = np.zeros(len(rows))
    columns: dict[str, Any] = {
        "customer": customer.astype(np.int32),
        "order": order.astype(np.int64),
        "day": day.astype(float),
        "product": product.astype(np.int32),
        "category": np.full(len(rows), -1, np.int32),
        "quantity": zero + 1,
        "paid": zero + 1,
        "shelf_discount": zero,
        "coupon_discount": zero,
        "until": np.full(len(rows), np.inf),
    }
    return Purchases(**(columns | values))


ROWS = [(0, 0, 1, 3), (0, 1, 2, 3), (0, 1, 2, 1), (1, 2, 3, 2), (2, 3, 3, 2)]


def test_a_product_has_one_vote_of_each_customer() -> None:
    assert favourites.sellers(past(ROWS), products=5, day=9.0).tolist() == [2, 1, 3]


def test_a_shop_that_has_gone_quiet_still_has_best_sellers() -> None:
    assert len(favourites.sellers(past(ROWS), products=5, day=900.0)) == 3


def test_own_products_come_first_then_best_sellers() -> None:
    top = favourites.sellers(past(ROWS), products=5, day=9.0)

    found = dict(favourites.lists(past(ROWS), top, day=9.0, most=3))

    assert found == {0: [3, 1, 2], 1: [2, 1, 3], 2: [2, 1, 3]}
    assert dict(favourites.lists(past(ROWS), top, day=9.0, most=1))[0] == [3]


def test_what_has_gone_back_is_nobody_s_favourite() -> None:
    back = np.array([2.5, 2.5, np.inf, np.inf, np.inf])

    top = favourites.sellers(past(ROWS, until=back), products=5, day=9.0)

    assert top.tolist() == [2, 1]
    found = dict(favourites.lists(past(ROWS, until=back), top, day=9.0, most=3))
    assert found[0] == [1, 2]


def test_nothing_sold_is_nothing_shown() -> None:
    nothing = past(ROWS).where(np.zeros(len(ROWS), bool))

    top = favourites.sellers(nothing, products=0, day=9.0)

    assert top.tolist() == []
    assert list(favourites.lists(nothing, top, day=9.0, most=3)) == []
