"""Groups of market features at a cut-off, each as it was known then: ml.market's input.

A group is there if the shop has data of its kind: public holidays always are; days of
the shop's own by kind; each daily series; prices beside competitors' where products are
matched. `moved`: the log's orders were moved by so many days, as the demo's are, so
holidays are looked up where they were.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TypeVar

import numpy as np

from analytics import events, store
from catalog import holidays, market_calendar
from catalog.models import Product
from ml.market import HORIZON, PAST, Signal
from ml.purchases import Numbers

BEFORE = 3
"""Days before a holiday that are like it: who feasts shops before."""
LATELY = 7
DAY = timedelta(days=1)
MATCHED = ("automatic", "confirmed")
Signals = dict[str, dict[str, Signal]]
"""group -> column -> signal"""


def signals(cut: datetime, *, moved: int = 0) -> Signals:
    """Return all signals around a cut-off that move at all."""
    first, last = cut.date() - PAST * DAY, cut.date() + HORIZON * DAY
    found: Signals = {
        "holidays": {"holidays": _days(_holidays(first, last, moved), first, BEFORE)},
        "shop days": {
            f"shop_{kind}": _days(days, first, 0)
            for kind, days in _own(first, last, cut).items()
        },
        "series": {f"series_{name}": one for name, one in _series(first, last, cut)},
    }
    return {
        group: moving
        for group, some in found.items()
        if (moving := {name: one for name, one in some.items() if one.moves})
    }


def _holidays(first: date, last: date, moved: int) -> list[date]:
    by = moved * DAY
    # Looked up where the orders truly were, and moved as they were.
    return [day + by for day in holidays.between(first - by, last - by).days]


def _own(first: date, last: date, cut: datetime) -> dict[str, list[date]]:
    found: dict[str, list[date]] = {}
    for one in market_calendar.own(first, last, known_at=cut):
        days = (one.first + n * DAY for n in range((one.last - one.first).days + 1))
        found.setdefault(one.kind, []).extend(days)
    return found


def _days(days: Iterable[date], first: date, before: int) -> Signal:
    values = np.zeros(PAST + HORIZON)
    for day in days:
        place = (day - first).days
        # A holiday just after the span still marks days within it, one before it none.
        values[max(0, place - before) : max(0, place + 1)] = 1.0
    return Signal(past=values[:PAST], ahead=values[PAST:])


def _series(first: date, last: date, cut: datetime) -> Iterator[tuple[str, Signal]]:
    """Yield each series; a day ahead that nobody foretold is like the last ones."""
    known = market_calendar.series_known(first, last, known_at=cut)
    for (name, region), told in known.items():
        if told:
            yield "_".join(filter(None, (name, region))), _filled(told, first)


def _filled(told: Mapping[date, float], first: date) -> Signal:
    days = [first + n * DAY for n in range(PAST + HORIZON)]
    values = np.array([told.get(day, np.nan) for day in days])
    past, ahead = values[:PAST], values[PAST:]
    # Missing days of the past are as usual; missing days ahead, below, as of late: a
    # change of level is not foretold back.
    usual = float(np.nanmean(values))
    past = np.where(np.isnan(past), usual, past)
    lately = float(past[-LATELY:].mean())
    return Signal(past=past, ahead=np.where(np.isnan(ahead), lately, ahead))


def prices(cut: datetime, categories: list[str]) -> Numbers | None:
    """Return our prices beside competitors': [categories, 2]; None without any.

    log(ours / the least of theirs), the median of a category's matched products, and
    the share of these that somebody undercuts.
    """
    asked = _asked(cut)
    least = asked.least()
    kinds = dict(Product.objects.filter(sku__in=least).values_list("sku", "category"))
    gaps: dict[str, list[float]] = {}
    for sku, price in least.items():
        if kinds.get(sku) in categories:
            gap = np.log(asked.ours[sku].price / price)
            gaps.setdefault(kinds[sku], []).append(gap)
    if not gaps:
        return None
    told = [gaps.get(name, [0.0]) for name in categories]
    return np.array([[np.median(one), np.mean(np.array(one) > 0)] for one in told])


@dataclass(frozen=True, kw_only=True)
class Price:
    """What is asked, and since when."""

    price: float
    currency: str
    at: datetime
    available: bool = True


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Prices as known at a moment: ours by sku, theirs by (competitor, product).

    `same`: which of ours theirs is.
    """

    ours: dict[str, Price] = field(default_factory=dict)
    theirs: dict[tuple[str, str], Price] = field(default_factory=dict)
    same: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, event: events.Event, at: datetime) -> None:
        match event:
            case events.PriceChanged():
                _newer(self.ours, event.sku, event, at)
            case events.CompetitorPriceChanged():
                _newer(self.theirs, (event.competitor, event.product), event, at)
            case events.CompetitorMatched():
                key = (event.competitor, event.product)
                # A match that was taken back, or waits again, is none.
                self.same.pop(key, None)
                if event.sku and event.state in MATCHED:
                    self.same[key] = event.sku
            case _:
                pass

    def least(self) -> dict[str, float]:
        """Return the least that competitors ask in our money, by our sku."""
        found: dict[str, float] = {}
        for key, one in self.theirs.items():
            ours = self.ours.get(self.same.get(key, ""))
            if ours is None or ours.currency != one.currency or not ours.price > 0:
                continue
            if one.available and one.price > 0:
                sku = self.same[key]
                found[sku] = min(one.price, found.get(sku, one.price))
        return found


Key = TypeVar("Key")


def _newer(
    known: dict[Key, Price],
    key: Key,
    event: events.PriceChanged | events.CompetitorPriceChanged,
    at: datetime,
) -> None:
    """Note a price, unless a later one is known: prices may come late."""
    if key in known and known[key].at > at:
        return
    known[key] = Price(
        price=float(event.price),
        currency=event.currency,
        at=at,
        available=getattr(event, "available", True),
    )


def _asked(cut: datetime) -> Asked:
    asked = Asked()
    types = ["price_changed", "competitor_price_changed", "competitor_matched"]
    for stored in store.read(until=store.high_water(), types=types):
        # By when we were told: a price that came late was not known at the cut-off.
        if stored.recorded_at <= cut:
            asked.add(stored.event, stored.occurred_at)
    return asked
