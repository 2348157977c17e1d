"""Days and series: moved, called off, taken back, and known as of a time."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics.models import StoredEvent
from catalog import market_calendar, market_feeds
from catalog.market_feeds import DaysListed, ValueListed
from catalog.models import SeriesValue, ShopDay

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


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
