"""The products on sale that a strategy is about, and what they usually cost."""

from decimal import Decimal

from django.conf import settings
from django.db.models import DecimalField, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from catalog.models import Product
from promotions import book, rules
from promotions.guards import Usual
from promotions.models import Strategy
from promotions.rules import EVERYTHING

MONEY = DecimalField(max_digits=20, decimal_places=4)
ASSUMED = F("price") * (1 - settings.ASSUMED_MARGIN)
COST = Sum(Coalesce("cost", ASSUMED, output_field=MONEY), output_field=MONEY)


def products(strategy: Strategy) -> QuerySet[Product]:
    """Return what is on sale of a strategy's scope."""
    terse = book.decoded(strategy)
    touches = set(rules.touches(terse.rule, terse.menu.values(), terse.categories))
    named: dict[str, list[str]] = {"c": [], "s": [], "b": []}
    for kind, _, name in (key.partition(":") for key in touches - {EVERYTHING}):
        named[kind].append(name)
    about = Q(category__in=named["c"]) | Q(sku__in=named["s"]) | Q(brand__in=named["b"])
    shelf = Product.objects.filter(
        promotable=True, price__gt=0, currency=strategy.currency
    ).exclude(sku__in=terse.rule.excluded_skus)
    return shelf if EVERYTHING in touches else shelf.filter(about)


def usual(strategy: Strategy) -> Usual:
    """Return how many products there are, their mean price and margin."""
    rows = products(strategy)
    count = rows.count()
    if not count:
        return Usual(products=0, price=Decimal(0), margin=settings.ASSUMED_MARGIN)
    sums = rows.aggregate(worth=Sum("price", output_field=MONEY), costs=COST)
    worth, costs = sums["worth"], sums["costs"]
    return Usual(products=count, price=worth / count, margin=(worth - costs) / worth)
