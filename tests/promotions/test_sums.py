from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest

from analytics import events, projections, store
from promotions import sums
from promotions.models import Strategy
from tests.promotions.summing import (
    COST,
    START,
    UNTIL,
    assign,
    counted,
    day,
    mean,
    order,
    summed,
    tried,
)

__all__ = ["tried"]


def test_the_sums_are_those_of_the_units_one_by_one(tried: Strategy) -> None:
    chance = np.random.default_rng(5)
    expected: dict[str, list[list[float]]] = {"treatment": [], "holdout": []}
    for n in range(40):
        who, arm = uuid4(), ("treatment", "holdout")[n % 2]
        since = day(float(chance.uniform(0, 3)))
        assign(tried, who, arm, since)
        before = after = Decimal(0)
        for k in range(int(chance.integers(0, 6))):
            at = day(float(chance.uniform(-20, 15)))
            paid = Decimal(int(chance.integers(1, 5000))) / 100
            order(who, f"{n}-{k}", str(paid), at)
            if at < since:
                before += paid + 2
            else:
                after += paid + 2
        x, y, kept = float(before), float(after), float(1 - COST)
        expected[arm].append([1, y, y * kept, 0, 0, 0, 0, x, x * kept])

    grams = summed(tried)

    for arm, rows in expected.items():
        z = np.array(rows)
        orders = sums.COLUMNS.index("orders")
        gram = grams["all", arm].copy()
        gram[orders, :] = gram[:, orders] = 0
        np.testing.assert_allclose(gram, z.T @ z, rtol=1e-9, atol=1e-6)


