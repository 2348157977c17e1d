"""Propose strategies: where scores and response say that there is something to gain.

For every scored category and every kind, a menu is priced on customers with the same
functions that later choose the offers; what promises most is proposed, with its
forecast and guards. Nothing here can make a strategy live.

What is on its way already is not proposed again; nor is what an operator has rejected
of late, unless its gain was doubtful and is not any more. The first look at all drafts
is on a sample of customers, with what is believed on average; those that are chosen
are priced with all doubts, on those whom they would reach beside each other and what is
live. Where no gain can be promised anywhere since too little is known, tests are
proposed that are worth their price (promotions.trials).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from math import inf
from typing import Any

import msgspec
import numpy as np
from django.conf import settings

from analytics import wording
from ml import opinions, scores
from ml.customers import segments
from promotions import (
    approval,
    arms,
    audiences,
    campaigns,
    forecasts,
    guards,
    guards_now,
    menus,
    opportunities,
    pitches,
    planning,
    response,
    tested,
    together,
    trials,
    value,
)
from promotions.beliefs import People, Response, Run
from promotions.guards import Guard
from promotions.instances import Bools
from promotions.menus import LEAST_MARGIN
from promotions.models import Campaign, Strategy
from promotions.opportunities import Partner, Stock
from promotions.pitches import Draft
from promotions.proposable import Scan, allowed, is_news, rejected, under_way, without
from promotions.rules import Terms
from promotions.value import Best

MOST = 7
LEAST_REACH = 10
"""Customers: for fewer a proposal is not worth an operator's time."""
MOST_TRIALS = 2
"""At a time: each takes customers, and what one teaches others use."""
# Of 14 days, horizon and all, world 4 came to −377 and −179 over no promotions in 13
# weeks; of 28 days to +176 at least (one run each).
RUNS = timedelta(days=28)
RENEWS = 7
"""Days after a use an offer is good again: who buys every week is moved every week."""
WEEKLY = Run(turns=settings.HORIZON_DAYS / RENEWS)


class NothingLearnt(Exception):
    """There are no scores yet: train first."""


def propose(*, at: datetime, by: str = "platform") -> list[Strategy]:
    """Propose the most promising strategies as one campaign; return them.

    :raises NothingLearnt: there are no scores to go by.
    """
    matrix = scores.matrix()
    if not matrix.categories:
        raise NothingLearnt("Train a model first: there are no scores to go by.")
    held = opinions.held()
    scan = Scan(
        audience=audiences.of(matrix, segments(), at=at),
        believed=response.believed(),
        open_to_offers=allowed(held, at),
        held=held,
        at=at,
    )
    # Margin again: beside each other and with all doubts, it may be none.
    promising = [
        one
        for one in _beside(_chosen(_drafts(scan)), scan)
        if one.margin > 0 and one.reach >= LEAST_REACH
    ]
    unwanted = rejected(at)
    # Tests only where nothing is promising at all, rejected or not.
    chosen = [one for one in promising or _tests(scan) if is_news(one, unwanted)]
    return _proposed(chosen, scan, by=by, at=at) if chosen else []


def _proposed(
    chosen: Sequence[Draft], scan: Scan, *, by: str, at: datetime
) -> list[Strategy]:
    budgets, stock = [_budget(draft.cost) for draft in chosen], opportunities.stock()
    planned = campaigns.made(
        name=str(wording.Wording("Proposals of %(at)s", at=f"{at:%Y-%m-%d %H:%M}")),
        starts_at=at,
        ends_at=at + RUNS,
        budget=sum(budgets, Decimal(0)),
        currency=settings.CURRENCY,
    )
    campaign = campaigns.open_(planned, by=by, at=at)
    made = [
        _strategy(draft, budget, campaign, scan, stock.get(draft.category))
        for draft, budget in zip(chosen, budgets, strict=True)
    ]
    bases = planning.bases(settings.CURRENCY, at=at)
    known = tested.read(at=at)
    for strategy in made:
        test = planning.plan(strategy, bases, known, at=at)
        strategy.forecast |= planning.stored(test, strategy.forecast)
        strategy.guards += guards.stored([guards_now.in_stock(strategy, at=at)])
        approval.propose(strategy, by=by, at=at)
    return made


def _chosen(drafts: Iterable[Draft]) -> list[Draft]:
    """Take the best of each kind, then the best, each category at most once.

    Each kind is tried so; two strategies on one category would compete for the same
    customers.
    """
    best_first = sorted(drafts, key=lambda draft: -draft.margin)
    chosen: dict[str, Draft] = {}
    for kind in dict.fromkeys(draft.kind for draft in best_first):
        mine = (one for one in best_first if one.kind == kind)
        free = next((one for one in mine if one.category not in chosen), None)
        if free:
            chosen[free.category] = free
    for draft in best_first:
        if len(chosen) < MOST:
            chosen.setdefault(draft.category, draft)
    return list(chosen.values())


def _drafts(scan: Scan) -> Iterator[Draft]:
    """Price every menu on a sample, with what is believed on average."""
    # One draw, the mean, in place of all: enough to rank hundreds of menus.
    believed = scan.believed.expected
    for category, people, kind, menu in _menus(scan):
        found = value.priced(menu, [category], people, believed, WEEKLY)
        kept = menus.widest(menu, found)
        draft = _draft(kind, category, kept, people, believed, float(scan.step))
        if draft.margin > 0:
            yield draft


