"""How low a price may go: the least margin, what must go, and what expires."""

from decimal import Decimal

from django.conf import settings

from catalog import pricing
from catalog.models import Product
from catalog.rulebook import Rulebook
from promotions.models import PriceLine


def clears(line: PriceLine) -> bool:
    """Whether the line is of what must go."""
    return bool(line.expects.get("clears"))


def floor(product: Product, least_margin: Decimal) -> Decimal:
    """Return the lowest price that keeps the least margin of a product on sale."""
    return _floor_of(product.price or Decimal(0), product, least_margin)


def _floor_of(price: Decimal, product: Product, least_margin: Decimal) -> Decimal:
    return pricing.floor(
        price,
        product.cost,
        assumed_margin=settings.ASSUMED_MARGIN,
        least_margin=least_margin,
        currency=product.currency,
    )


def lowest(line: PriceLine, product: Product, book: Rulebook) -> Decimal:
    """What expires may sell for anything; what is too much, not below its cost."""
    if line.expects.get("expires"):
        return Decimal(0)
    if clears(line):
        cost = pricing.unit_cost(line.was, product.cost, settings.ASSUMED_MARGIN)
        # What sells below its cost already need not rise.
        return min(line.was, pricing.rounded(cost, product.currency))
    # From the price before: an assumed cost follows the shelf price (decision 11), so
    # that a reduction would lower its own floor.
    return _floor_of(line.was, product, book.of(product.category).least_margin)
