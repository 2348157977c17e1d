"""Take in what is told of the market: days of the calendar, and daily series.

As with products, only what changed becomes events, and a feed sent twice leaves none.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db import connection, transaction

from analytics import events, store
from catalog.feeds import Taken
from catalog.mirrors import lock, mirror
from catalog.models import SeriesValue, ShopDay

MOST_LETTERS = 200
"""Of a day's key."""


@dataclass(frozen=True, kw_only=True)
class DaysListed:
    """Days of the shop's calendar; both ends count, and `last` is `first` if not said.

    Without a `key`, name, region and first day are it.
    """

    key: str = ""
    name: str
    kind: str = ShopDay.Kind.EVENT
    region: str = ""
    first: date
    last: date | None = None
    cancelled: bool = False

    @property
    def named(self) -> str:
        return self.key or _cut(f"{self.first} {self.region} {self.name}")


def _cut(key: str) -> str:
    """Return a key of at most 200 letters; a long one ends with its digest."""
    if len(key) <= MOST_LETTERS:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key[: MOST_LETTERS - 17]} {digest}"


@dataclass(frozen=True, kw_only=True)
class ValueListed:
    """A day's value of a series; None takes it back."""

    series: str
    region: str = ""
    day: date
    value: float | None


def take_days(listed: Sequence[DaysListed], *, at: datetime) -> Taken:
    """Put days on the calendar, move them or call them off."""
    rows = {one.named: one for one in listed}
    with transaction.atomic():
        lock("catalog_shopday")
        known = ShopDay.objects.in_bulk(list(rows))
        news = [
            one for key, one in rows.items() if _days_news(one, known.get(key)) is True
        ]
        gone = [one.named for one in news if one.cancelled]
        ShopDay.objects.filter(key__in=gone).delete()
        names = ("key", "name", "kind", "region", "first", "last", "updated_at")
        mirror(
            "catalog_shopday",
            names,
            [
                (one.named, one.name, one.kind, one.region, one.first, _last(one), at)
                for one in news
                if not one.cancelled
            ],
            key=["key"],
        )
        store.append_new([store.Fact(event=_calendar(one), at=at) for one in news])
    return Taken(products=len(rows), changes=len(news))


def _last(one: DaysListed) -> date:
    return one.last or one.first


def _days_news(one: DaysListed, known: ShopDay | None) -> bool:
    if known is None or one.cancelled:
        return (known is not None) if one.cancelled else True
    now = (one.name, one.kind, one.region, one.first, _last(one))
    return now != (known.name, known.kind, known.region, known.first, known.last)


def _calendar(one: DaysListed) -> events.CalendarChanged:
    return events.CalendarChanged(
        key=one.named,
        name=one.name,
        kind=one.kind,
        region=one.region,
        first=one.first,
        last=_last(one),
        cancelled=one.cancelled,
    )


def take_values(listed: Sequence[ValueListed], *, at: datetime) -> Taken:
    """Take values of daily series; those that differ are one event a series."""
    rows = {(one.series, one.region, one.day): one.value for one in listed}
    with transaction.atomic():
        lock("catalog_seriesvalue")
        known = _values(rows)
        news = {key: value for key, value in rows.items() if known.get(key) != value}
        if gone := [key for key, value in news.items() if value is None]:
            with connection.cursor() as cursor:
                # By column, as unnest takes them.
                cursor.execute(
                    TAKEN_BACK, [list(one) for one in zip(*gone, strict=True)]
                )
        mirror(
            "catalog_seriesvalue",
            ("series", "region", "day", "value", "updated_at"),
            [(*key, value, at) for key, value in news.items() if value is not None],
            key=["series", "region", "day"],
        )
        store.append_new([store.Fact(event=one, at=at) for one in _reported(news)])
    return Taken(products=len(rows), changes=len(news))


TAKEN_BACK = """
    DELETE FROM catalog_seriesvalue v
    USING unnest(%s::text[], %s::text[], %s::date[]) AS gone (series, region, day)
    WHERE (v.series, v.region, v.day) = (gone.series, gone.region, gone.day)
"""
Place = tuple[str, str, date]


def _values(rows: Iterable[Place]) -> dict[Place, float]:
    keys = list(rows)
    found = SeriesValue.objects.filter(
        series__in={series for series, _, _ in keys},
        day__gte=min(day for _, _, day in keys),
        day__lte=max(day for _, _, day in keys),
    )
    listed = found.values_list("series", "region", "day", "value")
    return {(series, region, day): value for series, region, day, value in listed}


def _reported(news: Mapping[Place, float | None]) -> Iterator[events.SeriesReported]:
    for (series, region), some in groupby(sorted(news), key=lambda place: place[:2]):
        values = {place[2]: news[place] for place in some}
        yield events.SeriesReported(series=series, region=region, values=values)