def _menus(scan: Scan) -> Iterator[tuple[str, People, str, Mapping[str, Terms]]]:
    """Yield all that could be offered: category, a sample before it, kind, menu."""
    for category in scan.audience.matrix.categories:
        if category in scan.open_to_offers:
            people = scan.audience.before([category])[:: scan.step]
            for kind, menu in menus.menus(category, people).items():
                yield category, people, kind, menu


def _beside(drafts: Sequence[Draft], scan: Scan) -> Iterator[Draft]:
    """Price drafts on whom they would reach beside each other and what is live."""
    if not drafts:
        return
    live = [one for one in arms.live(scan.at) if scan.audience.inside(one.scope)]
    worth = [_worth(one.menu, [one.category], WEEKLY, scan) for one in drafts]
    others = [_worth(one.terms, one.scope, Run(turns=one.turns), scan) for one in live]
    # What is proposed has no budget yet: that follows from what it would cost.
    budgets = [inf] * len(drafts) + [float(one.left) for one in live]
    got = together.reached([*worth, *others], budgets)
    partners = opportunities.partners(at=scan.at)
    # Not strict: what is live comes after the drafts, and is not priced again.
    for draft, best, mine in zip(drafts, worth, got, strict=False):
        yield _again(draft, best, mine, partners.get(draft.category), scan)


def _worth(
    menu: Mapping[str, Terms], scope: Sequence[str], run: Run, scan: Scan
) -> Best:
    people, believed = scan.audience.before(scope), scan.believed.expected
    return value.best(value.priced(menu, scope, people, believed, run))


def _again(
    draft: Draft, best: Best, mine: Bools, partner: Partner | None, scan: Scan
) -> Draft:
    """Price a draft with all doubts, and say who would bring the gain."""
    rows, customers = np.flatnonzero(mine), scan.audience.matrix.customers
    people = scan.audience.before([draft.category])[rows]
    stands = opportunities.kinds(
        draft.category,
        [customers[row] for row in rows],
        at=scan.at,
        partner=partner,
    )
    # Whom it reaches is everybody of the audience; this share of them is treated.
    each = arms.treated(settings.HOLDOUT)
    whole = _draft(draft.kind, draft.category, draft.menu, people, scan.believed, each)
    return replace(whole, parts=list(opportunities.parts(stands, best.margin[rows])))


def _tests(scan: Scan) -> list[Draft]:
    """Return the tests that are worth most, unless something runs that teaches."""
    if any(one.trigger == Strategy.Trigger.OFFER for one in under_way(scan.at)):
        return []
    best_first = sorted(_trials(scan), key=lambda draft: -(draft.worth or 0.0))
    chosen: dict[str, Draft] = {}
    for draft in best_first:
        chosen.setdefault(draft.category, draft)
    return list(chosen.values())[:MOST_TRIALS]


def _trials(scan: Scan) -> Iterator[Draft]:
    # The test's own holdout is taken off by `trials.trial`.
    each = scan.step * (1 - settings.HELD_OUT)
    for category, people, kind, menu in _menus(scan):
        some = trials.variants(menu)
        found = trials.trial(some, [category], people, scan.believed, WEEKLY, each=each)
        if found.worthwhile:
            yield Draft(kind=kind, category=category, menu=some, **vars(found))


def _draft(
    kind: str,
    category: str,
    menu: Mapping[str, Terms],
    people: People,
    believed: Response,
    each: float,
) -> Draft:
    """Price a menu; each of the people stands for `each` customers with an offer."""
    found = forecasts.forecast(menu, [category], people, believed, WEEKLY, each=each)
    return Draft(kind=kind, category=category, menu=menu, **vars(found))


def _budget(cost: float) -> Decimal:
    """Half as much again as expected, in full tens: what is learnt moves customers."""
    return (Decimal(cost * 1.5) / 10).quantize(Decimal(1), ROUND_UP) * 10


def _strategy(
    draft: Draft,
    budget: Decimal,
    campaign: Campaign,
    scan: Scan,
    stock: Stock | None,
) -> Strategy:
    checks = _guards(draft, budget)
    title = pitches.title(draft)
    reason = pitches.reason(draft, scan.believed, stock)
    return Strategy(
        campaign=campaign,
        kind=draft.kind,
        title=str(title),
        reason=str(reason),
        scope=[draft.category],
        menu=msgspec.to_builtins(dict(draft.menu)),
        rule=without(scan.held, draft.category),
        currency=settings.CURRENCY,
        budget=budget,
        renews_days=RENEWS,
        least_margin=LEAST_MARGIN,
        forecast=forecasts.stored(draft, scan.believed, days=settings.HORIZON_DAYS)
        | pitches.stored(draft)
        | {"said": {"title": wording.kept(title), "reason": wording.kept(reason)}},
        **_lots(draft),
        guards=guards.stored(checks),
    )


def _lots(draft: Draft) -> dict[str, Any]:
    """Say who gets which variant."""
    if draft.worth is None:
        return {"holdout": settings.HOLDOUT}
    trial = Strategy.Allocation.TRIAL
    return {"holdout": trials.HOLDOUT, "explore": 1.0, "allocation": trial}


def _guards(draft: Draft, budget: Decimal) -> Sequence[Guard]:
    return guards.guards(
        menu=draft.menu,
        least_margin=LEAST_MARGIN,
        margin=Decimal(draft.rate),
        budget=budget,
        cost=Decimal(draft.cost),
        reach=draft.reach,
    )
