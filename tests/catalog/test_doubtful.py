"""A price that may be misread counts once it is seen again or judged to be right."""

from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from analytics import events, store
from catalog import alerts, competitors, doubtful, positions, price_index
from catalog.models import CompetitorPrice, CompetitorProduct, Position
from tests.catalog.rivals import AT, GTIN, See, recounted, see, teas

__all__ = ["see", "teas"]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("before", "price", "doubted"),
    [
        (None, "1.99", True),
        (None, "0", True),
        (None, "2.00", False),
        ("11", "2.19", True),
        ("11", "2.20", False),
    ],
)
def test_a_price_that_may_be_misread_counts_once_it_is_seen_again(
    see: See, before: str | None, price: str, *, doubted: bool
) -> None:
    if before:
        see(price=before, gtin=GTIN, seen_at=AT - DAY)
    for again in (AT - HOUR, AT - HOUR):  # the same feed twice is one sighting
        see(price=price, gtin=GTIN, seen_at=again)

    if doubted:
        positions.count(at=AT)
        row = Position.objects.get()
        assert [one.sku for one in competitors.doubts()] == ["green"]
        assert (row.fresh, row.undercut_since) == (False, None)
        assert competitors.bounds(["green"], AT) == {}
        assert price_index.undercuts() == []
        assert CompetitorPrice.objects.filter(price=D(price)).exists()
        see(price=price, gtin=GTIN, seen_at=AT)

    positions.count(at=AT)
    row = Position.objects.get()
    assert competitors.doubts() == []
    assert (row.fresh, row.undercut_since) == (True, AT - HOUR)
    assert bool(competitors.bounds(["green"], AT)) == (D(price) > 0)


def judged() -> list[events.CompetitorPriceJudged]:
    rows = store.read(until=store.high_water(), types=["competitor_price_judged"])
    return [row.event for row in rows]  # type: ignore[misc]


def test_a_doubtful_price_counts_once_somebody_says_that_it_is_right(see: See) -> None:
    see(price="9", gtin=GTIN, seen_at=AT - DAY)
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)
    assert competitors.bounds(["green"], AT) == {}

    doubtful.confirm(product, AT - HOUR, by="olga", at=AT)

    [bound] = competitors.bounds(["green"], AT)["green"]
    assert bound.price == D("0.99")
    assert competitors.doubts() == []
    positions.count(at=AT)
    assert Position.objects.get().undercut_since
    [told] = judged()
    assert (told.price, told.right, told.by) == (D("0.99"), True, "olga")
    assert len(recounted()) == 2
    for word in (doubtful.confirm, doubtful.discard):
        with pytest.raises(doubtful.NotDoubtful):
            word(product, AT - HOUR, by="otto", at=AT)


def test_what_was_misread_goes_back_to_the_price_before(see: See) -> None:
    see(price="9", gtin=GTIN, seen_at=AT - DAY)
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)

    doubtful.discard(product, AT - HOUR, by="olga", at=AT)

    [bound] = competitors.bounds(["green"], AT)["green"]
    assert (bound.price, bound.age) == (D(9), HOUR)
    row = CompetitorProduct.objects.get()
    assert (row.price, row.since) == (D(9), AT - DAY)
    assert {price for _, _, price, _ in recounted()} == {D(9)}
    [told] = judged()
    assert (told.price, told.right) == (D("0.99"), False)
    see(price="0.99", gtin=GTIN, seen_at=AT)
    assert len(competitors.doubts()) == 1


def test_the_first_price_of_all_that_was_misread_cannot_be_had(see: See) -> None:
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)

    doubtful.discard(product, AT - HOUR, by="olga", at=AT)

    assert competitors.doubts() == []
    assert competitors.bounds(["green"], AT) == {}
    assert [available for *_, available in recounted()] == [False]


def test_who_judges_a_price_that_was_seen_anew_is_told_so(see: See) -> None:
    product = see(price="0.99", gtin=GTIN, seen_at=AT - HOUR)
    see(price="0.50", gtin=GTIN, seen_at=AT)

    with pytest.raises(doubtful.NotDoubtful):
        doubtful.confirm(product, AT - HOUR, by="olga", at=AT)
    assert judged() == []


def test_a_price_of_nothing_is_in_no_alert(see: See) -> None:
    see(price="9", gtin=GTIN)
    positions.count(at=AT)
    more: dict[str, Any] = {
        "sku_id": "green",
        "category": "",
        "currency": "USD",
        "cost": 1,
    }
    more |= {"ours": 10, "fresh": True, "counted_at": AT, "undercut_since": AT}
    Position.objects.all().delete()
    for n in range(alerts.FEWEST):
        see(f"p{n}", price="0", product=f"p{n}")
        product = CompetitorProduct.objects.get(product=f"p{n}")
        Position.objects.create(product=product, theirs=0, **more)

    assert alerts.current(AT) == []
    Position.objects.update(theirs=1)
    assert [one.code for one in alerts.current(AT)] == ["competitor_undercuts"]
