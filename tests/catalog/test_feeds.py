from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.db import IntegrityError

from analytics import events, store
from catalog import feeds
from catalog.models import Product
from tests.analytics.conftest import together

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEA = feeds.Listed(sku="tea", name="Tea", currency="USD", price=D("10.00"), stock=5)
MILK = feeds.Listed(sku="milk", name="Milk", currency="USD", price=D("2.00"))


def said() -> list[events.Event]:
    return [stored.event for stored in store.read(until=store.high_water())]


def price(price: str, was: str | None, sku: str = "tea") -> events.PriceChanged:
    return events.PriceChanged(
        sku=sku, price=D(price), was=None if was is None else D(was), currency="USD"
    )


@pytest.mark.django_db
def test_a_new_product_is_mirrored_and_its_price_and_stock_are_news() -> None:
    taken = feeds.take([TEA, MILK], at=NOW)

    assert taken == feeds.Taken(products=2, changes=3)
    assert said() == [
        price("10.00", None),
        events.StockChanged(sku="tea", stock=5, was=None),
        price("2.00", None, "milk"),
    ]
    tea = Product.objects.get(sku="tea")
    assert (tea.name, tea.price, tea.stock, tea.cost) == ("Tea", D("10.00"), 5, None)
    assert (tea.promotable, tea.updated_at) == (True, NOW)


@pytest.mark.django_db
def test_the_same_feed_again_is_no_news() -> None:
    feeds.take([TEA, MILK], at=NOW)
    before = said()

    taken = feeds.take([MILK, TEA], at=NOW + timedelta(days=1))

    assert taken == feeds.Taken(products=2, changes=0)
    assert said() == before
    assert Product.objects.get(sku="tea").updated_at == NOW + timedelta(days=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "news"),
    [
        ({"price": D("9.00")}, [price("9.00", "10.00")]),
        ({"price": D("10")}, []),
        (
            {"price": None},
            [events.PriceWithdrawn(sku="tea", was=D("10.00"), currency="USD")],
        ),
        (
            {"cost": D("6.50")},
            [events.CostChanged(sku="tea", cost=D("6.50"), currency="USD")],
        ),
        ({"stock": 0}, [events.StockChanged(sku="tea", stock=0, was=5)]),
        ({"stock": None}, []),
        ({"name": "Green tea", "category": "TEA", "promotable": False}, []),
        (
            {"price": D(0), "stock": 6},
            [price("0", "10.00"), events.StockChanged(sku="tea", stock=6, was=5)],
        ),
    ],
)
def test_only_real_changes_of_price_cost_and_stock_are_news(
    changed: dict[str, object], news: list[events.Event]
) -> None:
    feeds.take([TEA, MILK], at=NOW)
    before = said()

    feeds.take([replace(TEA, **changed)], at=NOW)  # type: ignore[arg-type]

    assert said()[len(before) :] == news
    tea = Product.objects.get(sku="tea")
    for name, value in changed.items():
        assert getattr(tea, name) == value
    assert Product.objects.filter(sku="milk", price=D("2.00")).exists()


@pytest.mark.django_db
def test_a_sku_twice_counts_as_last_listed() -> None:
    taken = feeds.take([TEA, MILK, replace(TEA, price=D("8.00"))], at=NOW)

    assert taken.products == 2
    assert Product.objects.get(sku="tea").price == D("8.00")
    assert price("8.00", None) in said()
    assert price("10.00", None) not in said()


@pytest.mark.django_db
def test_a_feed_that_fails_leaves_nothing() -> None:
    with pytest.raises(Exception, match="product_price"):
        feeds.take([TEA, replace(MILK, price=D("-1.00"))], at=NOW)

    assert not Product.objects.exists()
    assert said() == []


@pytest.mark.django_db
def test_the_database_refuses_a_negative_price_by_itself() -> None:
    with pytest.raises(IntegrityError, match="product_price"):
        Product.objects.create(sku="tea", name="Tea", currency="USD", price=D(-1))


@pytest.mark.django_db(transaction=True)
def test_feeds_at_once_tell_a_change_once() -> None:
    """In opposite orders: no deadlock, and what is new is new to one of them."""
    listed = [replace(TEA, sku=f"tea-{number}") for number in range(300)]

    taken = together(
        lambda: feeds.take(listed, at=NOW),
        lambda: feeds.take(listed[::-1], at=NOW),
        lambda: feeds.take(listed, at=NOW),
    )

    assert sorted(one.changes for one in taken) == [0, 0, 600]
    assert len(said()) == 600
    assert Product.objects.count() == 300


@pytest.mark.django_db(transaction=True)
def test_changes_at_once_make_one_chain() -> None:
    feeds.take([TEA], at=NOW)
    prices = [D(9), D(8), D(7)]

    together(
        *(
            lambda new=new: feeds.take([replace(TEA, price=new)], at=NOW)
            for new in prices
        )
    )

    chain = [event for event in said() if isinstance(event, events.PriceChanged)]
    assert [after.was for after in chain[1:]] == [before.price for before in chain[:-1]]
    assert {event.price for event in chain[1:]} == set(prices)
    assert Product.objects.get().price == chain[-1].price
