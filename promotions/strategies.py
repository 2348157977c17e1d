"""Propose strategies: where scores and response say that there is something to gain.

For every scored category and every kind, a menu is priced on customers with the same
functions that later choose the offers; what promises most is proposed, with its
forecast and guards. Nothing here can make a strategy live.

What is on its way already is not proposed again; nor is what an operator has rejected
of late, unless its gain was doubtful and is not any more. The first look at all drafts
is on at most SAMPLE customers, with what is believed on average; those that are chosen
are priced on everybody, with all doubts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal

import msgspec
import numpy as np
from django.conf import settings

from catalog.models import Product
from ml import scores
from ml.customers import segments
from promotions import (
    approval,
    audiences,
    campaigns,
    guards,
    menus,
    opportunities,
    pitches,
    planning,
    response,
    value,
)
from promotions.audiences import Audience
from promotions.guards import Guard
from promotions.menus import LEAST_MARGIN
from promotions.models import Campaign, Strategy
from promotions.opportunities import Stock
from promotions.pitches import Draft
from promotions.rules import Terms
from promotions.value import Floats, Response

MOST: Mapping[str, int] = {"percentage": 3, "threshold": 2, "gift": 2}
RUNS = timedelta(days=28)
REMEMBERS = timedelta(days=90)
"""For so long what was rejected is not proposed again."""
SAMPLE = 5000
LOW, HIGH = 0.1, 0.9
"""The ends of a forecast's interval, 80 %."""
Z80 = 1.2816


class NothingLearnt(Exception):
    """There are no scores yet: train first."""


def propose(*, at: datetime, by: str = "platform") -> list[Strategy]:
    """Propose the most promising strategies as one campaign; return them.

    :raises NothingLearnt: there are no scores to go by.
    """
    matrix = scores.matrix()
    if not matrix.categories:
        raise NothingLearnt("Train a model first: there are no scores to go by.")
    audience, believed = audiences.of(matrix, segments(), at=at), response.believed()
    some = _chosen(_drafts(audience, believed.expected, at))
    priced = [_again(draft, audience, believed, at) for draft in some]
    unwanted = _rejected(at)
    chosen = [
        draft for draft in priced if draft.margin > 0 and _is_news(draft, unwanted)
    ]
    if not chosen:
        return []
    budgets, stock = [_budget(draft.cost) for draft in chosen], opportunities.stock()
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
        _strategy(draft, budget, campaign, believed, stock.get(draft.category))
        for draft, budget in zip(chosen, budgets, strict=True)
    ]
    bases = planning.bases(settings.CURRENCY, at=at)
    for strategy in made:
        test = planning.plan(strategy, bases)
        strategy.forecast |= planning.stored(test) | _will_show(strategy, test)
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


