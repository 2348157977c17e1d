"""Products and feeds of the shop; the market around it: days, series, competitors.

What prices were and are, for the law and for storefronts: catalog.prices keeps these
tables, in the transactions that append the events.

Money keeps four decimals in every table: some currencies have three, USD shows two.
"""

from catalog.models.competitors import (
    CompetitorPrice,
    CompetitorProduct,
    Match,
    Position,
)
from catalog.models.days import SeriesValue, ShopDay
from catalog.models.feeds import Feed, Source
from catalog.models.prices import (
    PriceHold,
    PricePoint,
    PricingRule,
    ShownPrice,
    check_ending,
)
from catalog.models.products import Product
from catalog.models.reviews import Review
from catalog.models.stock import StockDay, StockRule

__all__ = [
    "CompetitorPrice",
    "CompetitorProduct",
    "Feed",
    "Match",
    "Position",
    "PriceHold",
    "PricePoint",
    "PricingRule",
    "Product",
    "Review",
    "SeriesValue",
    "ShopDay",
    "ShownPrice",
    "Source",
    "StockDay",
    "StockRule",
    "check_ending",
]
