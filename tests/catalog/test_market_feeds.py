"""Days, series and competitors' prices: all or none, only news, as of a time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as D
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics.models import StoredEvent
from catalog import competitor_feeds, market_calendar, market_feeds
from catalog.competitor_feeds import PriceSeen
from catalog.market_feeds import DaysListed, ValueListed
from catalog.models import (
    CompetitorPrice,
    CompetitorProduct,
    Feed,
    SeriesValue,
    ShopDay,
)

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
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


def seen(price: str, at: datetime = AT, **more: Any) -> PriceSeen:
    told: dict[str, Any] = {"competitor": "Rival", "product": "r-1", "name": "Tea"}
    told |= {"currency": "USD"} | more
    return PriceSeen(price=D(price), seen_at=at, **told)


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


def test_days_move_and_are_called_off_and_the_past_stays_known(db: None) -> None:
    fair = DaysListed(key="fair", name="Fair", first=date(2026, 6, 3))
    market_feeds.take_days([fair], at=AT)
    known = StoredEvent.objects.latest("position").recorded_at
    moved = DaysListed(
        key="fair", name="Fair", first=date(2026, 6, 5), last=date(2026, 6, 6)
    )
    market_feeds.take_days([moved], at=AT + DAY)

    def fairs(**when: Any) -> list[date]:
        found = market_calendar.days(date(2026, 6, 1), date(2026, 6, 30), **when)
        return [one.day for one in found if one.name == "Fair"]

    assert fairs() == [date(2026, 6, 5), date(2026, 6, 6)]
    assert fairs(known_at=known) == [date(2026, 6, 3)]

    market_feeds.take_days(
        [DaysListed(key="fair", name="Fair", first=fair.first, cancelled=True)], at=AT
    )
    assert fairs() == []
    assert not ShopDay.objects.exists()


@pytest.mark.parametrize(
    ("asked", "days"),
    [
        ("DE-BY", {"Everywhere", "Country", "Land"}),
        ("DE-NW", {"Everywhere", "Country"}),
        ("FR", {"Everywhere"}),
        ("DE", {"Everywhere", "Country"}),
    ],
)
def test_a_region_has_the_days_of_its_country(
    db: None, asked: str, days: set[str]
) -> None:
    first = date(2026, 6, 3)
    market_feeds.take_days(
        [
            DaysListed(name="Everywhere", first=first),
            DaysListed(name="Country", region="DE", first=first),
            DaysListed(name="Land", region="DE-BY", first=first),
        ],
        at=AT,
    )

    found = market_calendar.days(first, first + DAY, asked)

    assert {one.name for one in found} == days


def test_public_holidays_are_on_the_calendar_of_their_region(db: None) -> None:
    christmas = date(2026, 12, 25)
    found = market_calendar.days(christmas, christmas + 2 * DAY, "DE-BY")

    assert [(one.day, one.kind) for one in found] == [
        (christmas, "holiday"),
        (christmas + DAY, "holiday"),
    ]


def test_a_series_is_read_as_it_is_and_as_it_was_known(db: None) -> None:
    day = date(2026, 6, 3)
    market_feeds.take_values(
        [ValueListed(series="rain", day=day + n * DAY, value=n) for n in range(3)],
        at=AT,
    )
    known = StoredEvent.objects.latest("position").recorded_at
    market_feeds.take_values(
        [
            ValueListed(series="rain", day=day, value=9.5),
            ValueListed(series="rain", day=day + DAY, value=None),
        ],
        at=AT + DAY,
    )

    def rain(**when: Any) -> dict[date, float]:
        return market_calendar.series("rain", day, day + 2 * DAY, **when)

    assert rain() == {day: 9.5}
    assert rain(known_at=known) == {day: 0.0, day + DAY: 1.0}
    assert StoredEvent.objects.count() == 2


def test_only_changes_of_a_price_are_news_and_seeing_it_again_is_not(db: None) -> None:
    competitor_feeds.take_prices([seen("9.50")], at=AT)
    competitor_feeds.take_prices([seen("9.50", AT + DAY)], at=AT)
    taken = competitor_feeds.take_prices([seen("8.99", AT + 2 * DAY)], at=AT)

    row = CompetitorProduct.objects.get()
    assert taken.changes == 1
    assert (row.price, row.since, row.seen_at) == (
        D("8.99"),
        AT + 2 * DAY,
        AT + 2 * DAY,
    )
    assert StoredEvent.objects.count() == 2
    last = StoredEvent.objects.latest("position")
    assert (last.occurred_at, last.data["was"]) == (AT + 2 * DAY, "9.5000")


def test_a_price_that_comes_late_goes_where_it_belongs(db: None) -> None:
    competitor_feeds.take_prices([seen("9.00"), seen("8.00", AT + 4 * DAY)], at=AT)
    competitor_feeds.take_prices([seen("7.00", AT + 2 * DAY)], at=AT)
    competitor_feeds.take_prices([seen("9.00", AT + DAY)], at=AT)

    row = CompetitorProduct.objects.get()
    assert (row.price, row.seen_at) == (D(8), AT + 4 * DAY)
    points = CompetitorPrice.objects.order_by("at").values_list("at", "price")
    assert list(points) == [
        (AT, D(9)),
        (AT + 2 * DAY, D(7)),
        (AT + 4 * DAY, D(8)),
    ]


def history() -> list[tuple[int, int]]:
    rows = CompetitorPrice.objects.order_by("at").values_list("at", "price")
    return [((at - AT).days, int(price)) for at, price in rows]


@pytest.mark.parametrize(
    ("calls", "points", "since"),
    [
        # Between two sightings of one price: it is that price again after it.
        ([[(0, 9), (4, 9)], [(2, 7)]], [(0, 9), (2, 7), (4, 9)], 4),
        # What was already the price before: it has been that longer.
        ([[(0, 9), (4, 7)], [(2, 7)]], [(0, 9), (2, 7), (4, 7)], 2),
        # Several that come late together.
        ([[(0, 9), (6, 8)], [(1, 7), (2, 6), (3, 7)]], None, 6),
        # Older than all that is known.
        ([[(3, 9)], [(0, 8)]], [(0, 8), (3, 9)], 3),
        ([[(3, 9)], [(0, 9)]], [(0, 9), (3, 9)], 0),
        # Another price of the same moment counts in place of the first.
        ([[(0, 9), (2, 7), (4, 8)], [(2, 9)]], [(0, 9), (2, 9), (4, 8)], 4),
        ([[(0, 9), (2, 7)], [(2, 9)]], [(0, 9), (2, 9)], 0),
    ],
)
def test_late_prices_change_the_history_only_where_they_belong(
    db: None, calls: list[list[tuple[int, int]]], points: Any, since: int
) -> None:
    for call in calls:
        rows = [seen(str(price), AT + n * DAY) for n, price in call]
        competitor_feeds.take_prices(rows, at=AT)

    expected = points or sorted(pair for call in calls for pair in call)
    assert history() == expected
    row = CompetitorProduct.objects.get()
    assert row.since == AT + since * DAY
    newest = max(n for call in calls for n, _ in call)
    assert (row.price, row.seen_at) == (expected[-1][1], AT + newest * DAY)


SIGHTINGS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 3)), min_size=1, max_size=6
)


@given(st.lists(SIGHTINGS, min_size=1, max_size=4))
@settings(deadline=None, max_examples=25)
@pytest.mark.django_db
def test_a_file_that_is_sent_again_changes_nothing(
    calls: list[list[tuple[int, int]]],
) -> None:
    product = f"r-{id(calls)}-{StoredEvent.objects.count()}"
    for call in calls:
        rows = [seen(str(p), AT + n * DAY, product=product) for n, p in call]
        competitor_feeds.take_prices(rows, at=AT)
        before = StoredEvent.objects.count()

        again = competitor_feeds.take_prices(rows, at=AT)

        assert (again.changes, StoredEvent.objects.count()) == (0, before)


@given(SIGHTINGS)
@settings(deadline=None, max_examples=25)
@pytest.mark.django_db
def test_what_is_asked_now_is_what_the_history_ends_with(
    sightings: list[tuple[int, int]],
) -> None:
    product = f"r-{id(sightings)}-{StoredEvent.objects.count()}"
    for n, price in sightings:
        one = seen(str(price), AT + n * DAY, product=product)
        competitor_feeds.take_prices([one], at=AT)

    row = CompetitorProduct.objects.get(product=product)
    points = list(CompetitorPrice.objects.filter(product=row).order_by("at"))
    told = dict(sightings)  # the last word on each moment
    assert row.seen_at == AT + max(told) * DAY
    assert row.price == points[-1].price == told[max(told)]
    run = [one for one in points if one.price != row.price]
    after = run[-1].at if run else AT - DAY
    assert row.since == min(one.at for one in points if one.at > after)


def test_a_history_is_counted_again_though_a_product_is_gone(db: None) -> None:
    competitor_feeds.take_prices([seen("9"), seen("8", product="r-2")], at=AT)
    CompetitorProduct.objects.filter(product="r-1").delete()
    CompetitorPrice.objects.update(price=1)

    call_command("rebuild", "competitor_prices")

    assert history() == [(0, 8)]


def test_values_are_taken_back_in_one_statement(
    db: None, django_assert_max_num_queries: Any
) -> None:
    days = [date(2026, 6, 1) + n * DAY for n in range(60)]
    market_feeds.take_values(
        [ValueListed(series="rain", day=day, value=1.0) for day in days], at=AT
    )
    with django_assert_max_num_queries(15):
        market_feeds.take_values(
            [ValueListed(series="rain", day=day, value=None) for day in days[1:]], at=AT
        )

    assert list(SeriesValue.objects.values_list("day", flat=True)) == days[:1]


@given(
    st.lists(
        st.lists(
            st.tuples(st.integers(0, 8), st.integers(1, 4)), min_size=1, max_size=5
        ),
        max_size=5,
    )
)
@settings(deadline=None, max_examples=25)
@pytest.mark.django_db
def test_the_history_is_what_the_log_says_whatever_order_prices_come_in(
    calls: list[list[tuple[int, int]]],
) -> None:
    product = f"r-{id(calls)}-{StoredEvent.objects.count()}"
    for call in calls:
        competitor_feeds.take_prices(
            [seen(str(price), AT + n * DAY, product=product) for n, price in call],
            at=AT,
        )
    mine = CompetitorPrice.objects.filter(product__product=product).order_by("at")
    before = list(mine.values_list("at", "price"))

    competitor_feeds.recount()

    assert list(mine.values_list("at", "price")) == before


@pytest.mark.django_db(transaction=True)
def test_two_feeds_of_a_competitor_at_once_tell_each_change_once() -> None:
    start = Barrier(2)

    def feed(first: int) -> None:
        start.wait()
        for n in range(first, first + 5):
            rows = [seen(str(n), AT + n * DAY, product=f"r-{p}") for p in range(50)]
            competitor_feeds.take_prices(rows, at=AT)
        connection.close()

    threads = [Thread(target=feed, args=(first,)) for first in (0, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert CompetitorProduct.objects.count() == 50
    assert CompetitorPrice.objects.count() == 250
    assert StoredEvent.objects.count() == 250
    assert set(CompetitorProduct.objects.values_list("price", flat=True)) == {D(4)}