def _drafts(audience: Audience, believed: Response, at: datetime) -> Iterable[Draft]:
    taken = _on_their_way(at)
    open_to_offers = _promotable() - taken
    size = len(audience.matrix.customers)
    step = max(1, -(-size // SAMPLE))
    for category in audience.matrix.categories:
        if category not in open_to_offers:
            continue
        people = audience.before([category])[::step]
        for kind, menu in menus.menus(category, people).items():
            found = value.priced(menu, [category], people, believed)
            kept = menus.widest(menu, found)
            draft = _draft(kind, category, kept, people, believed, step)
            if draft.margin > 0:
                yield draft


def _again(draft: Draft, audience: Audience, believed: Response, at: datetime) -> Draft:
    """Price a draft on everybody, with all doubts, and say who would bring the gain."""
    people, scope = audience.before([draft.category]), [draft.category]
    best = value.best(value.priced(draft.menu, scope, people, believed.expected))
    kinds = opportunities.kinds(draft.category, audience.matrix.customers, at=at)
    whole = _draft(draft.kind, draft.category, draft.menu, people, believed, 1)
    return replace(whole, parts=list(opportunities.parts(kinds, best.margin)))


def _on_their_way(at: datetime) -> set[str]:
    """Return the categories that have a proposal, or a strategy with customers."""
    states = (Strategy.State.PROPOSED, Strategy.State.LIVE)
    rows = Strategy.objects.filter(state__in=states, campaign__ends_at__gt=at)
    scopes = rows.filter(trigger=Strategy.Trigger.OFFER).values_list("scope", flat=True)
    return {name for scope in scopes for name in scope}


def _rejected(at: datetime) -> dict[tuple[str, str], float]:
    """Return what operators did not want of late: what its low end was at best."""
    rows = Strategy.objects.filter(
        state=Strategy.State.REJECTED, decided_at__gt=at - REMEMBERS
    )
    found: dict[tuple[str, str], float] = {}
    for kind, scope, forecast in rows.values_list("kind", "scope", "forecast"):
        for name in scope:
            low = float(forecast.get("low", 0.0))
            found[kind, name] = max(low, found.get((kind, name), low))
    return found


def _is_news(draft: Draft, rejected: Mapping[tuple[str, str], float]) -> bool:
    was = rejected.get((draft.kind, draft.category))
    return was is None or was <= 0 < draft.low


def _promotable() -> set[str]:
    """Return the categories on sale in which nothing is barred from promotions."""
    shelf = Product.objects.filter(price__isnull=False)
    named = shelf.values_list("category", flat=True).distinct()
    return set(named) - set(named.filter(promotable=False))


def _draft(
    kind: str,
    category: str,
    menu: Mapping[str, Terms],
    people: value.People,
    believed: Response,
    step: int,
) -> Draft:
    """Price a menu; each of the people stands for `step` customers."""
    found = value.priced(menu, [category], people, believed)
    best = value.best(found)
    inside = best.margin > 0
    low, high = np.quantile(found.totals, [LOW, HIGH])

    def mean(values: Floats) -> float:
        return float(values[inside].mean()) if inside.any() else 0.0

    return Draft(
        kind=kind,
        category=category,
        menu=menu,
        reach=int(inside.sum()) * step,
        audience=mean(people.who.p0),
        rate=mean(people.rate),
        margin=float(best.margin[inside].sum()) * step,
        low=float(low) * step,
        high=float(high) * step,
        chance=float((found.totals > 0).mean()),
        cost=float(best.cost[inside].sum()) * step,
    )


def _budget(cost: float) -> Decimal:
    """A fifth more than expected, in full tens."""
    return (Decimal(cost * 1.2) / 10).quantize(Decimal(1), ROUND_UP) * 10


def _strategy(
    draft: Draft,
    budget: Decimal,
    campaign: Campaign,
    believed: Response,
    stock: Stock | None,
) -> Strategy:
    checks = _guards(draft, budget)
    return Strategy(
        campaign=campaign,
        kind=draft.kind,
        title=f"{draft.category}: {pitches.title(draft.menu)}",
        reason=pitches.reason(draft, believed, stock),
        scope=[draft.category],
        menu=msgspec.to_builtins(dict(draft.menu)),
        currency=settings.CURRENCY,
        budget=budget,
        holdout=settings.HOLDOUT,
        least_margin=LEAST_MARGIN,
        forecast=_forecast(draft, believed),
        guards=guards.stored(checks),
    )


def _guards(draft: Draft, budget: Decimal) -> Sequence[Guard]:
    return guards.guards(
        menu=draft.menu,
        least_margin=LEAST_MARGIN,
        margin=Decimal(draft.rate),
        budget=budget,
        cost=Decimal(draft.cost),
        reach=draft.reach,
    )


def _forecast(draft: Draft, believed: Response) -> dict[str, object]:
    return {
        "reach": draft.reach,
        "cost": round(draft.cost, 2),
        "margin": round(draft.margin, 2),
        "low": round(draft.low, 2),
        "high": round(draft.high, 2),
        "chance": round(draft.chance, 3),
        "parts": [asdict(part) for part in draft.parts],
        "basis": believed.posterior.basis,
        "days": settings.HORIZON_DAYS,
    }


def _will_show(strategy: Strategy, test: planning.Test | None) -> dict[str, object]:
    """Say what its measurement will show with 80 %: a customer's profit, and luck's."""
    error = test.error if test else None
    if error is None or not strategy.forecast["reach"]:
        return {}
    forecast = strategy.forecast
    half = (forecast["high"] - forecast["low"]) / (2 * forecast["reach"])
    each = forecast["margin"] / forecast["reach"]
    wide = (half**2 + (Z80 * error) ** 2) ** 0.5
    return {"shows": [round(each - wide, 4), round(each + wide, 4)]}
