"""Whether prices keep families in order, as they are on the shelf at this moment."""

from collections.abc import Mapping
from decimal import Decimal

from catalog import price_rules, sizes
from catalog.models import Product
from catalog.price_rules import Member
from catalog.rulebook import Rulebook

FIELDS = ("sku", "category", "family", "size", "price", "currency")


def out_of_order(prices: Mapping[str, Decimal], book: Rulebook) -> list[str]:
    """Return which of these prices break a family's order more than today's do."""
    if not prices:
        return []
    mine = Product.objects.filter(sku__in=prices).exclude(family="")
    # The whole families: an order is broken beside members whose price stays, too.
    rows = Product.objects.only(*FIELDS).filter(
        family__in=mine.values("family"), price__gt=0
    )
    families: dict[tuple[str, str], list[Member]] = {}
    for one in rows.order_by("sku"):
        if one.price is not None and book.of(one.category).families:
            size = sizes.parsed(one.size)
            member = Member(
                sku=one.sku,
                amount=size.amount if size else None,
                unit=size.unit if size else "",
                price=one.price,
            )
            families.setdefault((one.family, one.currency), []).append(member)
    found: list[str] = []
    for family in families.values():
        then = {one.sku: prices.get(one.sku, one.price) for one in family}
        if price_rules.family_fault(family, then):
            found += [one.sku for one in family if one.sku in prices]
    return found
