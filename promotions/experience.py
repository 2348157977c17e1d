"""What our own arms teach of how offers work: everybody drawn by lot, and who bought.

Each customer counts once for each strategy, as he was known when he was assigned
(`OfferAssigned`: p0, traits, segment), for HORIZON_DAYS or as long as has passed or the
strategy ran, and not before `SOONEST`. Where an offer renews each week, each week is a
trial of its own; else time ends with the first purchase in the strategy's categories.
Bought is what stayed bought. Who was held back, of this strategy or of everything, is
what the treated are compared with. Worker only.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

import numpy as np
import polars as pl
from django.conf import settings
from django.db import transaction
from django.db.models import F

from analytics import lookup
from ml import lift_fits, lines
from ml.lift_rows import Group
from ml.lifts import Floats, What, Who
from ml.traits import TRAITS
from promotions import arms as arms_
from promotions import habits, promises, response, value
from promotions.elsewhere import Chosen, counted
from promotions.models import Answer, Learnt, Redemption, Strategy
from promotions.value import People, Response

WEEK = timedelta(weeks=1)
SOONEST = WEEK
MEMORY = timedelta(days=365)
MOST = 100_000
"""The newest so many units: the fit is exact, and takes as long as they are many."""

# What was known is asked outside of DISTINCT ON: else a person of whom nothing was
# known under the first key would count by a later one.
UNITS = """
    SELECT first.* FROM (
        SELECT DISTINCT ON (a.strategy, coalesce(c.person, a.customer))
            a.strategy, a.arm, a.variant, coalesce(c.person, a.customer) AS person,
            a.at, a.p0, a.spend, a.traits, a.segment, a.elsewhere, a.rest
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
    arm: str
    variant: str | None
    person: UUID
    at: datetime
    p0: float
    spend: float
    traits: Sequence[float]
    segment: str
    elsewhere: float
    rest: float


FIELDS = [field.name for field in fields(Unit)]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of units: see ml.lift_rows.Group.

    `spent`: the shelf value of each one's first purchase in scope; 0: there was none.
    """

    weeks: Floats
    bought: Floats
    spent: Floats


@dataclass(frozen=True, kw_only=True)
class Arm:
    """The units of a strategy's arm, as they were, what its variant is, what came."""

    strategy: Strategy
    variant: str | None
    units: Sequence[Unit]
    who: Who
    what: What
    seen: Seen
    elsewhere: tuple[Floats, Floats]


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


def gather(*, at: datetime) -> Iterator[Arm]:
    """Yield every arm with units that have been watched long enough."""
    window = timedelta(days=settings.HORIZON_DAYS)
    # Planned for these very values, as it reads a year's
    # assignments (analytics.lookup).
    rows = lookup.rows(
        UNITS, [at - MEMORY, at - SOONEST, len(TRAITS), MOST], prepare=False
    )
    units = [Unit(**dict(zip(FIELDS, row, strict=True))) for row in rows]
    if not units:
        return
    mine = Strategy.objects.select_related("campaign")
    known = mine.in_bulk({unit.strategy for unit in units})
    history = lines.standing(lines.read(until=at), until=at)
    watch = Watch(history=history, window=window, at=at)
    chosen: dict[UUID, list[Chosen]] = {}
    for unit in units:
        if strategy := known.get(unit.strategy):
            one = watch.chosen(unit, strategy)
            chosen.setdefault(unit.person, []).append(one)
    order = sorted(units, key=lambda unit: (unit.strategy, unit.variant or ""))
    for (id_, variant), some in groupby(order, lambda u: (u.strategy, u.variant)):
        if strategy := known.get(id_):
            yield _arm(strategy, variant, list(some), watch, chosen)


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What all units are watched with: `window` at most, until `at`."""

    history: pl.DataFrame
    window: timedelta
    at: datetime

    def until(self, unit: Unit, strategy: Strategy) -> datetime:
        """Return when somebody's offer ends at the latest: at a pause, for one.

        Who was assigned before it may have one again later, but their weeks between
        were without; so what follows a pause is learnt from whoever came after it.
        """
        pause = strategy.paused_at
        stopped = [pause] if pause and unit.at < pause else []
        return min(_ended(strategy, self.at), unit.at + self.window, *stopped)

    def chosen(self, unit: Unit, strategy: Strategy) -> Chosen:
        """Return the unit as purchases elsewhere are counted.

        Nothing is said of whom this strategy alone holds back: others address them.
        """
        return Chosen(
            person=unit.person,
            strategy=unit.strategy,
            scope=frozenset(strategy.scope),
            since=unit.at,
            until=self.until(unit, strategy),
            p0=unit.p0,
            expected=0.0 if unit.arm == arms_.HOLDOUT else unit.elsewhere,
        )


def _arm(
    strategy: Strategy,
    variant: str | None,
    units: Sequence[Unit],
    watch: Watch,
    chosen: Mapping[UUID, Sequence[Chosen]],
) -> Arm:
    mine = [watch.chosen(unit, strategy) for unit in units]
    return Arm(
        strategy=strategy,
        variant=variant,
        units=units,
        who=Who(
            p0=np.array([unit.p0 for unit in units]),
            segment=[unit.segment for unit in units],
            traits=np.array([list(unit.traits) for unit in units]),
        ),
        what=_what(strategy, variant),
        seen=_seen(units, strategy, watch),
        elsewhere=counted(mine, chosen, watch.history),
    )


def _what(strategy: Strategy, variant: str | None) -> What:
    """Say what the arm's offer is; who gets nothing shares the menu's kind."""
    menu = strategy.terms
    terms = menu.get(variant or "") or next(iter(menu.values()))
    return What(kind=value.kind(terms), scope=strategy.scope, depth=value.depth(terms))


def _seen(units: Sequence[Unit], strategy: Strategy, watch: Watch) -> Seen:
    """Watch units for their time; an empty scope is all goods."""
    named = pl.col("category").cast(pl.String).is_in(list(strategy.scope))
    about = named if strategy.scope else pl.lit(value=True)
    frame = pl.DataFrame(
        {
            "unit": range(len(units)),
            "customer": [str(unit.person) for unit in units],
            "since": [unit.at for unit in units],
            "until": [watch.until(unit, strategy) for unit in units],
        },
        schema_overrides={"since": pl.Datetime("us", "UTC")},
    )
    # At shelf value: else each discount would look like a smaller
    # basket (promotions.habits).
    shelf = pl.sum_horizontal("paid", "shelf_discount", "coupon_discount")
    purchases = (
        watch.history.filter(about)
        .select(pl.col("customer").cast(pl.String), "at", spent=shelf.cast(pl.Float64))
        .join(frame, on="customer")
        .filter((pl.col("at") >= pl.col("since")) & (pl.col("at") < pl.col("until")))
        # Lines of one moment are one basket.
        .group_by("unit", "at")
        .agg(
            week=((pl.col("at") - pl.col("since")) / WEEK).floor().first(), spent=SPENT
        )
        .sort("at")
        .group_by("unit", maintain_order=True)
        # A week in which something was bought counts once, however often (decision 30).
        .agg(pl.col("week").first().alias("first"), pl.col("week").n_unique(), FIRST)
    )
    # In the order of units: an arm's arrays stand side by side
    # (polars' joins promise none).
    told = frame.join(purchases, on="unit", how="left", maintain_order="left")
    return _counted(told, again=(strategy.renews_days or math.inf) <= WEEK.days)


def _ended(strategy: Strategy, at: datetime) -> datetime:
    """Return when a strategy's offers ended, or the moment."""
    stopped = strategy.decided_at if strategy.state == Strategy.State.ENDED else None
    return min(at, strategy.campaign.ends_at, stopped or at)


SPENT, FIRST = pl.col("spent").sum(), pl.col("spent").first()


def _counted(told: pl.DataFrame, *, again: bool) -> Seen:
    """Count weeks: all of them, or those until the first purchase, that one whole."""
    watched = (pl.col("until") - pl.col("since")) / WEEK
    weeks, first, week, spent = (
        told.select(column.cast(pl.Float64)).to_series().to_numpy()
        for column in (
            watched,
            pl.col("first"),
            pl.col("week").fill_null(0),
            pl.col("spent").fill_null(0.0),
        )
    )
    if again:
        return Seen(weeks=weeks, bought=week, spent=spent)
    bought = week > 0
    # Discrete time (Allison 1982): the week of the first
    # purchase was watched to its end.
    until = np.where(bought, first + 1, weeks)
    return Seen(weeks=until, bought=bought.astype(float), spent=spent)


def _baskets(arms: Iterable[Arm]) -> Iterator[habits.Baskets]:
    """Yield what those bought and got who bought in scope, arm by arm."""
    given = _given()
    for arm in arms:
        rows = np.flatnonzero(arm.seen.bought)
        people = [arm.units[row] for row in rows.tolist()]
        p0, spend = arm.who.p0[rows], np.array([unit.spend for unit in people])
        each = value.basket(p0, spend)
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
    scope, run = arm.strategy.scope, value.Run(turns=arm.strategy.turns)
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
