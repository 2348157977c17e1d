"""The products that a cart names, as every pricing of it needs them."""

from collections.abc import Iterable

from analytics import lookup
from catalog.models import Product

FIELDS = ["sku", "category", "brand", "price", "cost", "promotable"]
LISTED = (
    f"SELECT {', '.join(FIELDS)} FROM catalog_product"  # noqa: S608
    " WHERE sku = ANY(%s) AND currency = %s"
)


def products(skus: Iterable[str], currency: str) -> dict[str, Product]:
    """Return the products by sku, with `FIELDS`; the unknown are left out.

    A price in another currency is no price: such a product counts as unknown.
    """
    asked = {sku for sku in skus if "\0" not in sku}
    rows = lookup.rows(LISTED, [list(asked), currency])
    return {row[0]: Product.from_db("default", FIELDS, row) for row in rows}
