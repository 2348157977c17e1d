"""Why has this customer no offer of a strategy? Step by step, as targeting decides.

Nothing here decides: each step asks what a refresh or an arrival asks (targeting,
arms, constraints, the prices of the last allocation), for one person and now. The first
step that fails is the answer; what comes after it is what would be next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics import identity
from analytics.models import Assignment, Customer
from ml import live, scores
from promotions import (
    arms,
    arrivals,
    audiences,
    carts,
    constraints,
    drawing,
    feedback,
    lots,
    places,
    supply,
    targeting,
    weighing,
)
from promotions.models import Allocation, Offer, Strategy
from promotions.why_known import Person, Step, Weighing
from promotions.why_steps import having, steps


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A strategy before a customer: they have it, or the first step that fails.

    `decided`: the offer that was once assigned or withheld.
    """

    strategy: Strategy
    offer: Offer | None
    steps: Sequence[Step]
    decided: UUID | None = None

    @property
    def failed(self) -> Step | None:
        return next((one for one in self.steps if not one.passed), None)

    @property
    def has(self) -> bool:
        return self.offer is not None and self.failed is None

    @property
    def short(self) -> str:
        """Say it in one sentence."""
        if self.failed:
            return self.failed.text
        return self.steps[-1].text


@dataclass(frozen=True, kw_only=True)
class Found:
    """The answers, and when the offers were last computed whose prices they go by."""

    answers: Sequence[Answer]
    computed_at: datetime | None


def choices(*, at: datetime) -> tuple[list[Strategy], list[Strategy]]:
    """Return the strategies with personal offers that are live, or may be soon.

    Beside them those that run without such an offer.
    """
    rows = Strategy.objects.filter(
        state__in=[Strategy.State.LIVE, Strategy.State.PROPOSED],
        campaign__ends_at__gt=at,
    )
    found = rows.select_related("campaign").order_by("state", "-proposed_at", "id")
    personal, others = [], []
    for one in found:
        if one.trigger == Strategy.Trigger.OFFER:
            personal.append(one)
        elif one.state == Strategy.State.LIVE and one.campaign.starts_at <= at:
            others.append(one)
    return personal, others


def ask(customer: Customer, rows: Sequence[Strategy], *, at: datetime) -> Found:
    """Answer for these strategies, among which are all that run."""
    person = _person(customer, rows, at)
    return Found(
        answers=[_answer(one, person) for one in rows],
        computed_at=person.allocation.computed_at if person.allocation else None,
    )


def _person(customer: Customer, rows: Sequence[Strategy], at: datetime) -> Person:
    key = customer.person or customer.key
    keys = identity.keys(key)
    # In the order of `arms.live`, as a refresh has them.
    running = sorted((one for one in rows if arms.runs(one, at)), key=lambda s: s.id)
    assigned = Assignment.objects.filter(customer__in=keys).order_by("-position")
    usable = carts.usable(key, currency=None, at=at)
    held = Offer.objects.filter(customer__in=keys, held_until__gt=at)
    allocation = Allocation.objects.order_by("-computed_at", "-id").first()
    known = lots.people({one: key for one in keys if one != key}, rows, of=keys)
    willing = bool(identity.willing(key))
    used = arrivals.used_by(key, keys, rows)
    return Person(
        key=key,
        willing=willing,
        consent=customer.consent,
        offers={one.strategy_id: one for one in usable},
        held={one.strategy_id: one for one in held},
        used=used,
        assigned={one.strategy: one for one in assigned},
        said=feedback.of(keys, at=at),
        lots=known,
        at=at,
        allocation=allocation,
        short=supply.short(),
        weighing=(
            _weighing(key, keys, known, used, running, allocation, at)
            if willing and allocation and running
            else Weighing()
        ),
    )


def _weighing(
    key: UUID,
    keys: Sequence[UUID],
    known: lots.People,
    used: drawing.Used,
    strategies: Sequence[Strategy],
    allocation: Allocation,
    at: datetime,
) -> Weighing:
    """Weigh all running strategies for one person, at the last allocation's prices."""
    # As an arrival does: the scores if they know them, else what they did until now.
    matrix = scores.matrix(of=key)
    scored = bool(matrix.customers)
    if not scored:
        chances = live.chances(key, at=at)
        if chances is None:
            return Weighing(scored=False)
        matrix = arrivals.matrix_of(key, chances)
    persons = {one: key for one in keys if one != key}
    # What was believed at the last refresh: its prices fit no other belief.
    beliefs = arrivals.priced(allocation.pk)
    columns, given = targeting.considered(
        audiences.few(matrix, known.segments, beliefs.rates, at=at),
        known,
        beliefs.believed,
        places.lasting(persons, at, of=keys),
        used=used,
        live=strategies,
    )
    if given is None:
        return Weighing(scored=scored)
    asked = constraints.asked(given, at=at)
    holds = weighing.holding(asked, given, allocation)
    return Weighing(
        columns=columns,
        given=given,
        asked=asked,
        weighed=weighing.weighed(asked, given, allocation, list(holds)),
        scored=scored,
    )


def _answer(strategy: Strategy, person: Person) -> Answer:
    offer = person.offers.get(strategy.id)
    if offer is not None:
        known = [*having(strategy, offer, person)]
        return Answer(strategy=strategy, offer=offer, steps=known)
    drawn = person.assigned.get(strategy.id)
    return Answer(
        strategy=strategy,
        offer=None,
        steps=[*steps(strategy, person)],
        decided=drawn.offer if drawn else None,
    )
