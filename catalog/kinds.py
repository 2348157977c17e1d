"""What a file's rows may be: by which checks, under which names, taken in by whom."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rest_framework import serializers

from catalog import competitor_feeds, feeds, market_feeds, reviews
from catalog.bodies import ProductSerializer
from catalog.competitor_feeds import PriceSeen
from catalog.feeds import Listed, Taken
from catalog.market_bodies import DaysSerializer, PriceSerializer, ValueSerializer
from catalog.market_feeds import DaysListed, ValueListed
from catalog.models import Feed
from catalog.review_bodies import ReviewSerializer
from catalog.reviews import Written

Guesses = Mapping[str, Sequence[str]]
CURRENCY = ("currency", "currency_code", "waehrung", "币种")
BRAND = ("brand", "vendor", "manufacturer", "marke", "品牌")
SIZE = ("size", "package_size", "groesse", "规格")
GTIN = ("gtin", "ean", "ean13", "upc", "barcode", "条形码")
MPN = ("mpn", "manufacturer_part_number", "part_number", "herstellernummer")
NAME = (
    *("name", "title", "product_name", "productname", "product"),
    *("bezeichnung", "商品名称", "名称", "description"),
)
PRICE = ("price", "unit_price", "shelf_price", "list_price", "preis", "价格")
DAY = ("day", "date", "datum", "日期")
REGION = ("region", "country", "state", "bundesland", "地区")
PRODUCTS: Guesses = {
    "sku": (
        *("sku", "product_id", "productid", "item_id", "article_id", "stockcode"),
        *("stock_code", "product_code", "article", "id", "artikel", "artikelnr"),
        *("商品编号", "货号"),
    ),
    "name": NAME,
    "department": ("department", "abteilung", "部门"),
    "category": (
        *("category", "product_category", "product_type", "kategorie", "warengruppe"),
        *("品类", "类别"),
    ),
    "brand": BRAND,
    "size": SIZE,
    "gtin": GTIN,
    "mpn": MPN,
    "family": ("family", "parent_sku", "item_group_id", "style", "款式"),
    "description": (
        *("long_description", "product_description", "body_html", "details"),
        *("description", "beschreibung", "商品描述", "描述"),
    ),
    "image_url": ("image_url", "image_link", "image", "image_src", "bild", "图片"),
    "currency": CURRENCY,
    "price": PRICE,
    "cost": ("cost", "unit_cost", "cost_price", "einkaufspreis", "成本"),
    "stock": (
        *("stock", "quantity", "qty", "inventory", "on_hand", "bestand", "库存"),
    ),
    "lead_days": ("lead_days", "lead_time", "lead_time_days", "lieferzeit"),
    "pack": ("pack", "pack_size", "order_multiple", "case_pack", "verpackungseinheit"),
    "expires_on": ("expires_on", "expiry_date", "best_before", "mhd", "保质期至"),
    "incoming": ("incoming", "on_order", "ordered", "incoming_stock"),
    "incoming_on": ("incoming_on", "arrives_on", "expected_on", "eta"),
    "expiring": ("expiring", "expiring_quantity", "expiring_stock"),
    "promotable": ("promotable", "discountable", "可促销"),
}
PRICES: Guesses = {
    "competitor": (
        "competitor",
        "shop",
        "store",
        "retailer",
        "wettbewerber",
        "竞争对手",
    ),
    "product": (
        *("product", "product_id", "competitor_product", "sku", "id", "item_id"),
        *("article", "article_id", "artikel", "artikelnr", "商品编号", "货号"),
    ),
    "name": NAME,
    "brand": BRAND,
    "size": SIZE,
    "gtin": GTIN,
    "mpn": MPN,
    "url": ("url", "link", "address", "链接"),
    "currency": CURRENCY,
    "price": ("price", "sale_price", "current_price", "preis", "价格"),
    "shelf_price": (
        *("shelf_price", "list_price", "regular_price", "was_price", "rrp", "uvp"),
        "原价",
    ),
    "available": ("available", "in_stock", "availability", "verfuegbar", "有货"),
    "seen_at": ("seen_at", "crawled_at", "scraped_at", "timestamp", "at", *DAY),
}
CALENDAR: Guesses = {
    "key": ("key", "id", "编号"),
    "name": ("name", "title", "event", "bezeichnung", "名称"),
    "kind": ("kind", "type", "art", "类型"),
    "region": REGION,
    "first": ("first", "from", "start", "starts_on", "begin", "von", *DAY),
    "last": ("last", "until", "to", "end", "ends_on", "bis"),
    "cancelled": ("cancelled", "canceled", "removed", "entfaellt"),
}
SERIES: Guesses = {
    "series": ("series", "measure", "metric", "variable", "指标"),
    "region": (*REGION, "station"),
    "day": (*DAY, "first"),
    "value": ("value", "wert", "数值"),
}
REVIEWS: Guesses = {
    "id": ("id", "review_id", "reviewid", "comment_id", "编号"),
    "text": (
        *("text", "review", "review_text", "body", "comment", "content", "message"),
        *("bewertung", "评论", "内容"),
    ),
    "sku": ("sku", "product_id", "productid", "item_id", "product", "商品编号", "货号"),
    "brand": BRAND,
    "category": PRODUCTS["category"],
    "campaign": ("campaign", "campaign_id", "活动"),
    "customer": ("customer", "customer_id", "user_id", "author", "客户"),
    "rating": ("rating", "stars", "score", "overall", "sterne", "评分", "星级"),
    "language": ("language", "lang", "locale", "语言"),
    "source": ("source", "channel", "来源"),
    "topic": ("topic", "subject", "主题"),
    "written_at": ("written_at", "created_at", "timestamp", "at", *DAY),
    "kept_until": ("kept_until",),
    "state": ("state", "status", "状态"),
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of rows. `said` may be said once for a file, instead of in each row."""

    check: Callable[[], serializers.Serializer[None]]
    listed: Callable[..., Any]
    take: Callable[..., Taken]
    guesses: Guesses
    needed: tuple[str, ...]
    said: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    may_be_empty: tuple[str, ...] = ()
    """Fields whose empty cell means null, where the body must say so."""
    once: str = ""
    """A field that names the row's thing: two rows of one are told of."""


KINDS: Mapping[str, Kind] = {
    Feed.What.PRODUCTS: Kind(
        check=ProductSerializer,
        listed=Listed,
        take=feeds.take,
        guesses=PRODUCTS,
        needed=("sku", "name"),
        said=("currency",),
        amounts=("price", "cost"),
        once="sku",
    ),
    Feed.What.PRICES: Kind(
        check=PriceSerializer,
        listed=PriceSeen,
        take=competitor_feeds.take_prices,
        guesses=PRICES,
        needed=("product", "name", "price"),
        said=("competitor", "currency"),
        amounts=("price", "shelf_price"),
    ),
    Feed.What.CALENDAR: Kind(
        check=DaysSerializer,
        listed=DaysListed,
        take=market_feeds.take_days,
        guesses=CALENDAR,
        needed=("name", "first"),
    ),
    Feed.What.SERIES: Kind(
        check=ValueSerializer,
        listed=ValueListed,
        take=market_feeds.take_values,
        guesses=SERIES,
        needed=("day", "value"),
        said=("series",),
        amounts=("value",),
        may_be_empty=("value",),
    ),
    Feed.What.REVIEWS: Kind(
        check=ReviewSerializer,
        listed=Written,
        take=reviews.take,
        guesses=REVIEWS,
        needed=("id", "text"),
        amounts=("rating",),
    ),
}
