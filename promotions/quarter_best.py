"""Where a quarter's budget brings most: starts and amounts. Pure NumPy.

Amounts, for given starts: the next coin goes where it brings most, as long as the
quarter's budget, the weeks that are fixed, and what a running strategy has left allow
it. Curves are concave, so that this is the optimum where no week is fixed. Weeks that
are get a price, which rises while more is wanted of them than they have (a subgradient
of the Lagrangian dual), and the best of the amounts on the way is taken: of 60 cases
99.9 % of what HiGHS finds, and 97 % in the worst.
Starts: one line after the other, most gain first, is tried at every Monday that it fits
from, with all others where they are, then all once more. What lines take from each
other counts in the choice of starts, not in that of amounts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache

import numpy as np

from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Curve, Floats, Line, Run, Shared, losses, run

PIECES = 8
"""Of a curve: more gained nothing that intervals would not swallow."""
ROUNDS = 2
STEPS = 20
"""Of the prices that fixed weeks get; a step takes 0.5 ms for twenty lines."""
LEAST_GAIN = 1e-9


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What may still be given in the quarter, and in each week that is fixed (else
    infinity).
    """

    total: float
    weeks: Floats

    @cached_property
    def bound(self) -> bool:
        return bool(np.isfinite(self.weeks).any())


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a line's curve: what a coin brings in it, and how long it is."""

    slope: float
    key: str
    length: float


def best(
    lines: Sequence[Line],
    shared: Sequence[Shared],
    quarter: Quarter,
    *,
    now: datetime,
    limits: Limits,
) -> list[Line]:
    """Return the lines with the starts and amounts that bring most together.

    What is movable may get any amount, what runs no more than it has. What nothing is
    known of keeps its place and amount, which limits hold already.
    """
    known = [one for one in lines if one.curve is not None]
    runs = {one.key: run(one, quarter, now=now) for one in known}
    # Most gain first: the others find their places around it.
    movable = sorted((one for one in known if one.movable), key=lambda one: -_most(one))
    places = {
        one.key: [run(at, quarter, now=now) for at in _places(one, quarter, now)]
        for one in movable
    }
    for key in list(places) * ROUNDS:
        # Where it is comes first (`_places`), and `max` keeps the first of equals:
        # nothing moves for no gain.
        tried = [runs | {key: at} for at in places[key]]
        runs = max(tried, key=lambda some: _gain(some, fill(some, limits), shared))
    # Once, for the starts that were chosen: in
    # the search for them it is filled in one go.
    given = fill(runs, limits, steps=STEPS)
    placed = {
        key: replace(one.line, money=given[key] * one.whole) for key, one in _in(runs)
    }
    return [placed.get(one.key, one) for one in lines]


def _in(runs: Mapping[str, Run]) -> list[tuple[str, Run]]:
    """Return what has a part in the quarter: of others nothing is decided here."""
    return [(key, one) for key, one in runs.items() if one.weight > 0]


def committed(lines: Sequence[Line], quarter: Quarter, *, now: datetime) -> Floats:
    """Return by week what lines give of which nothing else is known."""
    costs = [run(one, quarter, now=now).costs for one in lines if one.curve is None]
    return np.asarray(sum(costs, np.zeros(quarter.weeks)))


def _most(line: Line) -> float:
    return float(line.curve.mean[-1]) if line.curve is not None else 0.0


def _places(line: Line, quarter: Quarter, now: datetime) -> Iterator[Line]:
    """Yield the line where it is, and at each Monday to come that it fits from."""
    yield line
    for monday in quarter.mondays:
        ends_at = monday + line.lasts
        if monday >= now and ends_at <= quarter.ends_at + WEEK / 7:
            yield replace(line, starts_at=monday, ends_at=ends_at)


