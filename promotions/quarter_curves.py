"""What strategies are worth in a plan, and what they take from each other.

Priced on a sample of customers, as "what if?" is, with what is believed now: what is
there for one strategy is kept for an hour, so that a plan is answered from arithmetic
alone. A worker prices what stands in this quarter's plan and the next's before anybody
asks, and leaves it in the cache; what is not there, or of other scores, is priced then
and there. A strategy whose customers cannot be priced one by one counts as its forecast
says, in proportion; of one without a forecast nobody knows what it brings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import combinations
from uuid import UUID

import numpy as np
from django.core.cache import cache
from numpy.typing import NDArray

from ml import scores
from ml.customers import segments
from promotions import ahead, arms, audiences, drafts, frontier, response, value
from promotions.audiences import Audience
from promotions.beliefs import Response, Run
from promotions.guessing import UNREACHABLE
from promotions.models import Strategy
from promotions.planning import Z80
from promotions.quarters import Curve, Floats, Shared, straight

Bools = NDArray[np.bool_]
SAMPLE = 1000
HOUR = 3600.0
LEAST_DAYS = 1.0
KEPT = timedelta(hours=3)
"""So old may be what a worker has priced; the page says how old it is."""
KEY = "quarter_curves"
SEED = 20_261_127


@dataclass(frozen=True, kw_only=True, eq=False)
class Worth:
    """A strategy's curve, over its whole time at usual demand.

    `gains`: what it brings at each of the sample's customers, nothing where it is not
    worth it; empty, if it could not be priced by customer. `bought`: what each of them
    buys, by category, of which it is about those `inside`. `each`: customers in one of
    the sample.
    """

    curve: Curve
    gains: Floats = field(default_factory=lambda: np.zeros(0))
    bought: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    inside: Bools = field(default_factory=lambda: np.zeros(0, bool))
    each: float = 0.0

    @property
    def goods(self) -> Floats:
        return np.asarray(self.bought * self.inside)


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What prices rest on: the scores of a version, at an hour."""

    scores: tuple[int, UUID | None]
    hour: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Kept:
    """What a worker has priced, by strategy, and when."""

    made_at: datetime | None = None
    scores: tuple[int, UUID | None] | None = None
    worth: Mapping[UUID, Worth | None] = field(default_factory=dict)


def keep(worth: Mapping[UUID, Worth | None], on: Basis, *, at: datetime) -> None:
    """Leave what was priced to whoever asks next."""
    told = Kept(made_at=at, scores=on.scores, worth=worth)
    # The figures before their time: who sees the new time finds them. The time is
    # apart, so that a request reads the large value only once (`_loaded`).
    cache.set(KEY, told, int(KEPT.total_seconds()))
    cache.set(f"{KEY}_at", at, int(KEPT.total_seconds()))


def kept(on: Basis, *, at: datetime) -> Kept:
    """Return what a worker has priced by the scores of now; nothing if it has not."""
    try:
        made_at = cache.get(f"{KEY}_at")
        # Made after `at` are those of a clock that was set back.
        if made_at is None or not timedelta(0) <= at - made_at < KEPT:
            return Kept()
        found = _loaded(made_at)
    except UNREACHABLE:
        return Kept()
    return found if found.scores == on.scores else Kept()


@lru_cache(maxsize=1)
def _loaded(_made_at: datetime) -> Kept:
    found = cache.get(KEY)
    return found if isinstance(found, Kept) else Kept()


def basis(at: datetime) -> Basis:
    """Return what prices rest on now."""
    return Basis(scores=scores.version(), hour=int(at.timestamp() / HOUR))


def worth(strategy: Strategy, on: Basis, *, days: float) -> Worth | None:
    """Price a strategy for so many days; None where nobody knows what it brings."""
    if _is_priced(strategy) and _audience(on)[0].inside(strategy.scope):
        return _measured(strategy, round(max(days, LEAST_DAYS)), on)
    return foretold(strategy)


def foretold(strategy: Strategy) -> Worth | None:
    """Return what its forecast says, in proportion; None where it has none."""
    if {"margin", "low", "high", "cost"} <= strategy.forecast.keys():
        return Worth(curve=_foretold(strategy))
    return None


