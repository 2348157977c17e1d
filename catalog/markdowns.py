"""A clearance's path of prices: what recovers most by a date. Pure.

Stock × time is solved by stochastic dynamic programming for each hypothesis on demand
(its level, a factor on the forecast, and its elasticity), and a week's price is the one
that is best on the average over what is believed (a hindsight relaxation, QMDP:
Littman, Cassandra and Kaelbling 1995). Each week the belief learns from what was sold
(Bayes' rule; a sell-out says "at least so much") and the rest is planned anew. On
pricing a stock by a date: Gallego and van Ryzin 1994; with demand to be learnt, Aviv
and Pazgal 2005. Prices only fall, at most `steps` times.

    units a week ~ negative binomial, variance mean + noise · mean²,
    mean = level · forecast · (price / today's)^elasticity

Money is float here. What a unit recovers is its price less its `salvage`: what one
that is left is worth to the shop. What the stock has cost is spent either way.
Shapes: H hypotheses, M prices (high to low, today's first), S stock levels, T weeks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from catalog.lots import Grid, chances

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LEVELS, ELASTICITIES = 9, 5
"""The hypotheses' grid."""
WIDE = 2.2
"""It spans so many standard deviations to each side."""
LEAST_ELASTIC = -0.05
"""Dearer goods never sell more."""


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """What is to be cleared: `units` a week at today's price are the forecast [T].

    `prices` [M] are those allowed, falling, today's first; all above `salvage`.
    :raises ValueError: prices do not fall, or are not above the salvage value.
    """

    stock: int
    prices: tuple[float, ...]
    units: tuple[float, ...]
    salvage: float = 0.0
    noise: float = 0.1
    steps: int = 3

    def __post_init__(self) -> None:
        pairs = pairwise(self.prices)
        if not self.prices or any(one <= other for one, other in pairs):
            raise ValueError("prices fall")
        if self.prices[-1] < self.salvage:
            raise ValueError("no price is below the salvage value")

    @property
    def weeks(self) -> int:
        return len(self.units)

    def after(self, sold: int, *, stepped: bool) -> "Clearance":
        """Return what is left of it after a week in which the price fell, or stayed."""
        return replace(
            self,
            stock=max(0, self.stock - sold),
            units=self.units[1:],
            steps=self.steps - stepped,
        )


@dataclass(frozen=True, kw_only=True)
class Belief:
    """Hypotheses [H] on demand, with their weights, which sum to one."""

    level: Floats
    elasticity: Floats
    weight: Floats

    @property
    def expected_level(self) -> float:
        return float(self.weight @ self.level)


def prior(*, level_error: float, elasticity: float, elasticity_error: float) -> Belief:
    """Return a belief before anything was sold: lognormal level of mean 1, normal e."""
    z = np.linspace(-WIDE, WIDE, LEVELS)
    # A lognormal's σ for this coefficient of variation.
    sigma = np.sqrt(np.log1p(level_error**2))
    level, weight = np.exp(sigma * z - sigma**2 / 2), np.exp(-(z**2) / 2)
    # On the grid, whose tails are cut, its mean is not quite 1.
    level = level / (weight / weight.sum() @ level)
    y = np.linspace(-WIDE, WIDE, ELASTICITIES)
    slope = np.minimum(elasticity + elasticity_error * y, LEAST_ELASTIC)
    both = weight[:, None] * np.exp(-(y**2) / 2)[None, :]
    return Belief(
        level=np.repeat(level, ELASTICITIES),
        elasticity=np.tile(slope, LEVELS),
        weight=(both / both.sum()).ravel(),
    )


def learnt(
    belief: Belief, asked: Clearance, index: int, sold: int, *, today: int = 0
) -> Belief:
    """Update by what the first week sold at a price; all that was there: at least that.

    `today`: the index of the price that `units` are the forecast at.
    """
    mean = means(belief, asked, today=today)[:, index, 0]
    found = chances(mean[:, None], asked.noise, max(sold, asked.stock))[:, 0]
    if sold >= asked.stock:
        likely = 1 - found[:, : asked.stock].sum(axis=1)
    else:
        likely = found[:, sold]
    # What no hypothesis holds possible must not leave all weights 0.
    weight = belief.weight * np.maximum(likely, 1e-300)
    return replace(belief, weight=weight / weight.sum())


