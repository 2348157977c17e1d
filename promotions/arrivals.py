"""Offers at once for who came since the last scoring, when they are first read.

A refresh plans for whom the scores know. Anybody else is priced here by what the log
says of them now (ml.live; who has bought nothing has everybody's chances), and gets the
best legal offers at the prices of the last refresh (promotions.deciding), out of what
it, and arrivals since, left of every limit. The lot and all that is written down is the
refresh's own (targeting.for_one). Their sheet says that it was done: until it ends, or
the next refresh, nothing is decided anew. Visitors, whom the shop does not call by an
id of its own, wait for the scores: robots must not use budgets up.

Two at once: the allocation's row is locked before anything is chosen, and the sheet
looked for again. While a refresh runs, nothing is decided; the next reading does it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from uuid import UUID

import numpy as np
from django.db import transaction

from analytics import events, identity, lookup, store
from analytics.races import anew
from ml import live, registry
from ml.models import PROPENSITY
from ml.scores import ScoreMatrix
from promotions import (
    arms,
    audiences,
    constraints,
    drawing,
    lots,
    offers,
    response,
    targeting,
    versions,
)
from promotions.beliefs import Response
from promotions.constraints import Candidates
from promotions.instances import Bools, Floats, Instance
from promotions.models import Allocation, Offer, Redemption, Sheet, Strategy
from promotions.places import EVERY
from promotions.weighing import holding, weighed

DRIFT = 0.05
"""Of what a refresh left of a limit: arrivals that took it have moved the prices."""
MOST_CACHED = 2

NEW = (
    "SELECT c.external_id IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM ml_score s WHERE s.customer = c.key)"
    " FROM analytics_customer c WHERE c.key = %s"
)
LOCK = (
    "SELECT pg_try_advisory_xact_lock_shared(%s),"
    " EXISTS (SELECT FROM analytics_customer WHERE key = %s FOR KEY SHARE)"
)
"""Erasure deletes the customer, so it waits for us, or there is none any more."""


def sheet(external_id: str, *, currency: str, at: datetime) -> str:
    """Return the customer's offers as JSON; a newcomer is decided on first.

    For everybody else this is `offers.sheet`, at no more than its look-up.
    """
    known = offers.known(external_id)
    if known and not known.lasts(at) and _is_new(known.person):
        chances = live.chances(known.person, at=at)
        if chances and anew(partial(_arrive, known.person, chances, at)):
            known = offers.known(external_id)
    return offers.read(external_id, known, currency=currency, at=at)


def _is_new(person: UUID) -> bool:
    row = lookup.row(NEW, [person])
    return bool(row and row[0])


def _arrive(person: UUID, chances: live.Chances, at: datetime) -> bool:
    """Decide on one person; False if it is not the time."""
    with transaction.atomic():
        # Tried, never waited for: a refresh holds it for seconds. Shared, so that
        # readings do not keep each other out.
        free, there = lookup.row(LOCK, [targeting.TARGETING_LOCK, person]) or (0, 0)
        newest = Allocation.objects.order_by("-computed_at", "-id").first()
        if not (free and there) or newest is None or newest.refused:
            return False
        beliefs = priced(newest.pk)
        strategies = arms.live(at)
        keys = identity.keys(person)
        persons = {key: person for key in keys if key != person}
        people = lots.people(persons, strategies, of=keys)
        market = _Market(person=person, allocation=newest.pk)
        facts = targeting.for_one(
            audiences.few(
                matrix_of(person, chances), people.segments, beliefs.rates, at=at
            ),
            people,
            persons,
            beliefs.believed,
            market.allocated,
            used=used_by(person, keys, strategies),
            live=strategies,
            at=at,
        )
        if market.late:
            return True
        _keep_sheet(person, keys, people.names[person], chances, at)
        if facts:
            # The summary last: who makes a decision again looks for the next one after
            # it.
            told = _summary(facts, strategies, beliefs.believed)
            store.append_new([*facts, store.Fact(event=told, at=at)])
    return True


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What is the same for all who come between two refreshes."""

    believed: Response
    rates: Mapping[str, float]


@lru_cache(maxsize=MOST_CACHED)
def priced(allocation: int) -> Priced:
    """Read what is believed, and known of margins, once for each allocation."""
    return Priced(believed=response.believed(), rates=response.rates())