def fill(
    runs: Mapping[str, Run], limits: Limits, *, steps: int = 1
) -> dict[str, float]:
    """Return what each gives for a unit of its time: the best of some orders."""
    pieces, price = _pieces(runs), np.zeros_like(limits.weeks)
    tried = [_in_order(pieces, runs, limits)]
    for step in range(1, steps if limits.bound else 1):
        rise = pieces[0].slope if pieces else 0.0
        # Steps of a subgradient: in units of the steepest slope, shorter by and by. A
        # price may fall again, so the best of all tries is kept, not the last.
        price += rise * _scarce(pieces, runs, price, limits) / (1 + step)
        price = np.maximum(price, 0.0)
        tried.append(_in_order(sorted(pieces, key=_dearer(runs, price)), runs, limits))
    return max(tried, key=lambda one: one.gain).given


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What each gives for a unit of its time, and what that brings in all."""

    given: dict[str, float]
    gain: float


def _in_order(
    pieces: Sequence[Piece], runs: Mapping[str, Run], limits: Limits
) -> Filled:
    total, weeks, gain = limits.total, limits.weeks.copy(), 0.0
    bound = limits.bound
    given = dict.fromkeys(runs, 0.0)
    for piece in pieces:
        one = runs[piece.key]
        inside, whole = one.inside, one.weight
        # A piece gives `more` for each unit of its time,
        # so `more · whole` of the quarter's money.
        more = min(piece.length, total / whole, _cap(one) - given[piece.key])
        # The scarcest of the fixed weeks that it runs in says how much.
        if bound:
            more = min(more, float((weeks[inside] / one.within[inside]).min()))
        more = max(0.0, more)
        given[piece.key] += more
        gain += more * piece.slope * whole
        total -= more * whole
        if bound:
            weeks -= more * one.within
    return Filled(given=given, gain=gain)


def _dearer(runs: Mapping[str, Run], price: Floats) -> Callable[[Piece], float]:
    return lambda piece: -_left(piece, runs[piece.key], price)


def _left(piece: Piece, one: Run, price: Floats) -> float:
    """Return what a coin brings once scarce weeks have their price."""
    return piece.slope - float((one.within * price).sum() / one.weight)


def _scarce(
    pieces: Sequence[Piece], runs: Mapping[str, Run], price: Floats, limits: Limits
) -> Floats:
    """Return by how much more is wanted of each fixed week than it has, -1 to 1."""
    wanted = np.zeros_like(price)
    for piece in pieces:
        one = runs[piece.key]
        if _left(piece, one, price) > 0:
            wanted += piece.length * one.within
    fixed = np.isfinite(limits.weeks)
    # Infinity less infinity is no number: free weeks are left out first.
    has = np.where(fixed, limits.weeks, 0.0)
    return np.where(fixed, np.clip((wanted - has) / np.maximum(has, 1.0), -1, 1), 0.0)


def _cap(one: Run) -> float:
    return np.inf if one.line.movable else one.line.money / one.whole


def _pieces(runs: Mapping[str, Run]) -> list[Piece]:
    found = [
        Piece(slope=float(slope), key=key, length=float(length))
        for key, one in runs.items()
        if one.line.curve is not None and one.weight > 0
        for slope, length in _slopes(one.line.curve)
        if slope > LEAST_GAIN
    ]
    # Curves are concave, so the pieces of one stay in their order.
    return sorted(found, key=lambda piece: -piece.slope)


# Hashed by identity (eq=False): whoever makes
# curves keeps them, so the same ones come again.
@lru_cache(maxsize=1024)
def _slopes(curve: Curve) -> list[tuple[float, float]]:
    """Return what a coin brings in each of a curve's pieces, and their lengths."""
    points = len(curve.cost)
    spots = np.unique(np.linspace(0, points - 1, min(points, PIECES + 1)).round())
    kept = spots.astype(int)
    lengths = np.diff(curve.cost[kept])
    slopes = np.diff(curve.mean[kept]) / lengths
    return list(zip(slopes.tolist(), lengths.tolist(), strict=True))


def _gain(
    runs: Mapping[str, Run], given: Mapping[str, float], shared: Sequence[Shared]
) -> float:
    """Return what amounts bring in the quarter, less what lines lose to each other."""
    each = {key: _brings(one, given[key]) for key, one in runs.items()}
    fullness = {
        key: each[key] / most if (most := _most(one.line)) > 0 else 0.0
        for key, one in runs.items()
    }
    lost = losses(runs, fullness, shared)
    gains = {key: one.within * each[key] for key, one in runs.items()}
    return sum(
        float((gains[key] - np.minimum(lost[key], np.maximum(gains[key], 0.0))).sum())
        for key in runs
    )


def _brings(one: Run, given: float) -> float:
    curve = one.line.curve
    return 0.0 if curve is None else float(np.interp(given, curve.cost, curve.mean))
