"""What goods cost is as the feed had told before the order, whatever comes later."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from analytics import events, projections, rebuilds, store
from analytics.models import Outcome

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
ANA = UUID(int=1)

pytestmark = pytest.mark.django_db


def costs(sku: str, cost: str | None, currency: str = "USD") -> None:
    amount = None if cost is None else Decimal(cost)
    told = events.CostChanged(sku=sku, cost=amount, currency=currency)
    store.append([told], at=NOW)


def buys(number: str, quantity: int = 2, paid: str = "9") -> None:
    lines = (
        events.OrderLine(
            sku="tea",
            quantity=quantity,
            paid=Decimal(paid),
            coupon_discount=Decimal(1),
        ),
        events.OrderLine(sku="milk", paid=Decimal(3)),
    )
    order = events.OrderCompleted(order_id=number, currency="USD", lines=lines)
    store.append([order], at=NOW, customer=ANA)


def catch_up() -> None:
    while projections.catch_up():
        pass


def counted() -> list[tuple[float, float]]:
    rows = Outcome.objects.order_by("position")
    return [(float(row.cost), float(row.uncosted)) for row in rows]


TOLD = [(8, 3), (10, 3), (0, 13), (0, 13)]
"""(cost, uncosted): tea at 4, then at 5, then unknown, then in another currency."""


def year(between: bool) -> None:
    """Four orders, each after another price; read together, or one by one."""
    prices: list[tuple[str | None, str]] = [
        *(("4", "USD"), ("5", "USD"), (None, "USD"), ("6", "EUR"))
    ]
    for number, (cost, currency) in enumerate(prices):
        costs("tea", cost, currency)
        if between:
            catch_up()
        buys(str(number))
        if between:
            catch_up()
    catch_up()


@pytest.mark.parametrize("between", [False, True])
def test_an_order_s_goods_cost_what_the_feed_had_told_before(between: bool) -> None:
    year(between)

    assert counted() == TOLD


def test_before_the_feed_says_anything_no_cost_is_known() -> None:
    buys("1")
    costs("tea", "4")
    catch_up()

    assert counted() == [(0, 13)]


def test_a_line_of_no_units_has_no_known_cost() -> None:
    costs("tea", "4")
    buys("1", quantity=0)
    catch_up()

    assert counted() == [(0, 13)]


def test_a_gift_costs_what_its_product_does() -> None:
    costs("tea", "4")
    used = events.OfferRedeemed(
        strategy=uuid4(),
        redemption=uuid4(),
        variant="gift",
        offer=None,
        order_id="1",
        discount=Decimal(5),
        gift="tea",
        gift_value=Decimal(5),
        currency="USD",
    )
    store.append([used], at=NOW, customer=ANA)
    catch_up()

    assert counted() == [(4, 0)]


def test_counted_again_goods_cost_the_same() -> None:
    year(between=True)
    before = counted()

    assert rebuilds.rebuild(["outcomes"]) == {}

    assert counted() == before == TOLD
    buys("5")
    catch_up()
    assert counted()[-1] == (0, 13)
