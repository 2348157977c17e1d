"""Who undercuts us, since when, and what is at stake."""

from datetime import timedelta
from decimal import Decimal as D

import pytest

from catalog import feeds, match_reviews, positions, price_index
from catalog.models import Match, Position
from tests.catalog.rivals import AT, GTIN, See, listed, see, sell, teas

__all__ = ["see", "teas"]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_positions_tell_who_undercuts_since_when_and_what_is_at_stake(see: See) -> None:
    see("one", "10", gtin=GTIN, seen_at=AT - 30 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - 3 * DAY)
    see("ACME black tea 100g", "12")
    sell("green", 8)
    sell("black", 4)

    assert positions.count(at=AT) == 2

    green, black = Position.objects.order_by("-sku_id")
    assert (green.undercut_since, green.units, green.cost) == (AT - 3 * DAY, 2, D(7))
    assert (green.promotion_since, green.usual) == (AT - 3 * DAY, D(10))
    assert green.depth == pytest.approx(0.2)
    assert (black.undercut_since, black.depth) == (None, None)
    only = price_index.undercuts()
    assert [(one.sku, one.stake, one.matching) for one in only] == [
        ("green", D(6), D(4))
    ]
    assert only[0].gap == pytest.approx(-0.2)
    assert [one.sku for one in price_index.promotions()] == ["green"]
    index = price_index.by_category()[0]
    # exp((2/3) ln(10/8) + (1/3) ln(10/12)): green sells twice as much as black
    assert index.index == pytest.approx((10 / 8) ** (2 / 3) * (10 / 12) ** (1 / 3))
    assert index.plain == pytest.approx((10 / 8) ** 0.5 * (10 / 12) ** 0.5)
    standing = price_index.standings(AT)[0]
    assert (standing.products, standing.matched, standing.undercuts) == (2, 2, 1)
    assert (standing.seen_at, standing.stale) == (AT, 0)


def test_takings_of_several_currencies_are_not_added_up(see: See) -> None:
    """A product in yen would weigh a hundred times as much as the others."""
    feeds.take([listed("mint", "Mint", currency="JPY", price=D(1000))], at=AT - DAY)
    see("one", "8", gtin=GTIN)
    see("two", "1250", competitor="Rival", currency="JPY")
    Match.objects.filter(product__name="two").update(sku="mint", state="confirmed")
    sell("green", 4)
    sell("mint", 4)
    positions.count(at=AT)

    assert Position.objects.count() == 2
    only = price_index.by_category()[0]
    # (10/8)^(1/2) · (1000/1250)^(1/2): each sells as well as its currency's mean
    assert only.index == pytest.approx(1.0)
    assert price_index.standings(AT)[0].index == pytest.approx(1.0)


def test_positions_go_when_the_match_goes(see: See) -> None:
    product = see("one", gtin=GTIN)
    positions.count(at=AT)
    match_reviews.reject(product, by="olga", at=AT)

    assert positions.count(at=AT) == 0
    assert not Position.objects.exists()


def test_without_sales_each_product_counts_alike(see: See) -> None:
    see("one", "8", gtin=GTIN)
    positions.count(at=AT)

    assert price_index.by_category()[0].index == pytest.approx(10 / 8)
