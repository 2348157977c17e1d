"""Take in what competitors ask; a price may come late.

Only what changed becomes events, of the moment at which it was seen, and a feed sent
twice leaves none. What comes late goes into the history where it belongs
(catalog.sightings), and the newest stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db import transaction

from analytics import events, lookup, store
from catalog import sightings
from catalog.feeds import Taken
from catalog.mirrors import lock, mirror
from catalog.models import CompetitorPrice, CompetitorProduct
from catalog.sightings import Asked

END = 2**63 - 1
"""No position of the log is beyond."""


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
    def asked(self) -> Asked:
        return self.currency, self.price, self.shelf_price, self.available


DESCRIBED = ("name", "brand", "size", "gtin", "mpn", "url")
ASKED = ("currency", "price", "shelf_price", "available")
Key = tuple[str, str]
Rows = Mapping[Key, Sequence[PriceSeen]]
Known = Mapping[Key, CompetitorProduct]


def take_prices(listed: Sequence[PriceSeen], *, at: datetime) -> Taken:
    """Take what competitors ask; of a product seen twice at a moment, the last counts.

    Changes are events of the moment at which they were seen.
    """
    rows: dict[Key, list[PriceSeen]] = {}
    # Stable: of two at a moment, the one listed last stays last.
    for one in sorted(listed, key=_seen):
        rows.setdefault(one.key, []).append(one)
    with transaction.atomic():
        lock("catalog_competitorproduct")
        known = _known(rows)
        points = _points(rows, known)
        found = {
            key: sightings.merged(_sightings(some), _before(known.get(key), points))
            for key, some in rows.items()
        }
        _describe({key: some[-1] for key, some in rows.items()}, known, found)
        # Asked again: new products have their numbers only now.
        ids = {key: row.pk for key, row in _known(rows).items()}
        news = [(key, one) for key, what in found.items() for one in what.changes]
        mirror(
            "catalog_competitorprice",
            ("product_id", "at", *ASKED),
            [(ids[key], one.at, *one.asked) for key, one in news],
            key=["product_id", "at"],
        )
        store.append_new(
            [store.Fact(event=_moved(*pair), at=pair[1].at) for pair in news]
        )
    return Taken(products=len(rows), changes=len(news))


_seen = attrgetter("seen_at")


def _sightings(some: Sequence[PriceSeen]) -> dict[datetime, Asked]:
    return {one.seen_at: one.asked for one in some}


def _known(keys: Iterable[Key]) -> dict[Key, CompetitorProduct]:
    by: dict[str, list[str]] = {}
    for competitor, product in keys:
        by.setdefault(competitor, []).append(product)
    return {
        (row.competitor, row.product): row
        for competitor, products in by.items()
        for row in CompetitorProduct.objects.filter(
            competitor=competitor, product__in=products
        )
    }


# From the point in force before the earliest late sighting on: max(b.at), if any.
POINTS = """
    SELECT p.product_id, p.at, p.currency, p.price, p.shelf_price, p.available
    FROM unnest(%(ids)s::bigint[], %(firsts)s::timestamptz[]) AS late (id, first)
    JOIN catalog_competitorprice p ON p.product_id = late.id AND p.at >= coalesce(
      (SELECT max(b.at) FROM catalog_competitorprice b
       WHERE b.product_id = late.id AND b.at < late.first), late.first)
"""
Points = Mapping[int, Mapping[datetime, Asked]]


def _points(rows: Rows, known: Known) -> Points:
    """Return the points from the earliest sighting on, of prices that came late."""
    late = {
        known[key].pk: some[0].seen_at
        for key, some in rows.items()
        if key in known and some[0].seen_at <= known[key].seen_at
    }
    found: dict[int, dict[datetime, Asked]] = {key: {} for key in late}
    values = {"ids": list(late), "firsts": list(late.values())}
    for product, at, *asked in lookup.rows(POINTS, values) if late else ():
        found[product][at] = _asked(*asked)
    return found


def _asked(currency: str, price: Any, shelf: Any, available: Any) -> Asked:
    return currency, price, shelf, available


def _before(row: CompetitorProduct | None, points: Points) -> sightings.Known | None:
    if row is None:
        return None
    asked = _asked(*(getattr(row, name) for name in ASKED))
    return sightings.Known(
        asked=asked,
        since=row.since,
        seen_at=row.seen_at,
        points=points.get(row.pk, {row.since: asked}),
    )


def _describe(
    newest: Mapping[Key, PriceSeen],
    known: Known,
    found: Mapping[Key, sightings.Merged],
) -> None:
    """Mirror what is newer than what is known, and since when it costs that."""
    names = ("competitor", "product", *DESCRIBED, *ASKED, "since", "seen_at")
    told = (*DESCRIBED, *ASKED, "seen_at")
    rows = []
    for key, one in newest.items():
        row: PriceSeen | CompetitorProduct | None = known.get(key)
        # What came late tells of the past: name and size stay those of the newest.
        if row is None or row.seen_at <= one.seen_at:
            row = one
        *what, seen_at = (getattr(row, name) for name in told)
        rows.append((*key, *what, found[key].since, seen_at))
    mirror("catalog_competitorproduct", names, rows, key=["competitor", "product"])


def _moved(key: Key, one: sightings.Change) -> events.CompetitorPriceChanged:
    currency, price, shelf, available = one.asked
    return events.CompetitorPriceChanged(
        competitor=key[0],
        product=key[1],
        price=price,
        # Between two currencies there is no change of price.
        was=one.was[1] if one.was and one.was[0] == currency else None,
        shelf_price=shelf,
        currency=currency,
        available=available,
    )


def recount() -> int:
    """Throw the history of competitors' prices away and read it from the log.

    What is told of products that are there no more is passed over.
    """
    with transaction.atomic():
        lock("catalog_competitorproduct")
        lock("catalog_competitorprice")
        CompetitorPrice.objects.all().delete()
        listed = CompetitorProduct.objects.values_list("competitor", "product", "id")
        ids = {(competitor, product): key for competitor, product, key in listed}
        rows = {
            (product, stored.occurred_at): event
            # To the end: who writes such events waits for these tables first. Asking
            # how far the log is final would keep all its writers to our own end.
            for stored in store.read(until=END, types=["competitor_price_changed"])
            if isinstance(event := stored.event, events.CompetitorPriceChanged)
            and (product := ids.get((event.competitor, event.product)))
        }
        mirror(
            "catalog_competitorprice",
            ("product_id", "at", *ASKED),
            [(*key, *(getattr(e, name) for name in ASKED)) for key, e in rows.items()],
            key=["product_id", "at"],
        )
    return len(rows)