def test_days_add_up_to_what_was_known_on_each_of_them(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    for n in range(4):
        order(who, str(n), "8.00", day(n + 0.5))

    summed(tried)

    revenue, squares = 0.0, 0.0
    place = list(sums.pairs()).index(("revenue", "revenue"))
    for n, row in enumerate(sums.read(tried.id, slice="all")):
        revenue += row.sums[1]
        squares += row.sums[place]
        assert revenue == pytest.approx(10 * (n + 1))
        assert squares == pytest.approx(revenue**2)


def test_discounts_cost_and_gifts_take_from_profit(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=uuid4(),
        variant="10%",
        offer=None,
        order_id="1",
        discount=Decimal("5.00"),
        gift_value=Decimal("4.00"),
        currency="USD",
    )
    back = events.RedemptionRolledBack(
        strategy=tried.id,
        redemption=used.redemption,
        rollback=uuid4(),
        order_id="1",
        amount=Decimal("1.00"),
        given_back=Decimal("1.00"),
        whole=False,
        currency="USD",
    )
    store.append([used, back], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    # What the gift cost, and the dollar that stays of the money off.
    assert mean(gram, "discount") == pytest.approx(0.7 * 4 + 1 - 1)
    assert mean(gram, "profit") == pytest.approx(-0.7 * 4)


def test_a_gift_that_the_order_lists_too_costs_once(tried: Strategy) -> None:
    who = uuid4()
    told = events.CostChanged(sku="mug", cost=Decimal("2.00"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    lines = (
        events.OrderLine(sku="milk", paid=Decimal(10)),
        events.OrderLine(sku="mug", paid=Decimal(0)),
    )
    order = events.OrderCompleted(order_id="1", currency="USD", lines=lines)
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=uuid4(),
        variant="mug",
        offer=None,
        order_id="1",
        discount=Decimal("4.00"),
        gift="mug",
        gift_value=Decimal("4.00"),
        currency="USD",
    )
    store.append([order, used], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "profit") == pytest.approx(10 - 7 - 2)


def test_profit_is_after_what_goods_cost_where_the_feed_said_so(
    tried: Strategy,
) -> None:
    who = uuid4()
    told = events.CostChanged(sku="tea", cost=Decimal("1.50"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1), quantity=2)
    order(who, "2", "8.00", day(1), quantity=4)
    store.append([events.OrderCancelled(order_id="2")], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    # Two teas at 1.50, and milk of which nothing is known but its price.
    assert mean(gram, "revenue") == pytest.approx(10)
    assert mean(gram, "profit") == pytest.approx(10 - 2 * 1.5 - 0.7 * 2)


def test_neither_other_currencies_nor_what_comes_after_the_washout_counts(
    tried: Strategy,
) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    line = events.OrderLine(sku="tea", paid=Decimal(9))
    euro = events.OrderCompleted(order_id="e", currency="EUR", lines=(line,))
    store.append([euro], at=day(1), customer=who)
    order(who, "late", "9.00", tried.campaign.ends_at + sums.WASHOUT)
    while projections.catch_up():
        pass

    sums.refresh_strategy(tried.id, until=day(100))

    assert mean(counted(tried.id)["all", "treatment"], "revenue") == 0


def test_what_was_shown_is_counted_from_the_first_exposure_on(tried: Strategy) -> None:
    who, other = uuid4(), uuid4()
    offer = uuid4()
    said = events.OfferAssigned(
        strategy=tried.id,
        arm="treatment",
        variant="10%",
        probability=0.5,
        offer=offer,
    )
    store.append([said], at=day(0), customer=who)
    assign(tried, other, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    store.append([events.OfferShown(offer=offer)], at=day(2), customer=who)
    order(who, "2", "18.00", day(3))

    grams = summed(tried)

    assert grams["all", "treatment"][0, 0] == 2
    assert grams["shown", "treatment"][0, 0] == 1
    assert mean(grams["shown", "treatment"], "revenue") == pytest.approx(20)
    assert mean(grams["shown", "treatment"], "before_revenue") == pytest.approx(10)


def test_segments_and_weeks_add_up_to_all(tried: Strategy) -> None:
    for n in range(12):
        who = uuid4()
        assign(tried, who, ("treatment", "holdout")[n % 2], day(n))
        order(who, str(n), "8.00", day(n + 1))

    grams = summed(tried)

    for arm in ("treatment", "holdout"):
        weeks = [
            gram
            for (name, its), gram in grams.items()
            if name[:4] == "week" and its == arm
        ]
        assert len(weeks) > 1
        np.testing.assert_allclose(sum(weeks), grams["all", arm])
        np.testing.assert_allclose(grams["segment Loyal", arm], grams["all", arm])


def test_a_campaign_and_the_programme_stand_against_who_is_held_out_of_all(
    tried: Strategy,
) -> None:
    for arm, paid in (("treatment", "8"), ("holdout", "4"), ("held_out", "1")):
        who = uuid4()
        assign(tried, who, arm, day(0))
        order(who, arm, paid, day(1))
    while projections.catch_up():
        pass

    sums.refresh_campaign(tried.campaign_id, until=UNTIL)
    first = START.replace(day=1, hour=0)
    sums.refresh_month(first, until=UNTIL)

    for subject in (tried.campaign_id, sums.month(first)):
        grams = counted(subject, slice="all")
        assert grams["all", "treatment"][0, 0] == 2
        assert mean(grams["all", "treatment"], "revenue") == pytest.approx(8)
        assert mean(grams["all", "held_out"], "revenue") == pytest.approx(3)


def test_a_month_of_the_programme_counts_what_fell_in_it(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "june", "8.00", day(1))
    order(who, "july", "18.00", day(31))
    while projections.catch_up():
        pass

    july = datetime(2026, 7, 1, tzinfo=UTC)
    sums.refresh_month(july, until=day(90))

    gram = counted(sums.month(july))["all", "treatment"]
    assert gram[0, 0] == 1
    assert mean(gram, "revenue") == pytest.approx(20)


def test_summing_twice_changes_nothing(tried: Strategy) -> None:
    assign(tried, uuid4(), "treatment", day(0))

    once, twice = summed(tried), summed(tried)

    assert once.keys() == twice.keys()
    for key, gram in once.items():
        np.testing.assert_array_equal(gram, twice[key])
