import numpy as np
import pytest

from ml import profiles
from ml.purchases import Purchases

Line = tuple[int, int, float, int, float, float, float]


def bought(lines: list[Line]) -> Purchases:
    """Lines of (customer, order, day, category, paid, shelf, coupon)."""
    customer, order, day, category, paid, shelf, coupon = zip(*lines, strict=True)
    return Purchases(
        customer=np.array(customer, np.int32),
        order=np.array(order, np.int64),
        day=np.array(day, np.float64),
        product=np.zeros(len(lines), np.int32),
        category=np.array(category, np.int32),
        quantity=np.ones(len(lines)),
        paid=np.array(paid, np.float64),
        shelf_discount=np.array(shelf, np.float64),
        coupon_discount=np.array(coupon, np.float64),
        until=np.full(len(lines), np.inf),
    )


def test_a_small_shop_is_counted_by_hand() -> None:
    past = bought(
        [
            (3, 1, 1000.2, 1, 5.0, 0.0, 0.0),
            (3, 1, 1000.2, 2, 1.0, 0.0, 0.5),
            (3, 2, 1000.9, 1, 4.0, 0.0, 0.0),
            (3, 3, 1007.5, 1, 2.0, 0.0, 0.0),
            (3, 4, 1017.5, 2, 2.0, 0.0, 0.0),
            (3, 5, 1024.5, -1, 6.0, 0.0, 0.0),
            (8, 6, 600.0, 4, 9.0, 0.0, 0.0),
        ]
    )

    counted = profiles.count(past, day=1030.0)

    assert counted.customer.tolist() == [3, 8]
    assert counted.visits.tolist() == [4, 1]
    assert counted.orders.tolist() == [5, 0]
    assert counted.spend.tolist() == [20.0, 0.0]
    assert counted.value.tolist() == [5.0, 9.0]
    assert counted.cadence.tolist() == pytest.approx([7.0, np.nan], nan_ok=True)
    assert counted.regularity[0] == pytest.approx(1 / (1 + np.sqrt(2) / 8))
    assert counted.coupon_share.tolist() == [0.2, 0.0]
    assert counted.favourites.tolist() == [[1, 2, -1], [4, -1, -1]]
    assert profiles.next_visit(counted, day=1030.0)[0] == 1031.0
    assert profiles.next_visit(counted, day=1050.0)[0] == 1050.0
    visits = counted.visited(1030.0)
    assert (visits.repeats[0], visits.recency[0], visits.age[0]) == (3, 24, 30)


def test_who_prefers_deals_to_what_others_buy_in_the_same_aisle_is_found() -> None:
    chance = np.random.default_rng(2)
    lines: list[Line] = []
    for who in range(60):
        for number in range(80):
            aisle = who % 2  # every line of aisle 1 is on discount in half of the weeks
            day = 1000.0 + 3.5 * number
            offered = 0.5 if aisle == 0 else float(int(day // 7) % 2)
            taste = 1.6 if who < 10 and aisle == 0 else 1.0
            deal = chance.random() < offered * taste
            lines.append((who, who * 80 + number, day, aisle, 2.0, 0.4 * deal, 0.0))

    index = profiles.count(bought(lines), day=1300.0).deal_index

    seekers = np.arange(60) % 2 + (np.arange(60) >= 10) == 0
    assert index[seekers].min() > 1.2
    assert np.abs(index[1::2] - 1.0).max() < 0.05, "what is offered is no taste"
    assert np.abs(index[~seekers] - 1.0).mean() < 0.1


def test_regularity_tells_clockwork_from_chance() -> None:
    chance = np.random.default_rng(4)
    clock = np.arange(0, 3000, 10.0)
    poisson = np.cumsum(chance.exponential(10.0, 300))
    lines: list[Line] = []
    for who, days in enumerate((clock, poisson)):
        lines += [(who, who * 999 + i, d, 0, 1.0, 0.0, 0.0) for i, d in enumerate(days)]

    regularity = profiles.count(bought(lines), day=9999.0).regularity

    assert regularity[0] == 1.0
    assert regularity[1] == pytest.approx(0.5, abs=0.05)
