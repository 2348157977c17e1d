from datetime import timedelta
from decimal import Decimal

import pytest

from analytics import events, store
from catalog import history, pricing
from tests.conftest import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "lowest"),
    [
        ([], None),
        ([(-100, "10")], "10"),
        ([(-100, "10"), (-40, "8")], "8"),
        ([(-100, "8"), (-40, "10")], "10"),
        ([(-100, "10"), (-20, "7"), (-10, "12")], "7"),
        ([(-100, "7"), (-29, "12")], "7"),
        ([(-30, "9"), (-29, "12")], "9"),
        ([(-5, "9")], "9"),
        ([(0, "9")], None),
    ],
)
def test_the_reference_price_is_the_lowest_of_thirty_days(
    changes: list[tuple[int, str]], lowest: str | None
) -> None:
    rows = [(NOW + days * DAY, Decimal(price)) for days, price in changes]

    found = pricing.reference_price(rows, at=NOW)

    assert found == (lowest and Decimal(lowest))


def test_reference_prices_come_from_the_log(db: None) -> None:
    def changed(sku: str, price: str, currency: str = "USD") -> events.PriceChanged:
        return events.PriceChanged(sku=sku, price=Decimal(price), currency=currency)

    store.append([changed("tea", "10"), changed("milk", "2")], at=NOW - 90 * DAY)
    store.append([changed("tea", "12"), changed("tea", "1", "EUR")], at=NOW - 9 * DAY)

    found = history.reference_prices(["tea", "ufo"], currency="USD", at=NOW)

    assert found == {"tea": Decimal(10)}
