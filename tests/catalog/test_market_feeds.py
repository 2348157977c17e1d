"""Days, series and competitors' prices come in: all rows or none."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics.models import StoredEvent
from catalog.models import CompetitorProduct, Feed, SeriesValue, ShopDay

Send = Callable[..., Any]
GOOD: dict[str, dict[str, Any]] = {
    "calendar": {"name": "Fair", "first": "2026-06-03", "region": "DE-BY"},
    "series": {"series": "temperature", "day": "2026-06-03", "value": 21.5},
    "competitor-prices": {
        "competitor": "Rival",
        "product": "r-1",
        "name": "Green tea",
        "currency": "USD",
        "price": "9.50",
    },
}
ROWS = {"calendar": "days", "series": "values", "competitor-prices": "prices"}
TABLES: dict[str, Any] = {
    "calendar": ShopDay,
    "series": SeriesValue,
    "competitor-prices": CompetitorProduct,
}


@pytest.fixture
def put(api: APIClient) -> Send:
    def send(door: str, *rows: Any) -> Any:
        body = {ROWS[door]: list(rows)}
        return api.put(f"/api/v1/{door}", body, format="json")

    return send


@pytest.mark.parametrize("door", ROWS)
def test_rows_are_taken_and_sent_twice_change_nothing(put: Send, door: str) -> None:
    first = put(door, GOOD[door])
    again = put(door, GOOD[door])

    assert (first.status_code, first.json()) == (200, {"rows": 1, "changes": 1})
    assert again.json() == {"rows": 1, "changes": 0}
    assert TABLES[door].objects.count() == 1
    assert StoredEvent.objects.count() == 1
    assert list(Feed.objects.values_list("state", "taken")) == [("done", 1)] * 2


@pytest.mark.parametrize(
    ("door", "changes", "field"),
    [
        ("calendar", {"name": ""}, "name"),
        ("calendar", {"first": "2026-02-30"}, "first"),
        ("calendar", {"last": "2026-06-02"}, "last"),
        ("calendar", {"last": "2027-06-04"}, "last"),
        ("calendar", {"kind": "party"}, "kind"),
        ("calendar", {"kind": "\0"}, "kind"),
        ("calendar", {"first": "9999-12-31"}, "first"),
        ("calendar", {"region": "Bavaria"}, "region"),
        ("series", {"series": "Temperature"}, "series"),
        ("series", {"value": "warm"}, "value"),
        ("series", {"value": True}, "value"),
        ("series", {"value": "NaN"}, "value"),
        ("series", {"day": None}, "day"),
        ("competitor-prices", {"price": None}, "price"),
        ("competitor-prices", {"price": "-1"}, "price"),
        ("competitor-prices", {"shelf_price": "1.005"}, "shelf_price"),
        ("competitor-prices", {"competitor": ""}, "competitor"),
        ("competitor-prices", {"url": "javascript:alert(1)"}, "url"),
        ("competitor-prices", {"seen_at": "2026-06-01T12:00:00"}, "seen_at"),
        ("competitor-prices", {"seen_at": "1989-12-31T23:59:59Z"}, "seen_at"),
        ("competitor-prices", {"seen_at": "2999-01-01T00:00:00Z"}, "seen_at"),
    ],
)
def test_one_wrong_row_is_named_and_none_is_taken(
    put: Send, door: str, changes: dict[str, Any], field: str
) -> None:
    answer = put(door, GOOD[door], GOOD[door] | changes)

    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [
        f"{ROWS[door]}[1].{field}"
    ]
    assert not TABLES[door].objects.exists()
    assert not StoredEvent.objects.exists()
    feed = Feed.objects.get()
    assert (feed.state, feed.rows, feed.refused) == ("failed", 2, 1)
    assert feed.what == {"competitor-prices": "prices"}.get(door, door)


@pytest.mark.parametrize("door", ROWS)
def test_a_field_that_nobody_knows_is_told_of_and_not_kept(
    put: Send, door: str
) -> None:
    rows = [GOOD[door], GOOD[door] | {"our note": 1}, GOOD[door] | {"our note": 2}]

    answer = put(door, *rows)

    assert answer.status_code == 200
    told = {"field": "our note", "rows": 2, "first": f"{ROWS[door]}[1]"}
    assert answer.json()["unused"] == [told]
    assert Feed.objects.get().seen == {"unused": ["our note"]}


def test_a_misspelt_field_is_told_of_with_the_one_that_was_meant(put: Send) -> None:
    answer = put("competitor-prices", GOOD["competitor-prices"] | {"availble": False})

    [told] = answer.json()["unused"]
    assert (told["field"], told["like"]) == ("availble", "available")


def test_days_of_long_names_that_differ_at_their_end_are_two(put: Send) -> None:
    days = [GOOD["calendar"] | {"name": "x" * 300 + end} for end in "ab"]

    first, again = put("calendar", *days), put("calendar", *days)

    assert (first.json()["changes"], again.json()["changes"]) == (2, 0)
    assert ShopDay.objects.count() == 2


@pytest.mark.parametrize("door", ROWS)
def test_no_more_than_ten_thousand_rows_are_taken(put: Send, door: str) -> None:
    assert put(door, *[{}] * 10_001).status_code == 400
    assert put(door).status_code == 400


def test_ten_thousand_prices_are_taken(put: Send) -> None:
    good = GOOD["competitor-prices"]
    answer = put(
        "competitor-prices", *({**good, "product": f"r-{n}"} for n in range(10_000))
    )

    assert answer.json() == {"rows": 10_000, "changes": 10_000}


@given(st.lists(st.booleans(), min_size=1, max_size=12))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=15,
)
def test_all_are_taken_or_none_whatever_is_among_them(
    put: Send, good: list[bool]
) -> None:
    before = SeriesValue.objects.count(), StoredEvent.objects.count()
    rows = [
        GOOD["series"]
        | {"day": f"2026-07-{n + 1:02}", "value": before[1] + n if fine else "x"}
        for n, fine in enumerate(good)
    ]

    answer = put("series", *rows)

    wrong = {f"values[{n}].value" for n, fine in enumerate(good) if not fine}
    if wrong:
        assert {one["field"] for one in answer.json()["errors"]} == wrong
        assert before == (SeriesValue.objects.count(), StoredEvent.objects.count())
    else:
        values = SeriesValue.objects.order_by("day").values_list("value", flat=True)
        assert list(values)[: len(good)] == [row["value"] for row in rows]


@pytest.mark.parametrize("gtin", ["4006381333931 (EAN)", "1" * 500, "n/a"])
def test_a_number_that_is_no_gtin_refuses_nobody_s_prices(put: Send, gtin: str) -> None:
    good = GOOD["competitor-prices"]

    answer = put("competitor-prices", good, good | {"product": "r-2", "gtin": gtin})

    assert answer.json() == {"rows": 2, "changes": 2}
    assert CompetitorProduct.objects.get(product="r-2").gtin == ""