def expected(strategy: Strategy) -> float:
    """Return what it is still expected to give; 0 where nobody knows."""
    known = strategy.forecast.get(
        "cost", strategy.forecast.get("tried", {}).get("cost")
    )
    if known is None:
        return 0.0
    used = float(strategy.spent + strategy.reserved)
    return ahead.rest(float(known), float(strategy.budget), used)


def shared(some: Sequence[tuple[str, Worth]]) -> Iterator[Shared]:
    """Yield what strategies take from each other, of those that share goods.

    Where both are worth it at a customer, the smaller of their gains on the goods of
    both is lost.
    """
    priced = [(key, one, _by_goods(one)) for key, one in some if len(one.gains)]
    for (first, one, mine), (second, other, theirs) in combinations(priced, 2):
        # On the same sample, row by row: both are of one basis.
        common = one.inside & other.inside
        if not common.any():
            continue
        gain, rival = (part[:, common].sum(axis=1) for part in (mine, theirs))
        both = (gain > 0) & (rival > 0)
        if both.any():
            smaller = np.minimum(gain, rival) * both
            yield Shared(
                first=first,
                second=second,
                customers=float(both.sum()) * one.each,
                # Customer by customer: who gains less
                # there loses it; of equals, the first.
                first_loses=float(smaller[gain <= rival].sum()) * one.each,
                second_loses=float(smaller[gain > rival].sum()) * one.each,
            )


def _by_goods(one: Worth) -> Floats:
    """Part each customer's gain by what they buy of each category."""
    # 1e-9: who buys nothing of it has no goods, and no gain to part.
    whole = one.goods.sum(axis=1, keepdims=True)
    return np.asarray(one.gains[:, None] * one.goods / np.maximum(whole, 1e-9))


def _is_priced(strategy: Strategy) -> bool:
    # A trial's offers go by lot, not to whom they are worth it.
    by_lot = strategy.allocation == Strategy.Allocation.TRIAL
    personal = strategy.trigger == Strategy.Trigger.OFFER
    return personal and strategy.kind in drafts.PERSONAL and not by_lot


@lru_cache(maxsize=2)
def _audience(on: Basis) -> tuple[Audience, Floats, int]:
    """Return a sample, what each of it buys by category, and how many there are."""
    matrix = scores.matrix(most=SAMPLE)
    at = datetime.fromtimestamp(on.hour * HOUR, UTC)
    bought = np.asarray(matrix.spend * matrix.probability)
    sampled = len(matrix.customers)
    # A shop smaller than the sample is all in it, and need not be counted.
    customers = scores.customers() if sampled == SAMPLE else sampled
    return audiences.of(matrix, segments(), at=at), bought, customers


@lru_cache(maxsize=2)
def _believed(_on: Basis) -> Response:
    return response.believed()


# By the strategy's id, as Django hashes it, and by the hour (`on`).
@lru_cache(maxsize=256)
def _measured(strategy: Strategy, days: int, on: Basis) -> Worth:
    audience, bought, customers = _audience(on)
    people = audience.before(strategy.scope)
    run = Run(turns=strategy.turns_in(days), weeks=days / 7)
    # [draws, customers, variants] and [customers, variants].
    margins, costs, _ = value.drawn(
        strategy.terms, strategy.scope, people, _believed(on), run
    )
    each = customers / len(bought) * arms.treated(strategy.holdout)
    paid, drawn = frontier.drawn(margins, costs, each=each)
    inside = np.zeros(len(audience.matrix.categories), bool)
    inside[audience.inside(strategy.scope)] = True
    return Worth(
        curve=Curve(cost=paid, margin=drawn),
        # Its best variant on the mean of all draws, as targeting chooses.
        gains=np.maximum(margins.mean(axis=0).max(axis=1), 0.0),
        bought=bought,
        inside=inside,
        each=each,
    )


def _foretold(strategy: Strategy) -> Curve:
    """Return the line to what is left of its forecast."""
    told, cost = strategy.forecast, expected(strategy)
    # What was used already brings nothing more.
    part = cost / told["cost"] if told["cost"] else 0.0
    error = (told["high"] - told["low"]) / (2 * Z80)
    return straight(cost, part * (told["margin"] + error * luck()))


def luck() -> Floats:
    """Draw by how many deviations forecasts are off, the same for all of them."""
    drawn = np.random.default_rng(SEED).standard_normal(response.DRAWS)
    # Mean 0 and deviation 1 exactly: the forecast's own figures come back.
    return np.asarray((drawn - drawn.mean()) / drawn.std())