def matrix_of(person: UUID, chances: live.Chances) -> ScoreMatrix:
    """Return the scores of one person, as of now."""
    return ScoreMatrix(
        customers=(person,),
        categories=chances.categories,
        probability=np.asarray(chances.probability[None], np.float64),
        spend=np.asarray(chances.spend[None], np.float64),
        model=None,
    )


def used_by(
    person: UUID, keys: Sequence[UUID], strategies: Sequence[Strategy]
) -> drawing.Used:
    """Say what the person has used, in whichever version; what was given back too."""
    line = versions.before(strategies)
    ids = [*line, *(one.id for one in strategies)]
    sold = Redemption.objects.filter(customer__in=keys, strategy__in=ids)
    mine = Offer.objects.filter(customer__in=keys).exclude(redeemed_at=None)
    found = sold.values_list("strategy", flat=True).union(
        mine.values_list("strategy", flat=True)
    )
    return {(person, line.get(strategy, strategy)) for strategy in found}


@dataclass(kw_only=True)
class _Market:
    """The prices of the last refresh, and what is left at them, for one person."""

    person: UUID
    allocation: int
    late: bool = False
    """Somebody else has decided on the person in the meantime."""

    def allocated(self, given: Candidates, *, at: datetime) -> Bools:
        """Choose for the one customer; take it off what is left. Locks the row."""
        rows = Allocation.objects.select_for_update().filter(pk=self.allocation)
        known = rows.get()
        fresh = Sheet.objects.filter(customer=self.person, expires_at__gt=at)
        self.late = fresh.exists()
        if self.late:
            return given.promised
        asked = constraints.asked(given, at=at)
        chosen = given.promised.copy()
        before = holding(asked, given, known)
        after = list(before)
        chosen[list(weighed(asked, given, known, after).given), 0] = True
        self._take(known, asked, np.subtract(before, after, dtype=np.float64))
        return chosen

    def _take(self, known: Allocation, asked: Instance, taken: Floats) -> None:
        before = dict(known.left)
        for name, amount in constraints.named(asked, taken).items():
            if amount and name in known.left:
                known.left[name] -= amount
        if known.left != before:
            known.save(update_fields=["left"])
            if _drifted(known.slack, before, known.left):
                offers.refresh_soon()


def _drifted(
    slack: Mapping[str, float], before: Mapping[str, float], after: Mapping[str, float]
) -> bool:
    """Whether a limit has just passed one more twentieth of what there was."""
    return any(
        int((slack[name] - before[name]) / (DRIFT * slack[name]))
        < int((slack[name] - after[name]) / (DRIFT * slack[name]))
        for name in before
        if slack.get(name, 0.0) > 0
    )


def _keep_sheet(
    person: UUID, keys: Sequence[UUID], name: str, chances: live.Chances, at: datetime
) -> None:
    """Write the sheet, an empty one too; any order makes its ranking news."""
    mine = offers.usable(person, currency=None, at=at)
    mine = offers.expect_now(mine, person, at=at, chances=chances)
    sheet = Sheet(
        customer=person,
        body=offers.render(name, offers.ranked(mine, keys, at=at), at=at),
        expires_at=min([at + EVERY, *(one.expires_at for one in mine)]),
        position=0,
    )
    Sheet.objects.bulk_create(
        [sheet],
        update_conflicts=True,
        unique_fields=["customer"],
        update_fields=["body", "expires_at", "position"],
    )


def _summary(
    facts: Sequence[store.Fact], strategies: Sequence[Strategy], believed: Response
) -> events.OffersComputed:
    """Say what was known, so that the decision can be made again from the log."""
    made = [
        str(fact.event.strategy)
        for fact in facts
        if isinstance(fact.event, events.OfferAssigned) and fact.event.variant
    ]
    model, _ = registry.serving(PROPENSITY)
    return events.OffersComputed(
        customers=1,
        offers=len(made),
        strategies={name: made.count(name) for name in sorted(set(made))},
        model=model,
        learnt=believed.id,
        later=believed.later_by[0],
        later_error=believed.later_by[1],
        left={str(one.id): one.left for one in strategies},
    )
