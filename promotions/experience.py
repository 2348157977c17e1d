"""What our own arms teach of how offers work: everybody drawn by lot, and who bought.

Who they were and what they did is promotions.gathered's. Worker only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import F

from ml import lift_fits
from ml.lift_rows import Group
from ml.lifts import Floats
from promotions import beliefs, habits, promises, response, value
from promotions.beliefs import People, Response
from promotions.gathered import Arm, gather
from promotions.models import Answer, Learnt, Redemption


def refresh(*, at: datetime) -> Learnt:
    """Learn from all arms before `at`; keep it for the next prices."""
    arms = list(gather(at=at))
    # Places in it are the people's numbers in all arms, and in `found.types`.
    people = sorted({unit.person for arm in arms for unit in arm.units})
    found = lift_fits.taught(
        list(_groups(arms, people)),
        response.prior(),
        together=settings.OFFERS_PER_CUSTOMER,
    )
    usual, kinds = habits.learnt(list(_baskets(arms)), response.use())
    types = dict(zip(people, found.types.round(4).tolist(), strict=True))
    # Who was only ever held back has answered nothing.
    offered = {u.person for arm in arms if arm.variant is not None for u in arm.units}
    # Together: `types` are of this posterior's classes and mean
    # nothing beside another's.
    with transaction.atomic():
        row = response.keep(found.posterior, usual, kinds, at=at)
        Answer.objects.all().delete()
        Answer.objects.bulk_create(
            Answer(customer=one, types=types[one]) for one in sorted(offered)
        )
    _calibrate(arms, at=at)
    return row


def _groups(arms: Iterable[Arm], people: Sequence[UUID]) -> Iterator[Group]:
    """Number the people, who are the same in all arms."""
    numbers = {person: number for number, person in enumerate(people)}
    for arm in arms:
        yield Group(
            who=arm.who,
            what=arm.what,
            treated=arm.variant is not None,
            weeks=arm.seen.weeks,
            bought=arm.seen.bought,
            person=np.array([numbers[unit.person] for unit in arm.units]),
            elsewhere=arm.elsewhere,
        )


def _baskets(arms: Iterable[Arm]) -> Iterator[habits.Baskets]:
    """Yield what those bought and got who bought in scope, arm by arm."""
    given = _given()
    for arm in arms:
        rows = np.flatnonzero(arm.seen.bought)
        people = [arm.units[row] for row in rows.tolist()]
        p0, spend = arm.who.p0[rows], np.array([unit.spend for unit in people])
        each = beliefs.basket(p0, spend)
        terms = arm.strategy.terms.get(arm.variant or "")
        could, _ = (
            value.rewards(terms, each, 0.0) if terms else (np.zeros(len(rows)), 1)
        )
        yield habits.Baskets(
            kind=arm.what.kind if terms else None,
            scope=frozenset(arm.strategy.scope),
            usual=each,
            spent=arm.seen.spent[rows],
            could=could,
            given=np.array(
                [given.get((arm.strategy.id, u.person), 0.0) for u in people]
            ),
        )


def _given() -> dict[tuple[UUID, UUID], float]:
    """Return what the first use of each personal offer gave: (strategy, person)."""
    rows = Redemption.objects.filter(rolled_back_at=None, offer__isnull=False)
    # The newest first: of several uses the dict keeps the last
    # one written, the first use.
    newest = rows.order_by("-redeemed_at")
    return {
        (strategy, who): float(given)
        for strategy, who, given in newest.annotate(
            net=F("discount") - F("returned")
        ).values_list("strategy", "customer", "net")
        if who
    }


def _calibrate(arms: Sequence[Arm], *, at: datetime) -> None:
    """Compare what is believed now with what strategies have brought over all goods."""
    found, rates = response.believed(draws=1).expected, response.rates()
    # `refresh` has just written all who ever had an offer, so nobody is missing.
    known = dict(Answer.objects.values_list("customer", "types"))
    # [gain, aside, sold, customers] of each strategy, over its variants.
    sums: dict[UUID, Floats] = {}
    for arm in arms:
        if arm.variant is not None:
            types = np.array([known[unit.person] for unit in arm.units])
            mine = np.array([*_gain(arm, types, found, rates), len(arm.units)])
            sums[arm.strategy.id] = sums.get(arm.strategy.id, np.zeros(4)) + mine
    believed = {
        id_: promises.Believed(
            gain=gain / people, aside=aside / people, sold=sold / people
        )
        for id_, (gain, aside, sold, people) in sums.items()
    }
    promises.refresh(believed, at=at)


def _gain(
    arm: Arm, types: Floats, found: Response, rates: Mapping[str, float]
) -> tuple[float, float, float]:
    """Return the margin that offers are believed to bring, in scope and elsewhere.

    And that of all that is bought on them: by how much less they bring if all of it is
    missing later.
    """
    usual, goods = float(settings.ASSUMED_MARGIN), arm.strategy.scope or list(rates)
    rate = float(np.mean([rates.get(name, usual) for name in goods] or [usual]))
    spend = np.array([unit.spend for unit in arm.units])
    people = People(
        who=replace(arm.who, types=types),
        spend=spend,
        rate=np.full(len(spend), rate),
        # No margin elsewhere: what being addressed does there is added at the end, from
        # what was expected when each was assigned (`unit.rest`).
        rest=np.zeros(len(spend)),
    )
    terms = arm.strategy.terms[arm.variant or ""]
    scope, run = arm.strategy.scope, beliefs.Run(turns=arm.strategy.turns)
    # The margin is linear in `later` (promotions.value): at 0 nothing is missing, at −1
    # all that is sold comes once more, so the difference is what is sold.
    gain, all_of_it = (
        float(value.gains({"": terms}, scope, people, one, run).sum())
        for one in (
            replace(found, later=np.zeros(1)),
            replace(found, later=np.full(1, -1.0)),
        )
    )
    rest = np.array([unit.rest for unit in arm.units])
    aside = float((np.expm1(found.posterior.address) * rest).sum())
    return gain, aside, all_of_it - gain
