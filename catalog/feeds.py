"""Take in the shop's catalogue: mirror the products, append what changed.

One statement for a whole batch, by COPY, so that a shop may send its full catalogue
every night; only real changes of price, cost and stock become events.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection, transaction

from analytics import events, store
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
    currency: str
    price: Decimal | None = None
    cost: Decimal | None = None
    stock: int | None = None
    lead_days: int | None = None
    pack: int = 1
    expires_on: date | None = None
    expiring: int | None = None
    promotable: bool = True


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a feed did: products listed, and how many events of change it left."""

    products: int
    changes: int


COLUMNS = tuple(Listed.__dataclass_fields__)


def take(listed: Sequence[Listed], *, at: datetime) -> Taken:
    """Mirror the products; a sku listed twice counts as last listed."""
    rows = {product.sku: product for product in listed}
    with transaction.atomic():
        before = _before(rows)
        _mirror(rows.values(), at)
        changes = [
            store.Fact(event=event, at=at)
            for sku, product in rows.items()
            for event in _changes(product, before.get(sku))
        ]
        store.append_new(changes)
    return Taken(products=len(rows), changes=len(changes))


Before = tuple[Decimal | None, Decimal | None, int | None]


def _before(rows: Mapping[str, Listed]) -> dict[str, Before]:
    """Let other feeds wait: two that list the same new product would both say so."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE catalog_product IN SHARE ROW EXCLUSIVE MODE")
    known = Product.objects.filter(sku__in=list(rows))
    listed = known.values_list("sku", "price", "cost", "stock")
    return {sku: (price, cost, stock) for sku, price, cost, stock in listed}


def _changes(now: Listed, was: Before | None) -> list[events.Event]:
    price, cost, stock = was or (None, None, None)
    changes: list[events.Event] = []
    if now.price is not None and now.price != price:
        changes.append(
            events.PriceChanged(
                sku=now.sku, price=now.price, was=price, currency=now.currency
            )
        )
    if now.cost != cost:
        changes.append(
            events.CostChanged(
                sku=now.sku, cost=now.cost, was=cost, currency=now.currency
            )
        )
    if now.stock is not None and now.stock != stock:
        changes.append(events.StockChanged(sku=now.sku, stock=now.stock, was=stock))
    return changes


def _mirror(products: Iterable[Listed], at: datetime) -> None:
    names = ", ".join([*COLUMNS, "updated_at"])
    updates = ", ".join(f"{name} = excluded.{name}" for name in names.split(", ")[1:])
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS incoming_product "
            "(LIKE catalog_product) ON COMMIT DELETE ROWS"
        )
        cursor.execute("TRUNCATE incoming_product")
        with cursor.copy(f"COPY incoming_product ({names}) FROM STDIN") as copy:
            for product in products:
                copy.write_row([*(getattr(product, c) for c in COLUMNS), at])
        cursor.execute(
            f"INSERT INTO catalog_product ({names}) "  # noqa: S608
            f"SELECT {names} FROM incoming_product ORDER BY sku "
            f"ON CONFLICT (sku) DO UPDATE SET {updates}"
        )
