"""What goes back is taken off a strategy's sums once, goods and gifts alike."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from analytics import events, projections, store
from promotions import sums
from promotions.models import Strategy
from tests.promotions.summing import assign, counted, day, mean, order, summed, tried

__all__ = ["tried"]


def test_what_goes_back_is_taken_off_and_only_once(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    order(who, "2", "6.00", day(1))
    order(who, "3", "4.00", day(1))
    back = [
        events.OrderRefunded(order_id="1", currency="USD", skus=("tea",)),
        events.OrderRefunded(order_id="2", currency="USD", amount=Decimal("2.00")),
        events.OrderRefunded(order_id="3", currency="USD"),
        events.OrderCancelled(order_id="3"),
    ]
    store.append(back, at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "returned") == pytest.approx(8 + 2 + 6)
    assert mean(gram, "revenue") == pytest.approx(10 + 8 + 6 - 16)
    # The tea and the third order came back; of the second only two dollars did.
    assert mean(gram, "profit") == pytest.approx((2 + 8 - 2) - 0.7 * (2 + 8))


def test_what_was_bought_before_and_came_back_after_is_nobodys_doing(
    tried: Strategy,
) -> None:
    who = uuid4()
    order(who, "1", "8.00", day(-1))
    assign(tried, who, "treatment", day(0))
    gone = events.OrderRefunded(order_id="1", currency="USD")
    store.append([gone], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "revenue") == mean(gram, "returned") == 0
    assert mean(gram, "before_revenue") == pytest.approx(10)


def test_a_gift_that_came_back_has_cost_nothing(tried: Strategy) -> None:
    who, redemption = uuid4(), uuid4()
    told = events.CostChanged(sku="mug", cost=Decimal("2.00"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    gift = {"order_id": "1", "gift": "mug", "gift_value": Decimal("4.00")}
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=redemption,
        variant="mug",
        offer=None,
        discount=Decimal("4.00"),
        currency="USD",
        **gift,  # type: ignore[arg-type]
    )
    back = events.RedemptionRolledBack(
        strategy=tried.id,
        redemption=redemption,
        rollback=uuid4(),
        amount=Decimal("4.00"),
        given_back=Decimal("4.00"),
        whole=True,
        currency="USD",
        **gift,  # type: ignore[arg-type]
    )
    store.append([used], at=day(1), customer=who)
    given = summed(tried)["all", "treatment"]
    assert (mean(given, "profit"), mean(given, "discount")) == (-2.0, 2.0)

    store.append([back], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]
    assert (mean(gram, "profit"), mean(gram, "discount")) == (0.0, 0.0)


def test_a_refund_in_another_currency_is_not_taken_for_ours(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    back = events.OrderRefunded(order_id="1", currency="EUR", amount=Decimal(5))
    store.append([back], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "revenue") == pytest.approx(10)


def test_a_customer_who_refuses_twice_is_one_who_refuses(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    for n, personalised in enumerate((False, True, False, False)):
        said = events.ConsentChanged(personalised=personalised)
        store.append([said], at=day(n + 1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "refusals") == 1


def test_what_goes_back_after_its_month_is_taken_off_there(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "june", "8.00", day(1))
    order(who, "kept", "8.00", day(2))
    order(who, "july", "18.00", day(31))
    gone = events.OrderRefunded(order_id="june", currency="USD")
    store.append([gone], at=day(35), customer=who)
    late = events.OrderRefunded(order_id="kept", currency="USD")
    store.append([late], at=day(60), customer=who)
    while projections.catch_up():
        pass

    june, july = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7))
    for first in (june, july):
        sums.refresh_month(first, until=day(90))

    mine = [counted(sums.month(one))["all", "treatment"] for one in (june, july)]
    assert [mean(gram, "revenue") for gram in mine] == pytest.approx([10, 20])
    assert [mean(gram, "returned") for gram in mine] == pytest.approx([10, 0])
