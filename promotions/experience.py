"""What our own arms teach of how offers work: everybody drawn by lot, and who bought.

Each customer counts once for each strategy, as he was known when he was assigned
(`OfferAssigned`: p0, traits, segment), for HORIZON_DAYS or as long as has passed, and
not before `SOONEST`, until the first purchase in the strategy's categories. Bought is
what stayed bought. Who
was held back, of this strategy or of everything, is what the treated are compared with.
Worker only.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import numpy as np
import polars as pl
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from analytics import lookup
from ml import lifts, lines
from ml.lifts import Floats, Group, What, Who
from ml.traits import TRAITS
from promotions import promises, response, value
from promotions.models import Answer, Learnt, Redemption, Strategy
from promotions.value import Response

WEEK = timedelta(weeks=1)
SOONEST = WEEK
MEMORY = timedelta(days=365)
MOST = 100_000
"""The newest so many units: the fit is exact, and takes as long as they are many."""

UNITS = """
    SELECT strategy, arm, variant, person, at, p0, spend, traits, segment, own FROM (
        SELECT DISTINCT ON (a.strategy, coalesce(c.person, a.customer))
            a.strategy, a.arm, a.variant, coalesce(c.person, a.customer) AS person,
            a.at, a.p0, a.spend, a.traits, a.segment, a.own
        FROM analytics_assignment a LEFT JOIN analytics_customer c ON c.key = a.customer
        WHERE a.at >= %s AND a.at < %s
        ORDER BY a.strategy, coalesce(c.person, a.customer), a.position
    ) first WHERE p0 IS NOT NULL AND cardinality(traits) = %s
    ORDER BY at DESC LIMIT %s
"""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One customer's place in one strategy, as it was then; `variant` None: nothing."""

    strategy: UUID
    variant: str | None
    person: UUID
    at: datetime
    p0: float
    spend: float
    traits: Sequence[float]
    segment: str
    own: float


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The units of a strategy's arm, and what its variant is."""

    strategy: Strategy
    variant: str | None
    units: Sequence[Unit]
    group: Group


def refresh(*, at: datetime) -> Learnt:
    """Learn from all arms before `at`; keep it for the next prices."""
    arms = list(gather(at=at))
    found = lifts.taught([arm.group for arm in arms], response.prior())
    posterior = found.posterior
    _answered(arms, found.chance)
    buyers, users = _used(arms)
    row = response.keep(posterior, buyers=buyers, users=users, at=at)
    _calibrate(arms, at=at)
    return row


def gather(*, at: datetime) -> Iterator[Arm]:
    """Yield every arm with units that have been watched long enough."""
    window = timedelta(days=settings.HORIZON_DAYS)
    rows = lookup.rows(
        UNITS, [at - MEMORY, at - SOONEST, len(TRAITS), MOST], prepare=False
    )
    units = [
        Unit(
            strategy=strategy,
            variant=variant if arm == "treatment" else None,
            person=person,
            at=since,
            p0=p0,
            spend=spend,
            traits=traits,
            segment=segment,
            own=own,
        )
        for strategy, arm, variant, person, since, p0, spend, traits, segment, own in (
            rows
        )
    ]
    if not units:
        return
    known = Strategy.objects.in_bulk({unit.strategy for unit in units})
    history = lines.standing(lines.read(until=at), until=at)
    order = sorted(units, key=lambda unit: (unit.strategy, unit.variant or ""))
    for (id_, variant), some in groupby(order, lambda u: (u.strategy, u.variant)):
        if strategy := known.get(id_):
            yield _arm(strategy, variant, list(some), history, window, at)


def _arm(
    strategy: Strategy,
    variant: str | None,
    units: Sequence[Unit],
    history: pl.DataFrame,
    window: timedelta,
    at: datetime,
) -> Arm:
    bought, weeks = _watched(units, strategy.scope, history, window, at)
    group = Group(
        who=Who(
            p0=np.array([unit.p0 for unit in units]),
            segment=[unit.segment for unit in units],
            traits=np.array([list(unit.traits) for unit in units]),
            own=np.array([unit.own for unit in units]),
        ),
        what=_what(strategy, variant),
        treated=variant is not None,
        weeks=weeks,
        bought=bought,
    )
    return Arm(strategy=strategy, variant=variant, units=units, group=group)


