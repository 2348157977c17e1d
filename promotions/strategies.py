"""Propose strategies: where scores and response say that there is something to gain.

For every scored category and every kind, a menu is priced on all customers with the
same functions that later choose the offers; what promises most is proposed, with its
forecast and guards. Nothing here can make a strategy live.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal

import msgspec
import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from catalog import pricing
from catalog.models import Product
from ml import scores
from promotions import approval, campaigns, guards, planning, promises, value
from promotions.guards import Guard
from promotions.models import Campaign, Strategy
from promotions.rules import Gift, Percentage, Terms, Threshold, words

RATES = ("0.05", "0.10", "0.15")
STEPS = (1.25, 1.6, 2.0)
"""Thresholds, in multiples of what a customer of the scope usually spends."""
REWARD = Decimal("0.10")
"""Of a threshold: the money off, and the most that a gift may be worth."""
MOST: Mapping[str, int] = {"percentage": 3, "threshold": 2, "gift": 2}
LEAST_MARGIN = Decimal("0.05")
RUNS = timedelta(days=28)

Floats = NDArray[np.float64]


class NothingLearnt(Exception):
    """There are no scores or no response yet: train first."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A strategy that could be proposed, priced on all customers."""

    kind: str
    category: str
    menu: Mapping[str, Terms]
    reach: int
    audience: float
    margin: float
    low: float
    high: float
    cost: float


def propose(*, at: datetime, by: str = "platform") -> list[Strategy]:
    """Propose the most promising strategies as one campaign; return them.

    :raises NothingLearnt: there are no scores or no response to go by.
    """
    chosen = _chosen([draft for draft in _drafts() if draft.margin > 0])
    if not chosen:
        return []
    budgets = [_budget(draft.cost) for draft in chosen]
    campaign = campaigns.open_(
        name=f"Proposals of {at:%Y-%m-%d %H:%M}",
        starts_at=at,
        ends_at=at + RUNS,
        budget=sum(budgets, Decimal(0)),
        currency=settings.CURRENCY,
        by=by,
        at=at,
    )
    made = [
        _strategy(draft, budget, campaign)
        for draft, budget in zip(chosen, budgets, strict=True)
    ]
    bases = planning.bases(settings.CURRENCY, at=at)
    for strategy in made:
        strategy.forecast |= planning.stored(planning.plan(strategy, bases))
        approval.propose(strategy, by=by, at=at)
    return made


def _chosen(drafts: Iterable[Draft]) -> list[Draft]:
    """Take the best of each kind in turn, each category at most once.

    Two strategies on one category would compete for the same customers.
    """
    best_first = sorted(drafts, key=lambda draft: -draft.margin)
    chosen: dict[str, Draft] = {}
    for turn in range(max(MOST.values())):
        for kind in (kind for kind, most in MOST.items() if turn < most):
            mine = (d for d in best_first if d.kind == kind)
            free = next((d for d in mine if d.category not in chosen), None)
            if free:
                chosen[free.category] = free
    return list(chosen.values())


def _drafts() -> Iterable[Draft]:
    matrix, response = scores.matrix(), promises.response()
    if response is None or not matrix.categories:
        raise NothingLearnt("Train a model first: there are no scores to go by.")
    open_to_offers = _promotable()
    for column, category in enumerate(matrix.categories):
        if category not in open_to_offers:
            continue
        p0, spend = matrix.probability[:, column], matrix.spend[:, column]
        for kind, menu in _menus(category, float(spend.mean())).items():
            yield _priced(kind, category, menu, p0, spend, response)


def _promotable() -> set[str]:
    """Return the categories on sale in which nothing is barred from promotions."""
    shelf = Product.objects.filter(price__isnull=False)
    named = shelf.values_list("category", flat=True).distinct()
    return set(named) - set(named.filter(promotable=False))


