"""Whom the plan chooses for each live strategy, and what the lot gives them.

Customers are chosen first, the holdout among them; the arm is then a hash, so both arms
hold the same kind of customers. A customer keeps his first variant for as long as the
strategy lives. Ids are hashes of (strategy, customer): computing twice changes nothing.
"""

from collections.abc import Callable, Container, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from analytics import events, store
from analytics.assignment import Experiment, hashed
from ml import scores
from promotions import (
    arms,
    audiences,
    beliefs,
    constraints,
    lots,
    places,
    plans,
    trials,
    value,
)
from promotions.instances import Bools
from promotions.models import Odds, Offer, Strategy

WORTH_A_TRIAL = 1e-3
"""What a plan takes a unit of a trial's cost to bring at most."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One live strategy with each customer's best variant.

    `wanted`: what the plan values it at. `correction`: of scores, `aside`: what being
    addressed brings elsewhere, `elsewhere`: purchases a week there; by customer.
    """

    strategy: Strategy
    labels: tuple[str, ...]
    people: beliefs.People
    best: value.Best
    wanted: beliefs.Floats
    correction: beliefs.Floats
    aside: beliefs.Floats
    elsewhere: beliefs.Floats
    habit: beliefs.Habit
    later: float
    arms: Experiment
    odds: Odds | None


Used = Set[tuple[UUID, UUID]]
"""(person, strategy): it is used up, and must take no place and no budget."""


def columns(
    live: Sequence[Strategy], audience: audiences.Audience, believed: beliefs.Response
) -> list[Column]:
    """Return the live strategies whose scope is scored."""
    odds = arms.in_force(live)
    return [
        _column(strategy, audience, believed, odds.get(strategy.id))
        for strategy in live
        if audience.inside(strategy.scope)
    ]


def _column(
    strategy: Strategy,
    audience: audiences.Audience,
    believed: beliefs.Response,
    odds: Odds | None,
) -> Column:
    """Price every variant. A scope is bought if any of its categories is."""
    menu, scope = strategy.terms, strategy.scope
    people, labels = audience.before(scope), tuple(menu)
    found = value.priced(
        menu, scope, people, believed, beliefs.Run(turns=strategy.turns)
    )
    trial = strategy.allocation == Strategy.Allocation.TRIAL
    if odds:
        best = value.by_lot(found, [odds.odds[label] for label in labels])
    elif trial:
        best = value.by_lot(found, [1 / len(menu)] * len(menu))
    else:
        best = value.best(found)
    what = value.what(menu, scope)
    return Column(
        wanted=_by_lot(strategy, audience, best) if trial else best.margin,
        correction=believed.posterior.correction(people.who, what),
        # `address` is the log of what all the rest is multiplied by.
        aside=np.expm1(believed.posterior.address) * people.rest,
        elsewhere=audience.expected(scope),
        strategy=strategy,
        labels=labels,
        people=people,
        best=best,
        habit=believed.habit(what.kind),
        later=float(believed.later.mean()),
        arms=arms.of(strategy, odds.odds if odds else None),
        odds=odds,
    )


def _by_lot(
    strategy: Strategy, audience: audiences.Audience, best: value.Best
) -> beliefs.Floats:
    """Value a trial: a lot says whom it may reach, and all else goes first."""
    places = [
        hashed(str(one), seed=f"trial {strategy.id}")
        for one in audience.matrix.customers
    ]
    lot = np.array(places)
    most = trials.share(len(lot))
    # In proportion to cost and lot: where a budget binds, the lot says who comes in.
    return np.where(lot >= 1 - most, WORTH_A_TRIAL * best.cost * lot, -np.inf)


Decided = tuple[Offer | None, store.Fact]


def decided(
    columns: Sequence[Column],
    matrix: scores.ScoreMatrix,
    people: lots.People,
    used: Used,
    lasting: places.Promises,
    at: datetime,
    allocated: Callable[..., Bools] = plans.allocated,
) -> Iterator[Decided]:
    """Yield each chosen customer's offer (none in the holdout) and assignment."""
    if not columns:
        return
    chosen = allocated(candidates(columns, matrix, people, used, lasting), at=at)
    for place, column in enumerate(columns):
        for row in np.flatnonzero(chosen[place]):
            customer = matrix.customers[row]
            pair = customer, column.strategy.id
            yield _decision(column, int(row), customer, people, at, lasting.get(pair))