def _what(strategy: Strategy, variant: str | None) -> What:
    """Say what the arm's offer is; who gets nothing shares the menu's kind."""
    menu = strategy.terms
    terms = menu.get(variant or "") or next(iter(menu.values()))
    return What(kind=value.kind(terms), scope=strategy.scope, depth=value.depth(terms))


def _watched(
    units: Sequence[Unit],
    scope: Sequence[str],
    history: pl.DataFrame,
    window: timedelta,
    at: datetime,
) -> tuple[NDArray[np.bool_], Floats]:
    """Say which units bought in scope in their time, and how many weeks it took.

    An empty scope is all goods. The week of the purchase counts whole.
    """
    named = pl.col("category").cast(pl.String).is_in(list(scope))
    about = named if scope else pl.lit(value=True)
    frame = pl.DataFrame(
        {
            "unit": range(len(units)),
            "customer": [str(unit.person) for unit in units],
            "since": [unit.at for unit in units],
            "until": [min(at, unit.at + window) for unit in units],
        },
        schema_overrides={"since": pl.Datetime("us", "UTC")},
    )
    first = (
        history.filter(about)
        .select(pl.col("customer").cast(pl.String), "at")
        .join(frame, on="customer")
        .filter((pl.col("at") >= pl.col("since")) & (pl.col("at") < pl.col("until")))
        .group_by("unit")
        .agg(pl.col("at").min().alias("first"))
    )
    told = frame.join(first, on="unit", how="left", maintain_order="left")
    end = pl.coalesce("first", "until") - pl.col("since")
    weeks: Floats = told.select(end / WEEK).to_series().to_numpy()
    bought = told["first"].is_not_null().to_numpy()
    return bought, np.where(bought, np.floor(weeks) + 1, weeks)


def _answered(arms: Sequence[Arm], chance: Sequence[Floats]) -> None:
    """Keep how each person answered what they were offered."""
    treated = [
        (arm, some)
        for arm, some in zip(arms, chance, strict=True)
        if arm.variant is not None
    ]
    people = [unit.person for arm, _ in treated for unit in arm.units]
    with transaction.atomic():
        Answer.objects.all().delete()
        if not people:
            return
        known, codes = np.unique([str(one) for one in people], return_inverse=True)
        own = lifts.answers(
            np.concatenate([arm.group.bought for arm, _ in treated]),
            np.concatenate([arm.group.weeks for arm, _ in treated]),
            np.concatenate([some for _, some in treated]),
            codes,
        )
        Answer.objects.bulk_create(
            Answer(customer=UUID(key), own=float(value))
            for key, value in zip(known, own, strict=True)
        )


def _used(arms: Iterable[Arm]) -> tuple[int, int]:
    """Return how many treated bought in scope, and how many of them used an offer."""
    buyers = {
        (arm.strategy.id, unit.person)
        for arm in arms
        if arm.variant is not None
        for unit, bought in zip(arm.units, arm.group.bought, strict=True)
        if bought
    }
    rows = Redemption.objects.filter(rolled_back_at=None, offer__isnull=False)
    used = set(rows.values_list("strategy", "customer"))
    return len(buyers), len(buyers & used)


def _calibrate(arms: Sequence[Arm], *, at: datetime) -> None:
    """Compare what is believed now with what strategies have brought over all goods."""
    found, rates = response.believed(draws=1).expected, response.rates()
    expected = {arm.strategy.id: 0.0 for arm in arms}
    people = dict.fromkeys(expected, 0)
    for arm in arms:
        if arm.variant is not None:
            expected[arm.strategy.id] += _gain(arm, found, rates)
            people[arm.strategy.id] += len(arm.units)
    means = {id_: expected[id_] / people[id_] for id_ in expected if people[id_]}
    promises.refresh(means, at=at)


def _gain(arm: Arm, found: Response, rates: Mapping[str, float]) -> float:
    """Return the margin that the arm's offers are believed to bring in scope."""
    who = arm.group.who
    usual, scope = float(settings.ASSUMED_MARGIN), arm.strategy.scope or list(rates)
    rate = np.mean([rates.get(name, usual) for name in scope] or [usual])
    b = found.posterior.lift(who, arm.group.what)
    w0 = found.posterior.unprompted(who, arm.group.what)
    w = value.lifted(w0, b)
    each = value.basket(who.p0, np.array([unit.spend for unit in arm.units]))
    bought = value.purchases(w, arm.strategy.turns)
    return float((bought * (1 - w0 / w) * each * rate).sum())