def means(belief: Belief, asked: Clearance, *, today: int = 0) -> Floats:
    """Return the expected units [H, M, T]; `today`: the price that `units` are at."""
    ratio = np.log(np.array(asked.prices) / asked.prices[today])
    lift = np.exp(belief.elasticity[:, None] * ratio[None, :])
    base = belief.level[:, None, None] * np.array(asked.units)[None, None, :]
    return np.asarray(base * lift[:, :, None])


def price(asked: Clearance, belief: Belief, *, held: int = 0, today: int = 0) -> int:
    """Return the index of the best price for the first week; `held` is the one now."""
    worth = worths(asked, belief, held=held, today=today)
    index = int(worth.argmax())
    # For nothing gained the price is not touched.
    return index if worth[index] > worth[held] + 1e-9 else held


def worths(
    asked: Clearance, belief: Belief, *, held: int = 0, today: int = 0
) -> Floats:
    """Return what each first week's price recovers [M], if all goes on at its best.

    −∞ of prices that may not be charged: those above `held`, or below without a step.
    """
    [worth] = _values(asked, belief, today=today, first_only=True)
    # The mean of hypotheses' worths recovers 97 % of who knows the demand; a plan on
    # their mean demand 94 % (30 clearances).
    mean = np.einsum("h,hnms->nms", belief.weight, worth)[:, :, -1]
    return _open(mean, held, asked.steps)


def path(
    asked: Clearance, belief: Belief, *, held: int = 0, today: int = 0
) -> tuple[int, ...]:
    """Return a fixed path, an index a week: what can be announced.

    It begins as `price` does and goes on as is best for who would not plan anew; its
    expectation is exact (of the lots), and never below that of no further mark-down.
    """
    found = _Judge(asked, belief, today)
    none = (held,) * asked.weeks
    best = max((none, _policy_path(asked, belief, held, today)), key=found.expected)
    # It ends: each round gains something, and paths are finite.
    while True:
        some = list(_near(best, held, asked))
        better = max(some, key=found.expected, default=best)
        if found.expected(better) <= found.expected(best) + 1e-9:
            return best
        best = better


def expected(
    asked: Clearance, belief: Belief, indices: Sequence[int], *, today: int = 0
) -> float:
    """Return the money that a fixed path is expected to recover."""
    return _Judge(asked, belief, today).expected(tuple(indices))


def _values(
    asked: Clearance, belief: Belief, *, today: int, first_only: bool = False
) -> list[Floats]:
    """Solve each hypothesis backwards; return each week's worth [H, steps + 1, M, S].

    The worth of charging a price this week with so many steps left after it, and of
    doing what is best from then on.
    """
    grid, mean = Grid(stock=asked.stock), means(belief, asked, today=today)
    over = np.array(asked.prices) - asked.salvage
    shape = (len(belief.weight), asked.steps + 1, len(asked.prices), grid.lots + 1)
    after, found = np.zeros(shape), list[Floats]()
    lots = np.arange(grid.lots + 1)
    # With 45 hypotheses a quarter of a second for a product and week.
    for week in reversed(range(asked.weeks)):
        # Shapes: moves [H, M, S, S'], sold [H, M, S], after and now [H, steps + 1, M,
        # S].
        moves = grid.moves(grid.sales(mean[:, :, week], asked.noise))
        sold = (lots - moves @ lots) * grid.units
        worth = over[None, :, None] * sold
        later = moves @ after.transpose(0, 2, 3, 1)  # a product for each h and m
        now = worth[:, None] + later.transpose(0, 3, 1, 2)
        if not first_only:
            found.insert(0, now)
        after = _optimum(now)
    return [now] if first_only else found


def _optimum(worth: Floats) -> Floats:
    """Return the worth of holding a price with so many steps left: stay, or step."""
    best = worth.copy()
    # The best of a price and all those below it.
    lower = np.flip(np.maximum.accumulate(np.flip(worth, axis=2), axis=2), axis=2)
    # With a step used, one fewer is left: n on this side, n − 1 on the other.
    best[:, 1:, :-1] = np.maximum(best[:, 1:, :-1], lower[:, :-1, 1:])
    return best


