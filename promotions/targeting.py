"""Compute each customer's offers for the live strategies: the worker, for everybody.

For who comes between two refreshes, promotions.arrivals does it in the web process.

Customers are chosen first, the holdout among them; the arm is then a hash, so both arms
hold the same kind of customers. A customer keeps his first variant for as long as the
strategy lives. Ids are hashes of (strategy, customer): computing twice changes nothing.

What customers say of their offers changes neither choice nor lot, since who has none
cannot say anything: of what was drawn, only the wanted offers are made (decision 24).

An offer is a promise: its expiry does not move while it lasts. In the last quarter hour
before it, and afterwards, the offer may be chosen, and so made, anew. Until then it
takes its place with the customer and its expected cost out of the budget; so does what
a lot withholds, for as long (`Place`).
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import numpy as np
from django.conf import settings
from django.db import connection, transaction
from django.db.models import DateTimeField, ExpressionWrapper, F
from numpy.typing import NDArray

from analytics import events, identity, store
from analytics.assignment import Experiment, hashed
from analytics.models import Customer
from ml import scores
from ml.live import ORDERS
from promotions import (
    arms,
    audiences,
    carts,
    constraints,
    feedback,
    lots,
    offers,
    places,
    plans,
    response,
    trials,
    value,
    versions,
)
from promotions.feedback import SILENT, Said
from promotions.instances import Bools
from promotions.models import Odds, Offer, Sheet, Strategy

TARGETING_LOCK = 7_102_018
"""An advisory lock's key, a public constant like analytics.store.LOG_LOCK."""
WORTH_A_TRIAL = 1e-3
"""What a plan takes a unit of a trial's cost to bring at most."""
MOST_NEWS = 1000
"""The people whose offers a refresh ranks by orders that the scores do not know, at 15
to 20 ms each; for anybody else GET does it, who then waits as long."""


PRICED = ("expected", "lift", "rate", "use", "stretch", "later", "correction", "aside")
"""What a refresh sets anew of an offer that lasts: what it is believed to bring."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a refresh did."""

    customers: int
    offers: int
    strategies: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One live strategy with each customer's best variant.

    `wanted`: what the plan values it at. `correction`: of scores, `aside`: what being
    addressed brings elsewhere, `elsewhere`: purchases a week there; by customer.
    """

    strategy: Strategy
    labels: tuple[str, ...]
    people: value.People
    best: value.Best
    wanted: value.Floats
    correction: value.Floats
    aside: value.Floats
    elsewhere: value.Floats
    habit: value.Habit
    later: float
    arms: Experiment
    odds: Odds | None


def refresh(*, at: datetime) -> Computed:
    """Decide, store and render the offers of every scored customer."""
    known = store.high_water()
    matrix = scores.matrix()
    with transaction.atomic():
        _wait_for_other_refreshes()
        live = arms.live(at)
        persons = identity.persons()
        _rehome(persons)
        known_as = lots.people(persons, live)
        believed = response.settled(at=at)
        audience = audiences.of(matrix, known_as.segments, at=at)
        columns = _columns(live, audience, believed)
        _renew(live, at)
        used = _used(live, persons, at)
        _withdraw(used, persons)
        lasting = places.lasting(persons, at)
        made = list(_decided(columns, matrix, known_as, used, lasting, at))
        places.keep(_chosen(made), live, lasting, at=at)
        made = _wanted(made, feedback.of_everybody(persons, at=at), lasting)
        Offer.objects.filter(redeemed_at=None).exclude(strategy__in=live).delete()
        _keep([offer for offer, _ in made if offer])
        rendered = _render_all(persons, known, at)
        computed = _computed(rendered, live)
        summary = events.OffersComputed(
            customers=computed.customers,
            offers=computed.offers,
            strategies=computed.strategies,
            model=matrix.model,
            learnt=believed.id,
            later=believed.later_by[0],
            later_error=believed.later_by[1],
            left={str(strategy.id): strategy.left for strategy in live},
        )
        store.append_new(
            [fact for _, fact in made] + [store.Fact(event=summary, at=at)]
        )
    return computed


def _wait_for_other_refreshes() -> None:
    # Not a lock on the strategies: a redemption waits only if it uses an offer that a
    # refresh is just writing (1.4 s at worst, seen with refreshes end to end).
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TARGETING_LOCK])


Used = Set[tuple[UUID, UUID]]
"""(person, strategy): it is used up, and must take no place and no budget."""


def _renew(live: Sequence[Strategy], at: datetime) -> None:
    """Free the offers that can be used again: each time is a turn of its own."""
    waits = F("strategy__renews_days") * timedelta(days=1)
    again = ExpressionWrapper(F("redeemed_at") + waits, DateTimeField())
    used = Offer.objects.filter(strategy__in=live).alias(again=again)
    used.filter(again__lte=at).update(redeemed_at=None, turn=F("turn") + 1)


def _used(live: Sequence[Strategy], persons: Mapping[UUID, UUID], at: datetime) -> Used:
    """Say who has used up which strategy, as it is or in a version before."""
    offers_used = Offer.objects.filter(redeemed_at__isnull=False)
    before = versions.used(live, at=at)
    pairs = {*offers_used.values_list("customer", "strategy"), *before}
    return {(persons.get(key, key), strategy) for key, strategy in pairs}


def _withdraw(used: Used, persons: Mapping[UUID, UUID]) -> None:
    """Take back what people were offered under one id, and have used under another."""
    free = Offer.objects.filter(redeemed_at=None, held_until=None)
    theirs = free.filter(customer__in=set(persons.values()))
    gone = [one.id for one in theirs if (one.customer, one.strategy_id) in used]
    free.filter(id__in=gone).delete()


def _rehome(persons: Mapping[UUID, UUID]) -> None:
    """Give a visitor's offers to the customer that he turned out to be."""
    for offer in Offer.objects.filter(customer__in=list(persons)).order_by("id"):
        theirs = Offer.objects.filter(
            customer=persons[offer.customer], strategy=offer.strategy
        )
        if not theirs.exists():
            offer.customer = persons[offer.customer]
            offer.save()
        elif offer.redeemed_at is None:
            offer.delete()


