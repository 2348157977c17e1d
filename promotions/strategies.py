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
from django.conf import settings

from catalog.models import Product
from ml import scores
from ml.customers import segments
from promotions import (
    approval,
    audiences,
    campaigns,
    forecasts,
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
from promotions.opportunities import Partner, Stock
from promotions.pitches import Draft
from promotions.rules import Terms
from promotions.value import Response

MOST: Mapping[str, int] = {"percentage": 3, "threshold": 2, "gift": 2}
RUNS = timedelta(days=28)
REMEMBERS = timedelta(days=90)
"""For so long what was rejected is not proposed again."""
SAMPLE = 5000


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
    partners = opportunities.partners(at=at)
    priced = [_again(draft, audience, believed, partners, at) for draft in some]
    unwanted = _rejected(at)
    chosen = [
        draft for draft in priced if draft.margin > 0 and _is_news(draft, unwanted)
    ]
    if not chosen:
        return []
    budgets, stock = [_budget(draft.cost) for draft in chosen], opportunities.stock()
    planned = campaigns.made(
        name=f"Proposals of {at:%Y-%m-%d %H:%M}",
        starts_at=at,
        ends_at=at + RUNS,
        budget=sum(budgets, Decimal(0)),
        currency=settings.CURRENCY,
    )
    campaign = campaigns.open_(planned, by=by, at=at)
    made = [
        _strategy(draft, budget, campaign, believed, stock.get(draft.category))
        for draft, budget in zip(chosen, budgets, strict=True)
    ]
    bases = planning.bases(settings.CURRENCY, at=at)
    for strategy in made:
        test = planning.plan(strategy, bases)
        strategy.forecast |= planning.stored(test, strategy.forecast)
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


def _again(
    draft: Draft,
    audience: Audience,
    believed: Response,
    partners: Mapping[str, Partner],
    at: datetime,
) -> Draft:
    """Price a draft on everybody, with all doubts, and say who would bring the gain."""
    people, scope = audience.before([draft.category]), [draft.category]
    best = value.best(value.priced(draft.menu, scope, people, believed.expected))
    stands = opportunities.kinds(
        draft.category,
        audience.matrix.customers,
        at=at,
        partner=partners.get(draft.category),
    )
    whole = _draft(draft.kind, draft.category, draft.menu, people, believed, 1)
    return replace(whole, parts=list(opportunities.parts(stands, best.margin)))


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
    found = forecasts.forecast(menu, [category], people, believed, step=step)
    return Draft(kind=kind, category=category, menu=menu, **vars(found))


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
        forecast=forecasts.stored(draft, believed, days=settings.HORIZON_DAYS)
        | {"parts": [asdict(part) for part in draft.parts]},
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
