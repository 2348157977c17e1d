"""What a feed says of a price of ours: an echo, a word of its own, or a late one."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest

from analytics import clock
from catalog.models import PriceHold, Product
from promotions import approval, errands, price_rolls
from promotions.price_lines import Expected
from tests.conftest import NOW
from tests.promotions.rolled import (
    DAY,
    State,
    changes,
    feed,
    line,
    listed,
    live,
    price,
    shelf,
    states,
)

__all__ = ["shelf"]

pytestmark = pytest.mark.django_db


def test_a_price_that_stays_is_not_undone_by_a_list_that_goes_on_as_it_was() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    for day in (29, 35, 60):
        feed(listed("10.00"), at=NOW + day * DAY)
        clean(NOW + day * DAY)
        assert price() == "8.99"

    # Neither by the end of a change that comes over it.
    live(line("7.99", was="8.99", starts=NOW + 61 * DAY, ends=NOW + 63 * DAY))
    price_rolls.roll(at=NOW + 61 * DAY)
    feed(listed("10.00"), at=NOW + 62 * DAY)
    assert price() == "7.99"
    price_rolls.roll(at=NOW + 63 * DAY)
    feed(listed("10.00"), at=NOW + 70 * DAY)
    assert price() == "8.99"


def test_what_a_feed_has_taken_over_is_the_feeds_again() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    feed(listed("8.99"), at=NOW + 40 * DAY)
    clean(NOW + 40 * DAY)
    assert not PriceHold.objects.exists()

    feed(listed("10.00"), at=NOW + 41 * DAY)
    assert price() == "10.00"


def test_a_third_price_ends_what_stays() -> None:
    live(line("8.99", ends=None))
    price_rolls.roll(at=NOW + 28 * DAY)
    feed(listed("9.50"), at=NOW + 29 * DAY)
    feed(listed("10.00"), at=NOW + 30 * DAY)
    assert price() == "10.00"


def clean(at: datetime) -> None:
    """Run the errand of prices."""
    with patch.object(clock, "now", lambda: at):
        errands.roll_prices()


@pytest.mark.parametrize("said", ["8.99", "10.00"])
def test_a_feed_that_repeats_our_price_or_its_own_changes_nothing(said: str) -> None:
    strategy = live(line("8.99"))
    feed(listed(said), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)

    assert (price(), states(strategy)) == ("8.99", [State.RUNNING])
    # An echo is no list of the shop's: what may be asked above it would creep up.
    assert Product.objects.get(sku="tea").listed_price == 10


def test_a_feed_with_a_third_price_wins() -> None:
    strategy = live(line("8.99"))
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)
    assert (price(), states(strategy)) == ("9.50", [State.OVERRULED])

    price_rolls.roll(at=NOW + 7 * DAY)
    approval.end(strategy.id, by="olga", comment="Over.", at=NOW + 8 * DAY)
    assert price() == "9.50"


def test_a_product_taken_off_sale_overrules_us() -> None:
    strategy = live(line("8.99"))
    feed(listed(None), at=NOW + DAY)
    price_rolls.roll(at=NOW + DAY)

    assert Product.objects.get(sku="tea").price is None
    assert states(strategy) == [State.OVERRULED]


def test_what_overrules_a_step_overrules_the_rest_of_its_path() -> None:
    strategy = live(
        line("8.99", ends=NOW + 2 * DAY),
        line("7.99", was="8.99", starts=NOW + 2 * DAY),
    )
    feed(listed("9.50"), at=NOW + DAY)
    price_rolls.roll(at=NOW + 2 * DAY)

    assert (price(), states(strategy)) == ("9.50", [State.OVERRULED] * 2)


def test_a_price_that_changed_before_its_line_began_overrules_it() -> None:
    strategy = live(line("8.99", starts=NOW + DAY))
    feed(listed("12.00"), at=NOW)
    price_rolls.roll(at=NOW + DAY)

    assert (price(), states(strategy)) == ("12.00", [State.OVERRULED])


def test_a_late_echo_of_our_price_does_not_bring_it_back() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    assert price() == "10.00"

    feed(listed("8.99"), at=NOW + 4 * DAY)
    assert price() == "8.99"


def test_what_looked_like_an_echo_counts_if_nothing_else_comes() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    clean(NOW + 2 * DAY)
    assert price() == "10.00"

    clean(NOW + 4 * DAY)
    assert price() == "8.99"
    assert changes()[-1].strategy is None
    assert Product.objects.get(sku="tea").listed_price == Decimal("8.99")
    assert not PriceHold.objects.exists()


def test_an_echo_that_another_price_followed_was_one() -> None:
    live(line("8.99", ends=NOW + DAY))
    price_rolls.roll(at=NOW + DAY)
    feed(listed("8.99"), at=NOW + DAY + timedelta(hours=3))
    feed(listed("10.00"), at=NOW + 2 * DAY)
    clean(NOW + 4 * DAY)
    assert price() == "10.00"


def test_a_price_of_nothing_comes_back_as_nothing() -> None:
    feed(listed("0.00"), at=NOW - 9 * DAY)
    free = Expected(units=1, units_before=1, margin=1, low=0, high=2, clears=True)
    live(replace(line("8.99", was="0.00"), expects=free))
    price_rolls.roll(at=NOW + 7 * DAY)
    assert price() == "0.00"
