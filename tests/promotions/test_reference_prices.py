"""What prices are shown against, and what is told before its time: nothing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from catalog import history
from catalog.models import PricingRule, ShownPrice
from promotions import price_rolls
from tests.conftest import NOW
from tests.promotions.rolled import DAY, feed, folded, held, line, listed, live, shelf

__all__ = ["shelf"]

pytestmark = pytest.mark.django_db


def test_the_days_off_sale_are_no_days_at_a_price() -> None:
    feed(listed("5.00"), at=NOW - 50 * DAY)
    feed(listed(None), at=NOW - 40 * DAY)
    feed(listed("10.00"), at=NOW - 5 * DAY)
    found = history.references(["tea"], at=NOW)
    assert found == {("tea", "USD"): Decimal(10)}
    assert folded() == held()


def test_a_reference_price_is_of_the_currency_it_was_asked_in() -> None:
    feed(listed("5.00"), at=NOW - 50 * DAY)
    euro = replace(listed("1.00"), currency="EUR")
    feed(euro, at=NOW - 40 * DAY)
    feed(listed("10.00"), at=NOW - 5 * DAY)
    found = history.references(["tea"], at=NOW)
    assert found == {("tea", "USD"): Decimal(10), ("tea", "EUR"): Decimal(1)}


def test_the_reference_price_is_the_lowest_of_thirty_days() -> None:
    feed(listed("9.00"), at=NOW - 20 * DAY)
    feed(listed("10.00"), at=NOW - 10 * DAY)
    live(line("8.09"))

    shown = ShownPrice.objects.get(sku="tea").body
    assert '"price":"8.09"' in shown
    assert '"reference_price":"9.00"' in shown
    assert '"percent_off":10' in shown


def test_a_price_above_the_lowest_of_thirty_days_is_not_shown_as_reduced() -> None:
    feed(listed("8.50"), at=NOW - 20 * DAY)
    feed(listed("10.00"), at=NOW - 10 * DAY)
    live(line("8.99"))

    assert "reference" not in ShownPrice.objects.get(sku="tea").body


def test_the_next_step_of_a_path_is_not_told_before_its_time() -> None:
    live(
        line("8.99", ends=NOW + 2 * DAY),
        line("7.99", was="8.99", starts=NOW + 2 * DAY, ends=NOW + 4 * DAY),
    )
    shown = ShownPrice.objects.get(sku="tea").body
    assert "7.99" not in shown
    assert "valid_until" not in shown  # not even when

    price_rolls.roll(at=NOW + 2 * DAY)
    assert '"valid_until":"2026-06-05T12:00:00Z"' in (
        ShownPrice.objects.get(sku="tea").body
    )


def test_what_is_approved_for_later_is_not_told() -> None:
    before = ShownPrice.objects.get(sku="tea").body
    live(line("8.99", starts=NOW + DAY))

    assert ShownPrice.objects.get(sku="tea").body == before


@pytest.mark.parametrize(("progressive", "against"), [(False, "8.99"), (True, "10.00")])
def test_a_path_is_shown_against_its_first_price_only_where_the_law_allows(
    progressive: bool, against: str
) -> None:
    PricingRule.objects.create(category="hot", progressive=progressive)
    live(
        line("8.99", ends=NOW + DAY),
        line("7.99", was="8.99", starts=NOW + DAY, ends=NOW + 2 * DAY),
    )
    price_rolls.roll(at=NOW + DAY)

    shown = ShownPrice.objects.get(sku="tea").body
    assert f'"reference_price":"{against}"' in shown
