"""Competitors' prices as they are seen: only news, wherever they belong in time."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.models import StoredEvent
from catalog import competitor_feeds
from catalog.competitor_feeds import PriceSeen
from catalog.models import CompetitorPrice, CompetitorProduct

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def seen(price: str, at: datetime = AT, **more: Any) -> PriceSeen:
    told: dict[str, Any] = {"competitor": "Rival", "product": "r-1", "name": "Tea"}
    told |= {"currency": "USD"} | more
    return PriceSeen(price=D(price), seen_at=at, **told)


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
