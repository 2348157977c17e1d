"""What the demo shop sells: products for its pages, best sellers first.

A shop knows its own goods and sales. This one reads them from the platform's mirror and
from the newest orders in the log: its own tables, so to speak. What customers buy most
is counted once an hour, in a quarter of a second.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

from django.core.cache import cache
from django.utils.translation import get_language

from analytics import lookup
from catalog.models import Product
from demo import aisles
from demo.aisles import Aisle

NEWEST = 20_000
"""Events that best sellers are counted from."""
MOST = 4_000
HOUR = 3600
SHADES = 6
"""Ways in which the tiles of one aisle differ."""
SOLD = """
    SELECT line->>'sku' FROM analytics_storedevent e,
      jsonb_array_elements(e.data->'lines') line
    WHERE e.type = 'order_completed'
      AND e.position > (SELECT max(position) FROM analytics_storedevent) - %s
    GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s
"""
CENT = Decimal("0.01")
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "¥", "JPY": "¥"}


@dataclass(frozen=True, kw_only=True)
class Card:
    """A product as the shop's pages show it."""

    sku: str
    name: str
    about: str
    own: bool
    category: str
    label: str
    price: Decimal
    currency: str
    aisle: Aisle
    motif: str
    shade: int

    @property
    def money(self) -> str:
        return money(self.price, self.currency)


def money(amount: Decimal | str, currency: str) -> str:
    """Write an amount as customers read it."""
    value = Decimal(amount).quantize(CENT)
    minus, value = ("−" if value < 0 else ""), abs(value)
    sign = SIGNS.get(currency)
    return f"{minus}{sign}{value:,}" if sign else f"{minus}{value:,} {currency}"


def cards(skus: Sequence[str]) -> list[Card]:
    """Return the products that may be sold, in the order of `skus`."""
    found = _sold(Product.objects.filter(sku__in=skus))
    return [found[sku] for sku in skus if sku in found]


def card(sku: str) -> Card | None:
    """Return one product, if it is sold here."""
    return next(iter(cards([_clean(sku)])), None)


def in_category(category: str, *, most: int) -> list[Card]:
    """Return a category's products: what sells best, then by name."""
    rows = Product.objects.filter(category=_clean(category), price__gt=0)
    return _best_first(_sold(rows.order_by("name")[:1000]), most)


def in_aisle(slug: str, *, most: int) -> list[Card]:
    """Return an aisle's best sellers."""
    best = [sku for sku, where in _best().items() if where == slug]
    return cards(best[:most])


def categories(slug: str, *, most: int) -> list[tuple[str, str]]:
    """Return an aisle's categories, the most bought first: (name, label)."""
    named = dict.fromkeys(one.category for one in in_aisle(slug, most=250))
    return [(name, aisles.label(name)) for name in list(named)[:most]]


def shown_aisles() -> list[Aisle]:
    """Return the aisles that sell anything."""
    selling = set(_best().values())
    return [aisles.SHELVED[slug] for slug in aisles.ORDER if slug in selling]


def shelf(category: str) -> dict[str, str]:
    """Return how a category is written and drawn, by any product of it."""
    rows = Product.objects.filter(category=_clean(category))
    department = rows.values_list("department", flat=True).first() or ""
    where = aisles.aisle(department, category)
    return {
        "label": aisles.label(category),
        "aisle": where.slug,
        "motif": aisles.motif(where, category),
    }


def _clean(name: str) -> str:
    """PostgreSQL holds no text with a NUL: nothing is called that."""
    return name.replace("\0", "")


def _best_first(found: Mapping[str, Card], most: int) -> list[Card]:
    ranks = {sku: rank for rank, sku in enumerate(_best())}
    ordered = sorted(found.values(), key=lambda one: ranks.get(one.sku, MOST))
    return ordered[:most]


def _best() -> dict[str, str]:
    """Return the best sellers: sku -> its aisle's slug, the most bought first."""
    kept: dict[str, str] | None = cache.get("storefront:best")
    if kept is None:
        kept = _counted()
        # Nothing yet: orders may come any moment.
        cache.set("storefront:best", kept, HOUR if kept else 10)
    return kept


def _counted() -> dict[str, str]:
    # Planned for these values: a plan for any number of events reads the whole log.
    skus = [row[0] for row in lookup.rows(SOLD, [NEWEST, MOST], prepare=False)]
    found = _sold(Product.objects.filter(sku__in=skus) if skus else _all())
    return {sku: found[sku].aisle.slug for sku in skus or found if sku in found}


def _all() -> Iterable[Product]:
    """A shop without orders shows what it has."""
    return Product.objects.order_by("name")[:MOST]


def _sold(rows: Iterable[Product]) -> dict[str, Card]:
    return {one.sku: _card(one) for one in rows if one.price and one.promotable}


def _card(one: Product) -> Card:
    where = aisles.aisle(one.department, one.category)
    return Card(
        sku=one.sku,
        name=one.name.rpartition(":")[2].strip() or one.name,
        about=" ".join(one.size.split()),
        own=one.brand == OWN,
        category=one.category,
        label=aisles.label(one.category),
        price=(one.price or Decimal(0)).quantize(CENT),
        currency=one.currency,
        aisle=where,
        motif=aisles.motif(where, one.category),
        shade=crc32(one.sku.encode()) % SHADES,
    )


OWN = "Private"
"""The brand by which the feed means the shop's own."""


def chinese() -> bool:
    """Whether the page is in Chinese: goods' own words are marked as English then."""
    return (get_language() or "").startswith("zh")


def known(skus: Collection[str]) -> dict[str, Card]:
    """Return the products by sku."""
    return _sold(Product.objects.filter(sku__in=skus))
