"""Compute each customer's offers for the live strategies: the worker, for everybody.

For who comes between two refreshes, promotions.arrivals does it in the web process.
Whom the plan chooses and what the lot gives them: promotions.drawing.

What customers say of their offers changes neither choice nor lot, since who has none
cannot say anything: of what was drawn, only the wanted offers are made (decision 24).

An offer is a promise: its expiry does not move while it lasts. In the last quarter hour
before it, and afterwards, the offer may be chosen, and so made, anew. Until then it
takes its place with the customer and its expected cost out of the budget; so does what
a lot withholds, for as long (`Place`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q

from analytics import events, identity, store
from ml import scores
from promotions import (
    arms,
    audiences,
    beliefs,
    constraints,
    drawing,
    feedback,
    lots,
    places,
    rendering,
    response,
    versions,
)
from promotions.drawing import Column, Decided, Used
from promotions.feedback import Said
from promotions.instances import Bools
from promotions.models import Offer, Strategy

TARGETING_LOCK = 7_102_018
"""An advisory lock's key, a public constant like analytics.log_lock.LOG_LOCK."""
PRICED = ("expected", "lift", "rate", "use", "stretch", "later", "correction", "aside")
"""What a refresh sets anew of an offer that lasts: what it is believed to bring."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a refresh did."""

    customers: int
    offers: int
    strategies: dict[str, int]


def refresh(*, at: datetime) -> Computed:
    """Decide, store and render the offers of every scored customer."""
    # Before the rows are read: what comes after this position a sheet does not know.
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
        columns = drawing.columns(live, audience, believed)
        _renew(live, at)
        # After `_renew`: an offer that has just become free is not used.
        used = _used(live, persons, at)
        _withdraw(used, persons)
        lasting = places.lasting(persons, at)
        made = list(drawing.decided(columns, matrix, known_as, used, lasting, at))
        # Before `_wanted`: a refused offer keeps its place, else those who are held
        # out, and cannot refuse, would keep theirs more easily.
        places.keep(drawing.chosen(made), live, lasting, at=at)
        made = _wanted(made, feedback.of_everybody(persons, at=at), lasting)
        # A used one stays: who has used a strategy must not get it again.
        Offer.objects.filter(redeemed_at=None).exclude(strategy__in=live).delete()
        _keep([offer for offer, _ in made if offer])
        # After offers and places are stored: sheets are read from the rows.
        rendered = rendering.render_all(persons, known, at)
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
        # Ids are hashes of (strategy, customer), so the log takes an assignment once,
        # however often a refresh runs.
        store.append_new(
            [fact for _, fact in made] + [store.Fact(event=summary, at=at)]
        )
    return computed


def _wait_for_other_refreshes() -> None:
    # Not a lock on the strategies: a redemption waits only if it uses an offer that a
    # refresh is just writing (1.4 s at worst, seen with refreshes end to end).
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TARGETING_LOCK])


def _renew(live: Sequence[Strategy], at: datetime) -> None:
    """Free the offers that can be used again: each time is a turn of its own."""
    # A condition that nothing meets, to which others are added: of an empty Q the
    # update would be of all offers.
    due = Q(pk__in=[])
    for one in live:
        if one.renews_days is not None:
            used_by = at - timedelta(days=one.renews_days)
            due |= Q(strategy=one, redeemed_at__lte=used_by)
    Offer.objects.filter(due).update(redeemed_at=None, turn=F("turn") + 1)


def _used(live: Sequence[Strategy], persons: Mapping[UUID, UUID], at: datetime) -> Used:
    """Say who has used up which strategy, as it is or in a version before."""
    offers_used = Offer.objects.filter(redeemed_at__isnull=False)
    before = versions.used(live, at=at)
    # By person, not by key: who used it before logging in has used it.
    pairs = {*offers_used.values_list("customer", "strategy"), *before}
    return {(persons.get(key, key), strategy) for key, strategy in pairs}


def _withdraw(used: Used, persons: Mapping[UUID, UUID]) -> None:
    """Take back what people were offered under one id, and have used under another."""
    # What a cart holds is left alone: it would give back an offer that is gone.
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
        # One offer a customer and strategy (a constraint): theirs stays, the visitor's
        # goes, unless it was used.
        if not theirs.exists():
            offer.customer = persons[offer.customer]
            offer.save()
        elif offer.redeemed_at is None:
            offer.delete()


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
    believed: beliefs.Response,
    lasting: places.Promises,
    *,
    used: Used,
    live: Sequence[Strategy],
) -> tuple[Sequence[Column], constraints.Candidates | None]:
    """Return what a refresh would choose among; nothing is decided, nothing stored.

    None where no strategy's scope is scored.
    """
    columns = drawing.columns(live, audience, believed)
    if not columns:
        return columns, None
    return columns, drawing.candidates(columns, audience.matrix, people, used, lasting)


def for_one(
    audience: audiences.Audience,
    people: lots.People,
    persons: Mapping[UUID, UUID],
    believed: beliefs.Response,
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
    columns = drawing.columns(live, audience, believed)
    [person] = audience.matrix.customers
    keys = [person, *persons]
    lasting = places.lasting(persons, at, of=keys)
    made = drawing.decided(
        columns, audience.matrix, people, used, lasting, at, allocated
    )
    # What they were promised is decided anew by
    # every call, and must not be stored anew.
    new = [one for one in made if {*drawing.chosen([one])}.isdisjoint(lasting)]
    costs = {one.strategy.id: float(one.best.cost[0]) for one in columns}
    places.take(drawing.chosen(new), live, {}, at=at, costs=costs)
    wanted = _wanted(new, {person: feedback.of(keys, at=at)}, lasting)
    _keep([offer for offer, _ in wanted if offer])
    return [fact for _, fact in new]
