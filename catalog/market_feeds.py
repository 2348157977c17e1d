"""Take in what is told of the market: days, daily series, competitors' prices.

As with products, only what changed becomes events, and a feed sent twice leaves none. A
price may come late: it goes into the history where it belongs, and the newest stays.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from django.db import transaction

from analytics import events, store
from catalog.feeds import Taken
from catalog.mirrors import lock, mirror
from catalog.models import CompetitorPrice, CompetitorProduct, SeriesValue, ShopDay


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
        return self.key or f"{self.first} {self.region} {self.name}"[:200]


@dataclass(frozen=True, kw_only=True)
class ValueListed:
    """A day's value of a series; None takes it back."""

    series: str
    region: str = ""
    day: date
    value: float | None


@dataclass(frozen=True, kw_only=True)
class PriceSeen:
    """A competitor's product, and what it cost when it was seen."""

    competitor: str
    product: str
    name: str
    brand: str = ""
    size: str = ""
    gtin: str = ""
    mpn: str = ""
    url: str = ""
    currency: str
    price: Decimal
    shelf_price: Decimal | None = None
    available: bool = True
    seen_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        return self.competitor, self.product

    @property
    def asked(self) -> "Asked":
        return self.currency, self.price, self.shelf_price, self.available


Asked = tuple[str, Decimal, Decimal | None, bool]
"""Currency, price, shelf price, whether it can be had: a change of one is news."""


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
        for series, region, day in [
            key for key, value in news.items() if value is None
        ]:
            SeriesValue.objects.filter(series=series, region=region, day=day).delete()
        mirror(
            "catalog_seriesvalue",
            ("series", "region", "day", "value", "updated_at"),
            [(*key, value, at) for key, value in news.items() if value is not None],
            key=["series", "region", "day"],
        )
        store.append_new([store.Fact(event=one, at=at) for one in _reported(news)])
    return Taken(products=len(rows), changes=len(news))


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


DESCRIBED = ("name", "brand", "size", "gtin", "mpn", "url")
ASKED = ("currency", "price", "shelf_price", "available")


def take_prices(listed: Sequence[PriceSeen], *, at: datetime) -> Taken:
    """Take what competitors ask; of a product seen twice at a moment, the last counts.

    Changes are events of the moment at which they were seen.
    """
    rows = {(*one.key, one.seen_at): one for one in listed}
    with transaction.atomic():
        lock("catalog_competitorproduct")
        known = _known(rows.values())
        newest = {one.key: one for one in sorted(rows.values(), key=_seen)}
        _describe(newest, known)
        ids = _ids(newest)
        news = list(_changes(rows.values(), known, _before(rows.values(), known)))
        mirror(
            "catalog_competitorprice",
            ("product_id", "at", *ASKED),
            [(ids[one.key], one.seen_at, *one.asked) for one, _ in news],
            key=["product_id", "at"],
        )
        store.append_new(
            [store.Fact(event=_moved(*pair), at=pair[0].seen_at) for pair in news]
        )
    return Taken(products=len(newest), changes=len(news))


_seen = attrgetter("seen_at")
Key = tuple[str, str]
Known = Mapping[Key, CompetitorProduct]


def _known(rows: Iterable[PriceSeen]) -> dict[Key, CompetitorProduct]:
    by: dict[str, list[str]] = {}
    for one in rows:
        by.setdefault(one.competitor, []).append(one.product)
    return {
        (row.competitor, row.product): row
        for competitor, products in by.items()
        for row in CompetitorProduct.objects.filter(
            competitor=competitor, product__in=products
        )
    }


def _describe(newest: Mapping[Key, PriceSeen], known: Known) -> None:
    """Mirror what is newer than what is known; its price's `since` moves if it does."""
    names = ("competitor", "product", *DESCRIBED, *ASKED, "since", "seen_at")
    rows = []
    for key, one in newest.items():
        was = known.get(key)
        if was is not None and was.seen_at > one.seen_at:
            continue
        same = was is not None and _of(was) == one.asked
        since = was.since if was is not None and same else one.seen_at
        told = (getattr(one, name) for name in DESCRIBED)
        rows.append((*key, *told, *one.asked, since, one.seen_at))
    mirror("catalog_competitorproduct", names, rows, key=["competitor", "product"])


def _of(row: CompetitorProduct | CompetitorPrice) -> Asked:
    return row.currency, row.price, row.shelf_price, row.available


def _ids(newest: Mapping[Key, PriceSeen]) -> dict[Key, int]:
    return {key: row.pk for key, row in _known(newest.values()).items()}


History = Mapping[Key, Sequence[tuple[datetime, Asked]]]


def _before(rows: Iterable[PriceSeen], known: Known) -> History:
    """Return the histories of products of which an older price has come."""
    late = {
        known[one.key].pk: one.key
        for one in rows
        if one.key in known and one.seen_at < known[one.key].seen_at
    }
    found: dict[Key, list[tuple[datetime, Asked]]] = {}
    points = CompetitorPrice.objects.filter(product__in=list(late)).order_by("at")
    for point in points:
        found.setdefault(late[point.product_id], []).append((point.at, _of(point)))
    return found


def _changes(
    rows: Iterable[PriceSeen], known: Known, before: History
) -> Iterator[tuple[PriceSeen, Asked | None]]:
    """Yield what differs from what was asked before it, and what that was."""
    now: dict[Key, Asked] = {}
    for one in sorted(rows, key=_seen):
        was = now.get(one.key) or _asked_before(one, known, before)
        if was != one.asked:
            yield one, was
        now[one.key] = one.asked


def _asked_before(one: PriceSeen, known: Known, before: History) -> Asked | None:
    row = known.get(one.key)
    if row is None:
        return None
    if row.seen_at <= one.seen_at:
        return _of(row)
    past = [asked for at, asked in before.get(one.key, ()) if at <= one.seen_at]
    return past[-1] if past else None


def _moved(one: PriceSeen, was: Asked | None) -> events.CompetitorPriceChanged:
    return events.CompetitorPriceChanged(
        competitor=one.competitor,
        product=one.product,
        price=one.price,
        was=was[1] if was and was[0] == one.currency else None,
        shelf_price=one.shelf_price,
        currency=one.currency,
        available=one.available,
    )


def recount() -> int:
    """Throw the history of competitors' prices away and read it from the log."""
    with transaction.atomic():
        lock("catalog_competitorproduct")
        lock("catalog_competitorprice")
        CompetitorPrice.objects.all().delete()
        listed = CompetitorProduct.objects.values_list("competitor", "product", "id")
        ids = {(competitor, product): key for competitor, product, key in listed}
        rows = {
            (ids[event.competitor, event.product], stored.occurred_at): event
            for stored in store.read(
                until=store.high_water(), types=["competitor_price_changed"]
            )
            if isinstance(event := stored.event, events.CompetitorPriceChanged)
        }
        mirror(
            "catalog_competitorprice",
            ("product_id", "at", *ASKED),
            [(*key, *(getattr(e, name) for name in ASKED)) for key, e in rows.items()],
            key=["product_id", "at"],
        )
    return len(rows)