def _open(mean: Floats, held: int, steps: int) -> Floats:
    """Return what may be charged after `held` is worth; `mean`: [steps + 1, M]."""
    found = np.full(mean.shape[1], -np.inf)
    found[held] = mean[steps, held]
    if steps:
        # Prices fall with the index: only those after `held` are lower.
        found[held + 1 :] = mean[steps - 1, held + 1 :]
    return found


def _policy_path(
    asked: Clearance, belief: Belief, held: int, today: int
) -> tuple[int, ...]:
    """Follow the policy on the average over all stocks that it may lead to."""
    grid, mean = Grid(stock=asked.stock), means(belief, asked, today=today)
    there = np.zeros((len(belief.weight), grid.lots + 1))
    # [H, S]: at first each hypothesis has its weight on the whole stock.
    there[:, -1] = belief.weight
    steps, made = asked.steps, list[int]()
    for week, worth in enumerate(_values(asked, belief, today=today)):
        options = _open(np.einsum("hs,hnms->nm", there, worth), held, steps)
        index = int(options.argmax())
        if options[index] > options[held] + 1e-9:
            steps, held = steps - 1, index
        made.append(held)
        moves = grid.moves(grid.sales(mean[:, held, week], asked.noise))
        there = np.einsum("hs,hst->ht", there, moves)
    return tuple(made)


def _near(
    path: tuple[int, ...], held: int, asked: Clearance
) -> Iterator[tuple[int, ...]]:
    """Yield the legal paths that differ in a stretch after the first week: later,
    earlier, up or down."""
    seen = {path}
    starts = [w for w in range(1, len(path)) if w == 1 or path[w] != path[w - 1]]
    for start, end in pairwise([*starts, len(path)]):
        for first in range(max(1, start - 1), min(start + 2, end)):
            for last in (end, min(end + 1, len(path)), len(path)):
                # −1 would be Python's last price, but it lies above `held` and is not
                # legal.
                for index in {path[start] - 1, path[start], path[start] + 1}:
                    part = (index,) * (last - first)
                    one = path[:first] + part + path[last:]
                    if one not in seen and _legal(one, held, asked):
                        seen.add(one)
                        yield one


def _legal(path: Sequence[int], held: int, asked: Clearance) -> bool:
    whole = [held, *path]
    pairs = list(pairwise(whole))
    falls = all(one <= other for one, other in pairs) and held <= path[-1]
    steps = sum(one != other for one, other in pairs)
    return falls and path[-1] < len(asked.prices) and steps <= asked.steps


class _Judge:
    """What fixed paths are expected to recover; moves are made once for each price."""

    def __init__(self, asked: Clearance, belief: Belief, today: int) -> None:
        self.asked, self.belief = asked, belief
        self.grid = Grid(stock=asked.stock)
        self.mean = means(belief, asked, today=today)
        self.moves: dict[tuple[int, int], Floats] = {}
        self.known: dict[tuple[int, ...], float] = {}

    def expected(self, path: tuple[int, ...]) -> float:
        if path not in self.known:
            self.known[path] = self._expected(path)
        return self.known[path]

    def _expected(self, path: tuple[int, ...]) -> float:
        lots = np.arange(self.grid.lots + 1)
        there = np.zeros((len(self.belief.weight), self.grid.lots + 1))
        there[:, -1], total = self.belief.weight, 0.0
        for week, index in enumerate(path):
            before = float((there @ lots).sum())
            there = np.einsum("hs,hst->ht", there, self._moves(index, week))
            sold = (before - float((there @ lots).sum())) * self.grid.units
            total += (self.asked.prices[index] - self.asked.salvage) * sold
        return total

    def _moves(self, index: int, week: int) -> Floats:
        key = index, week
        if key not in self.moves:
            sales = self.grid.sales(self.mean[:, index, week], self.asked.noise)
            self.moves[key] = self.grid.moves(sales)
        return self.moves[key]