def _menus(category: str, usual: float) -> dict[str, dict[str, Terms]]:
    menus: dict[str, dict[str, Terms]] = {
        "percentage": {f"{float(r):.0%}": Percentage(rate=Decimal(r)) for r in RATES}
    }
    steps = [Decimal(f"{usual * step:.0f}") for step in STEPS]
    steps = sorted({step for step in steps if step >= 2})
    menus["threshold"] = {
        f"spend {step}": Threshold(spend=step, amount=_reward(step)) for step in steps
    }
    gift = _gift(category, steps[-1] * REWARD) if steps else None
    if gift and gift.price:
        price = pricing.rounded(gift.price, gift.currency)
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
    cheap = shelf.filter(price__gt=0, price__lte=most).exclude(stock=0)
    return cheap.order_by("-price", "sku").first()


def _called(product: Product) -> str:
    return product.name[:200] or product.sku


def _priced(
    kind: str,
    category: str,
    menu: Mapping[str, Terms],
    p0: Floats,
    spend: Floats,
    response: scores.Response,
) -> Draft:
    rate = float(settings.ASSUMED_MARGIN)
    chosen = value.best(menu, p0, spend, response=response, margin=rate)
    inside = chosen.margin > 0

    def total(end: value.End) -> float:
        margins = value.at_end(
            menu, chosen, p0, spend, response=response, margin=rate, end=end
        )
        return float(margins[inside].sum())

    return Draft(
        kind=kind,
        category=category,
        menu=menu,
        reach=int(inside.sum()),
        audience=float(p0[inside].mean()) if inside.any() else 0.0,
        margin=float(chosen.margin[inside].sum()),
        low=total("low"),
        high=total("high"),
        cost=float(chosen.cost[inside].sum()),
    )


def _budget(cost: float) -> Decimal:
    """A fifth more than expected, in full tens."""
    return (Decimal(cost * 1.2) / 10).quantize(Decimal(1), ROUND_UP) * 10


def _strategy(draft: Draft, budget: Decimal, campaign: Campaign) -> Strategy:
    checks = _guards(draft, budget)
    return Strategy(
        campaign=campaign,
        kind=draft.kind,
        title=f"{draft.category}: {_title(draft.menu)}",
        reason=_reason(draft),
        scope=[draft.category],
        menu=msgspec.to_builtins(dict(draft.menu)),
        currency=settings.CURRENCY,
        budget=budget,
        holdout=settings.HOLDOUT,
        least_margin=LEAST_MARGIN,
        forecast=_forecast(draft),
        guards=guards.stored(checks),
    )


def _guards(draft: Draft, budget: Decimal) -> Sequence[Guard]:
    return guards.guards(
        menu=draft.menu,
        least_margin=LEAST_MARGIN,
        margin=settings.ASSUMED_MARGIN,
        budget=budget,
        cost=Decimal(draft.cost),
        reach=draft.reach,
    )


def _title(menu: Mapping[str, Terms]) -> str:
    said = [words(terms, settings.CURRENCY) for terms in menu.values()]
    return said[0] if len(said) == 1 else f"{said[0]} to {said[-1]}"


def _reason(draft: Draft) -> str:
    return (
        f"{draft.reach:,} customers would buy in {draft.category} with a probability "
        f"of {draft.audience:.0%} within {settings.HORIZON_DAYS} days without an "
        f"offer. An addressed offer is expected to bring {draft.margin:.0f} "
        f"{settings.CURRENCY} more margin than it costs (95 %: {draft.low:.0f} to "
        f"{draft.high:.0f}). The response is observational, from past campaigns; a "
        f"margin of {settings.ASSUMED_MARGIN:.0%} is assumed: the feed names no cost."
    )


def _forecast(draft: Draft) -> dict[str, object]:
    return {
        "reach": draft.reach,
        "cost": round(draft.cost, 2),
        "margin": round(draft.margin, 2),
        "low": round(draft.low, 2),
        "high": round(draft.high, 2),
        "basis": "observational",
        "days": settings.HORIZON_DAYS,
    }
