"""Take in the shop's catalogue: mirror the products, append what changed.

One statement for a whole batch, by COPY, so that a shop may send its full catalogue
every night; only real changes of price, cost and stock become events. Where a strategy
has set a product's price, catalog.feed_prices says what the feed's comes to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction

from analytics import events, store
from catalog import feed_prices, levels, prices
from catalog.feed_prices import Heard
from catalog.labels import Moved
from catalog.mirrors import mirror
from catalog.models import Product


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A product as the shop's feed lists it."""

    sku: str
    name: str
    department: str = ""
    category: str = ""
    brand: str = ""
    size: str = ""
    gtin: str = ""
    mpn: str = ""
    family: str = ""
    description: str = ""
    image_url: str = ""
    currency: str
    price: Decimal | None = None
    cost: Decimal | None = None
    stock: int | None = None
    lead_days: int | None = None
    pack: int = 1
    expires_on: date | None = None
    expiring: int | None = None
    incoming: int | None = None
    incoming_on: date | None = None
    promotable: bool = True


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a feed did: products listed, and how many events of change it left."""

    products: int
    changes: int


# A feed's price is what the shop lists; `price` is what is in force.
COLUMNS = tuple(
    "listed_price" if name == "price" else name for name in Listed.__dataclass_fields__
)


def take(listed: Sequence[Listed], *, at: datetime) -> Taken:
    """Mirror the products; a sku listed twice counts as last listed."""
    rows = {product.sku: product for product in listed}
    with transaction.atomic():
        before = _before(rows)
        heard = _heard(rows, before, at)
        _mirror(rows.values(), heard, before, at)
        feed_prices.listen(heard.values(), at=at)
        prices.note(list(_moved(rows, heard, before)), at=at)
        levels.note(_counted(rows, before), at=at)
        changes = [
            store.Fact(event=event, at=at)
            for sku, product in rows.items()
            for event in _changes(product, heard[sku], before.get(sku, NEW))
        ]
        # The log last, after the rows that others wait for.
        store.append_new(changes)
    return Taken(products=len(rows), changes=len(changes))


def believe(*, at: datetime) -> int:
    """Take prices in that looked like late echoes, and stayed the feed's last word.

    Who sends only what has changed says it once. Return how many.
    """
    if not feed_prices.believed(at=at):
        return 0
    with transaction.atomic():
        prices.lock()
        # Asked again under the lock: a feed may have said more.
        said = feed_prices.believed(at=at)
        products = list(Product.objects.filter(sku__in=said))
        changes = []
        for one in products:
            # The feed's own word: it is its list as well.
            was, one.price, one.listed_price = one.price, said[one.sku], said[one.sku]
            changes.append(
                events.PriceChanged(
                    sku=one.sku, price=said[one.sku], was=was, currency=one.currency
                )
            )
        Product.objects.bulk_update(products, ["price", "listed_price"])
        moved = [Moved(sku=p.sku, price=p.price, currency=p.currency) for p in products]
        prices.note(moved, at=at)
        feed_prices.forget(said)
        store.append(changes, at=at)
    return len(products)


class Before(NamedTuple):
    """What a product was: the price in force, and what the shop said."""

    price: Decimal | None = None
    listed_price: Decimal | None = None
    cost: Decimal | None = None
    stock: int | None = None
    currency: str = ""


NEW = Before()


def _before(rows: Mapping[str, Listed]) -> dict[str, Before]:
    """Let other feeds wait: two that list the same new product would both say so."""
    prices.lock()
    known = Product.objects.filter(sku__in=list(rows))
    listed = known.values_list("sku", *Before._fields)
    return {sku: Before(*values) for sku, *values in listed}


def _heard(
    rows: Mapping[str, Listed], before: Mapping[str, Before], at: datetime
) -> dict[str, Heard]:
    holds = feed_prices.held(rows)
    return {
        sku: feed_prices.heard(
            *(one.price, one.currency, holds.get(sku)),
            now=before.get(sku, NEW).price,
            listed=before.get(sku, NEW).listed_price,
            at=at,
        )
        for sku, one in rows.items()
    }


def _moved(
    rows: Mapping[str, Listed],
    heard: Mapping[str, Heard],
    before: Mapping[str, Before],
) -> Iterator[Moved]:
    for sku, now in heard.items():
        was, currency = before.get(sku, NEW), rows[sku].currency
        if (now.price, currency) != (was.price, was.currency):
            yield Moved(sku=sku, price=now.price, currency=currency)


def _counted(
    rows: Mapping[str, Listed], before: Mapping[str, Before]
) -> dict[str, int]:
    """Return the stock that has changed."""
    return {
        sku: now.stock
        for sku, now in rows.items()
        if now.stock is not None and now.stock != before.get(sku, NEW).stock
    }


def _changes(now: Listed, heard: Heard, was: Before) -> Iterator[events.Event]:
    if heard.price is not None and heard.price != was.price:
        yield events.PriceChanged(
            sku=now.sku, price=heard.price, was=was.price, currency=now.currency
        )
    if heard.price is None and was.price is not None:
        yield events.PriceWithdrawn(sku=now.sku, was=was.price, currency=now.currency)
    if heard.overruled:
        yield events.PriceOverruled(
            sku=now.sku,
            strategy=heard.overruled.strategy,
            price=heard.price,
            was=heard.overruled.price,
            currency=now.currency,
        )
    if now.cost != was.cost:
        yield events.CostChanged(
            sku=now.sku, cost=now.cost, was=was.cost, currency=now.currency
        )
    if now.stock is not None and now.stock != was.stock:
        yield events.StockChanged(sku=now.sku, stock=now.stock, was=was.stock)


def _mirror(
    products: Iterable[Listed],
    heard: Mapping[str, Heard],
    before: Mapping[str, Before],
    at: datetime,
) -> None:
    said = tuple(Listed.__dataclass_fields__)
    rows = []
    for one in products:
        now, was = heard[one.sku].price, before.get(one.sku, NEW)
        moves = (now, one.currency) != (was.price, was.currency)
        # An echo is no list of the shop's: else the ceiling above it crept up each
        # time.
        listed = replace(one, price=one.price if moves else was.listed_price)
        rows.append([*(getattr(listed, name) for name in said), now, at, at])
    names = [*COLUMNS, "price", "updated_at", "first_listed_at"]
    mirror("catalog_product", names, rows, key=["sku"], once=["first_listed_at"])