def _columns(
    live: Sequence[Strategy], audience: audiences.Audience, believed: value.Response
) -> list[Column]:
    odds = arms.in_force(live)
    return [
        _column(strategy, audience, believed, odds.get(strategy.id))
        for strategy in live
        if audience.inside(strategy.scope)
    ]


def _column(
    strategy: Strategy,
    audience: audiences.Audience,
    believed: value.Response,
    odds: Odds | None,
) -> Column:
    """Price every variant. A scope is bought if any of its categories is."""
    menu, scope = strategy.terms, strategy.scope
    people, labels = audience.before(scope), tuple(menu)
    found = value.priced(menu, scope, people, believed, value.Run(turns=strategy.turns))
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
) -> value.Floats:
    """Value a trial: a lot says whom it may reach, and all else goes first."""
    places = [
        hashed(str(one), seed=f"trial {strategy.id}")
        for one in audience.matrix.customers
    ]
    lot = np.array(places)
    most = trials.share(len(lot))
    return np.where(lot >= 1 - most, WORTH_A_TRIAL * best.cost * lot, -np.inf)


Decided = tuple[Offer | None, store.Fact]


def _decided(
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
    chosen = allocated(_candidates(columns, matrix, people, used, lasting), at=at)
    for place, column in enumerate(columns):
        for row in np.flatnonzero(chosen[place]):
            customer = matrix.customers[row]
            pair = customer, column.strategy.id
            yield _decision(column, int(row), customer, people, at, lasting.get(pair))


def _candidates(
    columns: Sequence[Column],
    matrix: scores.ScoreMatrix,
    people: lots.People,
    used: Used,
    lasting: places.Promises,
) -> constraints.Candidates:
    unused = ~_where(used, columns, matrix).T
    return constraints.Candidates(
        strategies=[column.strategy for column in columns],
        worth=[replace(one.best, margin=one.wanted) for one in columns],
        customers=matrix.customers,
        segments=people.segments,
        unused=unused,
        promised=_where(lasting, columns, matrix).T & unused,
    )


def _chosen(made: Sequence[Decided]) -> list[tuple[UUID, UUID]]:
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


def _wanted(
    made: Sequence[Decided], said: Mapping[UUID, Said], lasting: places.Promises
) -> list[Decided]:
    """Leave out the offers that their customers do not want; what was drawn stays."""
    mine: dict[UUID, list[Offer]] = {}
    for offer, _ in made:
        if offer and offer.customer in said:
            mine.setdefault(offer.customer, []).append(offer)
    unwanted = {
        offer.id
        for person, some in mine.items()
        for offer in {*some} - {*feedback.wanted(some, said[person], lasting)}
    }
    return [
        (None if offer and offer.id in unwanted else offer, fact)
        for offer, fact in made
    ]


def _keep(made: Sequence[Offer]) -> None:
    """Store new offers; a known one keeps its variant.

    By id, the order in which redemption locks them.
    """
    Offer.objects.bulk_create(
        sorted(made, key=lambda offer: offer.id),
        update_conflicts=True,
        unique_fields=["customer", "strategy"],
        update_fields=[*PRICED, "computed_at", "expires_at"],
        batch_size=5000,
    )


def _render_all(
    persons: Mapping[UUID, UUID], known: int, at: datetime
) -> dict[UUID, list[Offer]]:
    """Write every customer's sheet anew, as of the log's position `known`."""
    usable = [o for o in carts.usable(currency=None, at=at) if not o.strategy.exhausted]
    offers.explain(usable)
    by_customer: dict[UUID, list[Offer]] = {}
    for offer in usable:
        by_customer.setdefault(offer.customer, []).append(offer)
    said = feedback.of_everybody(persons, at=at)
    names = Customer.objects.filter(identity.personal(), key__in=list(by_customer))
    since = scores.position()
    news = _ordered(persons, since, known)
    late = dict.fromkeys(news[MOST_NEWS:], since)
    for key in news[:MOST_NEWS]:
        offers.expect_now(by_customer.get(key, []), key, at=at)
    Sheet.objects.all().delete()
    Sheet.objects.bulk_create(
        (
            Sheet(
                customer=key,
                body=offers.render(
                    external_id,
                    feedback.ranked(by_customer[key], said.get(key, SILENT)),
                    at=at,
                ),
                expires_at=min(offer.expires_at for offer in by_customer[key]),
                position=late.get(key, known),
            )
            for key, external_id in names.values_list("key", lots.NAME)
        ),
        batch_size=2000,
    )
    return by_customer


def _ordered(persons: Mapping[UUID, UUID], since: int, until: int) -> list[UUID]:
    """Return who ordered, or sent back, after the scores' position, latest first."""
    orders = store.read(after=since, until=until, types=ORDERS)
    found = [order.customer for order in orders if order.customer]
    return list(dict.fromkeys(persons.get(key, key) for key in reversed(found)))


def _computed(rendered: dict[UUID, list[Offer]], live: Sequence[Strategy]) -> Computed:
    counts = {str(strategy.id): 0 for strategy in live}
    for mine in rendered.values():
        for offer in mine:
            counts[str(offer.strategy_id)] += 1
    return Computed(
        customers=len(rendered), offers=sum(counts.values()), strategies=counts
    )


def considered(
    audience: audiences.Audience,
    people: lots.People,
    believed: value.Response,
    lasting: places.Promises,
    *,
    used: Used,
    live: Sequence[Strategy],
) -> tuple[Sequence[Column], constraints.Candidates | None]:
    """Return what a refresh would choose among; nothing is decided, nothing stored.

    None where no strategy's scope is scored.
    """
    columns = _columns(live, audience, believed)
    if not columns:
        return columns, None
    return columns, _candidates(columns, audience.matrix, people, used, lasting)


def for_one(
    audience: audiences.Audience,
    people: lots.People,
    persons: Mapping[UUID, UUID],
    believed: value.Response,
    allocated: Callable[..., Bools],
    *,
    used: Used,
    live: Sequence[Strategy],
    at: datetime,
) -> list[store.Fact]:
    """Decide on one customer between two refreshes, by the same lots; store offers.

    `allocated` says what he gets. Return what the log must be told in the end.
    """
    _rehome(persons)
    columns = _columns(live, audience, believed)
    [person] = audience.matrix.customers
    keys = [person, *persons]
    lasting = places.lasting(persons, at, of=keys)
    made = _decided(columns, audience.matrix, people, used, lasting, at, allocated)
    new = [one for one in made if {*_chosen([one])}.isdisjoint(lasting)]
    costs = {one.strategy.id: float(one.best.cost[0]) for one in columns}
    places.take(_chosen(new), live, {}, at=at, costs=costs)
    wanted = _wanted(new, {person: feedback.of(keys, at=at)}, lasting)
    _keep([offer for offer, _ in wanted if offer])
    return [fact for _, fact in new]
