"""Which days are not like others: public holidays, the shop's own days, daily series.

Features ask as of a moment (`known_at`): then the log is read up to what it had
recorded by then, since a fair may move and a forecast of the weather is corrected.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.conf import settings

from analytics import events, store
from catalog import holidays
from catalog.models import SeriesValue, ShopDay


@dataclass(frozen=True, kw_only=True, order=True)
class MarketDay:
    """A day that has a name; a day may have several."""

    day: date
    name: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class Own:
    """Days of the shop's own calendar, both ends included."""

    key: str
    name: str
    kind: str
    region: str
    first: date
    last: date


def days(
    first: date, last: date, region: str = "", *, known_at: datetime | None = None
) -> list[MarketDay]:
    """Return the named days of [first, last) in a region, the shop's if none is named.

    A region has its country's days too, as DE-BY those of DE.

    :raises ImproperlyConfigured: nobody knows the holidays of such a region.
    """
    region = region or settings.HOLIDAYS_OF
    public = holidays.between(first, last, of=region).days
    kind = ShopDay.Kind.HOLIDAY.value
    found = [MarketDay(day=d, name=name, kind=kind) for d, name in public.items()]
    for one in own(first, last, known_at=known_at):
        # With the hyphen, since DE is no part of DEN.
        if not one.region or f"{region}-".startswith(f"{one.region}-"):
            found += _each(one, first, last)
    return sorted(found)


def own(first: date, last: date, *, known_at: datetime | None = None) -> list[Own]:
    """Return the shop's own days that touch [first, last), by their first day."""
    entries = _now(first, last) if known_at is None else _then(known_at)
    touched = [one for one in entries if one.first < last and one.last >= first]
    return sorted(touched, key=lambda one: (one.first, one.key))


def series(
    name: str,
    first: date,
    last: date,
    region: str = "",
    *,
    known_at: datetime | None = None,
) -> dict[date, float]:
    """Return a daily series' values of [first, last); days without one are missing."""
    if known_at is not None:
        return _series_then(name, first, last, region, known_at)
    found = SeriesValue.objects.filter(
        series=name, region=region, day__gte=first, day__lt=last
    )
    return dict(found.order_by("day").values_list("day", "value"))


def _each(one: Own, first: date, last: date) -> Iterable[MarketDay]:
    begin, end = max(one.first, first), min(one.last, last - timedelta(days=1))
    for n in range((end - begin).days + 1):
        yield MarketDay(day=begin + timedelta(days=n), name=one.name, kind=one.kind)


FIELDS = tuple(Own.__dataclass_fields__)


def _now(first: date, last: date) -> list[Own]:
    rows = ShopDay.objects.filter(first__lt=last, last__gte=first)
    return [Own(**row) for row in rows.values(*FIELDS)]


def _then(known_at: datetime) -> list[Own]:
    found: dict[str, Own] = {}
    for stored in store.read(until=store.high_water(), types=["calendar_changed"]):
        event = stored.event
        if stored.recorded_at > known_at or not isinstance(
            event, events.CalendarChanged
        ):
            continue
        if event.cancelled:
            found.pop(event.key, None)
        else:
            found[event.key] = Own(**{name: getattr(event, name) for name in FIELDS})
    return list(found.values())


def _series_then(
    name: str, first: date, last: date, region: str, known_at: datetime
) -> dict[date, float]:
    told = series_known(first, last, known_at=known_at)
    return told.get((name, region), {})


def series_known(
    first: date, last: date, *, known_at: datetime
) -> dict[tuple[str, str], dict[date, float]]:
    """Return all series by name and region, as known at a moment: the log read once."""
    found: dict[tuple[str, str], dict[date, float | None]] = {}
    for stored in store.read(until=store.high_water(), types=["series_reported"]):
        event = stored.event
        if isinstance(event, events.SeriesReported) and stored.recorded_at <= known_at:
            days = found.setdefault((event.series, event.region), {})
            days |= {d: v for d, v in event.values.items() if first <= d < last}
    return {
        key: {day: value for day, value in sorted(days.items()) if value is not None}
        for key, days in sorted(found.items())
    }
