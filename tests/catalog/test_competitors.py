"""Competitors' prices bound ours; their histories are read, and operators told."""

from datetime import datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from catalog import alerts, competitor_feeds, competitors, feeds, matching, positions
from catalog.competitor_feeds import PriceSeen
from catalog.models import Match, Position
from tests.catalog.rivals import AT, GTIN, See, listed, see, teas

__all__ = ["see", "teas"]

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_bounds_are_of_what_is_matched_current_and_in_stock(see: See) -> None:
    see("one", "9", gtin=GTIN)
    see("two", "8", gtin=GTIN, competitor="Cheap", available=False)
    see("three", "7", gtin=GTIN, competitor="Abroad", currency="EUR")
    see("four", "6", gtin=GTIN, competitor="Old", seen_at=AT - 8 * DAY)
    see("Acme Black Tea", "1", competitor="Unsure")

    found = competitors.bounds(["green", "black", "large", "no\0ne"], AT + DAY)

    assert found == {"green": [("Rival", D(9), DAY)]}


def test_bounds_are_as_of_a_moment(see: See) -> None:
    see("one", "9", gtin=GTIN, seen_at=AT - 5 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - DAY)

    assert competitors.bounds(["green"], AT - 4 * DAY)["green"] == [
        ("Rival", D(9), DAY)
    ]
    assert competitors.bounds(["green"], AT)["green"] == [("Rival", D(8), DAY)]
    assert competitors.bounds(["green"], AT - 6 * DAY) == {}


def test_histories_are_read_of_those_alone_whose_prices_moved(
    see: See, monkeypatch: pytest.MonkeyPatch
) -> None:
    see("one", "10", gtin=GTIN, seen_at=AT - 60 * DAY)
    see("one", "8", gtin=GTIN, seen_at=AT - 30 * DAY)
    see("ACME black tea 100g", "12", seen_at=AT - 30 * DAY)
    asked: list[int] = []
    reads = positions._read

    def counted(pairs: Any, at: datetime) -> Any:
        asked.append(len(pairs))
        return reads(pairs, at)

    monkeypatch.setattr(positions, "_read", counted)

    def told(at: datetime) -> list[tuple[Any, ...]]:
        names = ("sku", "theirs", "undercut_since", "promotion_since", "depth")
        positions.count(at=at)
        return list(Position.objects.order_by("sku").values_list(*names, "units"))

    def whole(at: datetime) -> list[tuple[Any, ...]]:
        Position.objects.all().delete()
        return told(at)

    first = told(AT - 29 * DAY)
    assert asked == [2]
    assert first == told(AT - 29 * DAY)
    assert asked == [2]
    for change in (
        lambda: see("one", "7", gtin=GTIN, seen_at=AT - 28 * DAY),
        lambda: see("ACME black tea 100g", "9", seen_at=AT - DAY),
        lambda: feeds.take(
            [listed("green", "Green Tea", gtin=GTIN, price=D(7))], at=AT
        ),
        lambda: see("one", "6", gtin=GTIN, seen_at=AT - 40 * DAY),  # late
    ):
        asked.clear()
        change()
        kept = told(AT)
        assert asked == [1]
        assert kept == whole(AT)
    # A promotion that lasts too long was a new price, though nothing moved.
    for days in (20, 60):
        kept = told(AT + days * DAY)
        assert kept == whole(AT + days * DAY)


def test_a_history_is_of_one_currency_and_begins_with_what_was_in_force(
    see: See,
) -> None:
    for day, price, currency in [
        (90, "7", "EUR"),
        (60, "8", "EUR"),
        (30, "9", "USD"),
        (20, "10", "USD"),
    ]:
        key = see("one", price, gtin=GTIN, currency=currency, seen_at=AT - day * DAY)

    def prices(since: datetime) -> list[D]:
        return [one.price for one in competitors.histories([key], since=since)[key]]

    assert prices(AT - 400 * DAY) == [D(9), D(10)]
    assert prices(AT - 25 * DAY) == [D(9), D(10)]
    assert prices(AT) == [D(10)]
    assert competitors.histories([], since=AT) == {}


def test_operators_are_told_of_feeds_that_stopped_and_of_what_many_prices_did(
    see: See,
) -> None:
    for n in range(5):
        told: dict[str, Any] = {"product": f"p{n}", "name": f"Soap {n}"}
        for day, price in ((30, "10"), (1, "8")):
            row = PriceSeen(
                competitor="Rival",
                currency="USD",
                price=D(price),
                seen_at=AT - day * DAY,
                **told,
            )
            competitor_feeds.take_prices([row], at=AT)
    matching.run(at=AT)
    Match.objects.update(state="confirmed", sku="green")
    positions.count(at=AT)

    codes = {alert.code: alert.text for alert in alerts.current(AT)}

    assert set(codes) == {"competitor_undercuts", "competitor_promotes"}
    assert "5 products, up to 20 %" in codes["competitor_promotes"]
    later = alerts.current(AT + 8 * DAY)
    assert [alert.code for alert in later] == ["competitor_stale"]