def candidates(
    columns: Sequence[Column],
    matrix: scores.ScoreMatrix,
    people: lots.People,
    used: Used,
    lasting: places.Promises,
) -> constraints.Candidates:
    """Return what a plan chooses among."""
    unused = ~_where(used, columns, matrix).T
    return constraints.Candidates(
        strategies=[column.strategy for column in columns],
        # The plan goes by what a trial's lot wants, not by what its offers bring.
        worth=[replace(one.best, margin=one.wanted) for one in columns],
        customers=matrix.customers,
        segments=people.segments,
        unused=unused,
        # Who has used it up has no place any more.
        promised=_where(lasting, columns, matrix).T & unused,
    )


def chosen(made: Sequence[Decided]) -> list[tuple[UUID, UUID]]:
    """Return who came into which strategy's audience, the holdout among them."""
    return [
        (fact.customer, fact.event.strategy)
        for _, fact in made
        if fact.customer and isinstance(fact.event, events.OfferAssigned)
    ]


def _where(
    pairs: Container[tuple[UUID, UUID]],
    columns: Sequence[Column],
    matrix: scores.ScoreMatrix,
) -> NDArray[np.bool_]:
    """Mark the pairs (customer, strategy) in the matrix."""
    return np.array(
        [
            [(customer, column.strategy.id) in pairs for column in columns]
            for customer in matrix.customers
        ]
    )


def _decision(
    column: Column,
    row: int,
    customer: UUID,
    people: lots.People,
    at: datetime,
    until: datetime | None,
) -> Decided:
    """Decide on a customer by the lot of the key that was assigned first.

    An offer of his that is good `until` then stays so.
    """
    strategy = column.strategy
    unit = people.units.get((customer, strategy.id), customer)
    odds = dict(zip(column.labels, column.best.odds[row].tolist(), strict=True))
    drawn = arms.draw(column.arms, people.names.get(unit, str(unit)), odds)
    fact = _assignment(column, row, customer, unit, drawn, people, at)
    if drawn.variant is None:
        return None, fact
    first = people.drawn.get((unit, strategy.id))
    # The first draw stands, with its own chance: odds and scores may have moved since.
    variant, probability = first or (drawn.variant, drawn.probability)
    usual = min(at + timedelta(days=settings.OFFER_DAYS), strategy.campaign.ends_at)
    offer = Offer(
        id=_offer_id(strategy, unit),
        customer=customer,
        strategy=strategy,
        variant=variant,
        probability=probability,
        expected=float(column.best.margin[row]),
        lift=float(column.best.lift[row]),
        rate=float(column.people.rate[row]),
        use=column.habit.use,
        stretch=column.habit.stretch,
        later=column.later,
        correction=float(column.correction[row]),
        aside=float(column.aside[row]),
        computed_at=at,
        expires_at=until or usual,
    )
    return offer, fact


def _offer_id(strategy: Strategy, unit: UUID) -> UUID:
    """Also where the offer is withheld: a shop may report that it would show it."""
    return uuid5(strategy.id, f"offer {unit}")


def _assignment(
    column: Column,
    row: int,
    customer: UUID,
    unit: UUID,
    drawn: arms.Drawn,
    people: lots.People,
    at: datetime,
) -> store.Fact:
    strategy, who = column.strategy, column.people.who
    event = events.OfferAssigned(
        strategy=strategy.id,
        arm=drawn.arm,
        variant=drawn.variant,
        probability=drawn.probability,
        bucket=drawn.bucket,
        counterfactual=drawn.counterfactual,
        segment=people.segments.get(customer, ""),
        offer=_offer_id(strategy, unit),
        odds=column.odds.day if column.odds else None,
        p0=float(who.p0[row]),
        spend=float(column.people.spend[row]),
        rate=float(column.people.rate[row]),
        traits=tuple(who.traits[row].tolist()),
        types=() if who.types is None else tuple(who.types[row].tolist()),
        elsewhere=round(float(column.elsewhere[row]), 6),
        rest=float(column.people.rest[row]),
    )
    id_ = lots.assigned(strategy.id, unit)
    return store.Fact(event=event, at=at, customer=customer, id=id_)
