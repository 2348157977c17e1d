"""What may be taken away as a file: products, offers, redemptions; orders and events.

No row says whose it is: a file is out of reach of erasure. So offers and redemptions
have no customer and no order's number, and orders and events are counted by day.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncDate
from django.utils.translation import gettext_lazy as _

from analytics.models import Outcome, Tally
from analytics.table_files import Columns, Row
from catalog import feeds, pricing
from catalog.models import Product
from promotions.models import Offer, Redemption, Supply

CHUNK = 5000


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table to be taken away: its rows, and who may view what it is of."""

    name: Any
    permission: str
    columns: Columns
    rows: Callable[[], Iterator[Row]]


def _products() -> Iterator[Row]:
    """The price is what the shop lists: a file that comes back changes nothing."""
    rows = Product.objects.order_by("sku").values(*feeds.COLUMNS)
    for row in rows.iterator(CHUNK):
        # Else a strategy's price would come back as the shop's own.
        told = row | {"price": row["listed_price"]}
        yield told | {name: _rounded(told[name], row["currency"]) for name in MONEY}


MONEY = ("price", "cost")


def _offers() -> Iterator[Row]:
    rows = Offer.objects.order_by("computed_at", "id").values(
        *("id", "strategy", "strategy__title", "variant", "probability", "expected"),
        *("computed_at", "expires_at", "redeemed_at"),
    )
    for row in rows.iterator(CHUNK):
        yield row | {"title": row["strategy__title"]}


def _redemptions() -> Iterator[Row]:
    rows = Redemption.objects.order_by("redeemed_at", "id").values(
        *("id", "strategy", "strategy__title", "strategy__currency", "variant"),
        *("discount", "gift", "gift_value", "redeemed_at", "returned"),
        "rolled_back_at",
    )
    for row in rows.iterator(CHUNK):
        currency = row["strategy__currency"]
        coins = {
            name: _rounded(row[name], currency)
            for name in ("discount", "gift_value", "returned")
        }
        yield row | coins | {"title": row["strategy__title"], "currency": currency}


def _orders() -> Iterator[Row]:
    orders = Outcome.objects.filter(kind=Outcome.Kind.ORDER)
    rows = orders.annotate(day=TruncDate("at")).values("day", "currency")
    for row in rows.annotate(
        orders=Count("position"), paid=Sum("paid"), shelf=Sum("shelf")
    ).order_by("day", "currency"):
        coins = {
            name: _rounded(row[name], row["currency"]) for name in ("paid", "shelf")
        }
        yield row | coins


def _events() -> Iterator[Row]:
    yield from Tally.objects.order_by("day", "type").values("day", "type", "events")


def _rounded(amount: Any, currency: str) -> Any:
    return None if amount is None else pricing.rounded(amount, currency)


def _stock() -> Iterator[Row]:
    rows = Supply.objects.order_by("product_id").values(*STOCK, "product__name")
    for row in rows.iterator(CHUNK):
        yield row | {"sku": row["product_id"], "name": row["product__name"]}


STOCK = (
    *("product_id", "category", "state", "units", "incoming", "weekly", "cover"),
    *("chance_out", "over", "chance_over", "unsold", "chance_unsold", "computed_at"),
)


def _to_order() -> Iterator[Row]:
    rows = Supply.objects.filter(order__gt=0).order_by("product_id")
    named = rows.values(*ORDER, *(f"product__{name}" for name in OF_PRODUCT))
    for row in named.iterator(CHUNK):
        told = {name: row[f"product__{name}"] for name in OF_PRODUCT}
        yield row | told | {"sku": row["product_id"]}


OF_PRODUCT = ("name", "gtin", "mpn", "pack")
ORDER = (
    *("product_id", "category", "order", "units", "incoming", "reorder_point"),
    *("safety", "lead_days", "lead_assumed", "promoted", "computed_at"),
)


TABLES: Mapping[str, Table] = {
    "products": Table(
        name=_("Products"),
        permission="catalog.view_product",
        columns={
            **dict.fromkeys(feeds.Listed.__dataclass_fields__, "text"),
            **dict.fromkeys(MONEY, "amount"),
            **dict.fromkeys(
                ("stock", "lead_days", "pack", "expiring", "incoming"), "count"
            ),
            "promotable": "truth",
        },
        rows=_products,
    ),
    "stock": Table(
        name=_("Stock"),
        permission="promotions.view_supply",
        columns={
            **dict.fromkeys(("sku", "name", "category", "state"), "text"),
            **dict.fromkeys(("units", "incoming", "over"), "count"),
            **dict.fromkeys(("weekly", "cover", "chance_out", "chance_over"), "number"),
            **dict.fromkeys(("unsold", "chance_unsold"), "number"),
            "computed_at": "time",
        },
        rows=_stock,
    ),
    "order-suggestions": Table(
        name=_("Order suggestions"),
        permission="promotions.view_supply",
        columns={
            **dict.fromkeys(("sku", "name", "category", "gtin", "mpn"), "text"),
            **dict.fromkeys(("order", "pack", "units", "incoming"), "count"),
            **dict.fromkeys(("reorder_point", "safety", "lead_days"), "count"),
            "lead_assumed": "truth",
            "promoted": "number",
            "computed_at": "time",
        },
        rows=_to_order,
    ),
    "offers": Table(
        name=_("Offers"),
        permission="promotions.view_offer",
        columns={
            **dict.fromkeys(("id", "strategy", "title", "variant"), "text"),
            **dict.fromkeys(("probability", "expected"), "number"),
            **dict.fromkeys(("computed_at", "expires_at", "redeemed_at"), "time"),
        },
        rows=_offers,
    ),
    "redemptions": Table(
        name=_("Redemptions"),
        permission="promotions.view_redemption",
        columns={
            **dict.fromkeys(("id", "strategy", "title", "variant"), "text"),
            **dict.fromkeys(("discount", "returned"), "amount"),
            "gift": "text",
            "gift_value": "amount",
            "currency": "text",
            **dict.fromkeys(("redeemed_at", "rolled_back_at"), "time"),
        },
        rows=_redemptions,
    ),
    "orders": Table(
        name=_("Orders by day"),
        permission="analytics.view_storedevent",
        columns={
            "day": "text",
            "currency": "text",
            "orders": "count",
            **dict.fromkeys(("paid", "shelf"), "amount"),
        },
        rows=_orders,
    ),
    "events": Table(
        name=_("Events by day and type"),
        permission="analytics.view_storedevent",
        columns={"day": "text", "type": "text", "events": "count"},
        rows=_events,
    ),
}
