"""The menus that may be proposed for a category: depths, thresholds, gifts.

Thresholds come from what the category's own customers spend there at a time; nothing is
so deep that it leaves less than LEAST_MARGIN of the category's margin.
"""

from collections.abc import Mapping
from decimal import ROUND_UP, Decimal

import numpy as np

from catalog import pricing
from catalog.models import Product
from ml import opinions
from promotions import value
from promotions.beliefs import People
from promotions.rules import Gift, Percentage, Terms, Threshold
from promotions.trials import WIDEST
from promotions.value import Priced

RATES = ("0.05", "0.10", "0.15", "0.20", "0.30")
STEPS = (0.6, 0.8, 0.95)
"""Thresholds: what so many of the customers spend less than when they buy there."""
STRETCH = 1.1
"""By so much a threshold lies above that: who has it anyway is given nothing."""
REWARD = Decimal("0.10")
"""Of a threshold: the money off, and the most that a gift may be worth."""
LEAST_MARGIN = Decimal("0.05")


def menus(category: str, people: People) -> dict[str, dict[str, Terms]]:
    baskets = people.basket
    usual = float(baskets.mean()) if len(baskets) else 0.0
    # Of the category's mean: each line's own floor is the evaluator's (least_margin).
    deepest = float(people.rate.mean()) - float(LEAST_MARGIN) if usual else 0.0
    rates = [rate for rate in RATES if float(rate) <= deepest]
    menus: dict[str, dict[str, Terms]] = {
        "percentage": {f"{float(r):.0%}": Percentage(rate=Decimal(r)) for r in rates}
    }
    spent = np.quantile(baskets, STEPS).tolist() if usual else []
    steps = [Decimal(f"{step * STRETCH:.0f}") for step in spent]
    steps = sorted({step for step in steps if step >= 2})
    if deepest >= REWARD:
        menus["threshold"] = {
            f"spend {step}": Threshold(spend=step, amount=_reward(step))
            for step in steps
        }
    # A gift costs the shop its cost, not its price: so deep is what it takes.
    worth = float(REWARD) * (1 - float(people.rate.mean())) if usual else 1.0
    gift = _gift(category, steps[-1] * REWARD) if steps and worth <= deepest else None
    if gift and gift.price:
        price = pricing.rounded(gift.price, gift.currency)
        # Up: the gift is worth no more than REWARD of what is spent.
        step = (price / REWARD).quantize(Decimal(1), ROUND_UP)
        menus["gift"] = {
            f"{gift.sku} from {step}": Gift(
                spend=step, sku=gift.sku, name=_called(gift), value=price
            )
        }
    return {kind: menu for kind, menu in menus.items() if menu}


def _reward(step: Decimal) -> Decimal:
    return (step * REWARD).quantize(Decimal("0.05"))


def _gift(category: str, most: Decimal) -> Product | None:
    """Return the dearest product of the category that is still cheap enough."""
    shelf = Product.objects.filter(category=category, promotable=True)
    # A stock of null stays: what the shop does not count is never gone.
    cheap = shelf.filter(price__gt=0, price__lte=most).exclude(stock=0)
    cheap = cheap.exclude(sku__in=opinions.held().skus)
    return cheap.order_by("-price", "sku").first()


def _called(product: Product) -> str:
    return product.name[:200] or product.sku


def widest(menu: Mapping[str, Terms], found: Priced) -> Mapping[str, Terms]:
    """Keep the variants that bring most to those whom they suit best."""
    best = value.best(found)
    gain = np.bincount(best.variant, np.maximum(best.margin, 0), len(menu))
    # Stable: of equals the first of the menu; then in the menu's order again.
    kept = sorted(np.argsort(-gain, kind="stable")[:WIDEST])
    labels = list(menu)
    return {labels[i]: menu[labels[i]] for i in kept}
