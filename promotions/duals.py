"""Prices of the limits: the Lagrangian dual by a Newton method on sweeps. Pure NumPy.

The dual is convex, and piecewise linear; over many customers it is all but smooth. Its
gradient is limit − use. Its curvature is counted from those near a change of mind: a
swap at distance D ≤ h, which moves the use by Δ, adds Δ Δᵀ / 2h (a kernel estimate of
the density at D = 0). h shrinks as the steps do. Any prices give a valid bound, so
nothing here has to be right for a plan to be safe; it only has to be good.
"""

from dataclasses import dataclass

import numpy as np

from promotions.choices import Sweep, blocks, bonus, reduced, swaps, sweep, tariff
from promotions.instances import NOBODY, Doubles, Ints
from promotions.remainders import Rest
from promotions.takings import takes

STEPS = 60
PAIRS = 40_000
"""Swaps that a curvature is counted from, at most."""


@dataclass(kw_only=True)
class Descent:
    """Where a search for prices stands: the best bound so far, and its sweep."""

    prices: Doubles
    seen: Sweep
    passes: int = 1
    converged: bool = False

    @property
    def bound(self) -> float:
        return self.seen.bound


def descend(
    rest: Rest,
    prices: Doubles,
    *,
    tolerance: float,
    steps: int = STEPS,
    near: float = 0.25,
) -> Descent:
    """Lower the dual's bound from these prices until a step gains ≤ tolerance of it.

    `near`: the share of customers that the first curvature is counted from, small
    where the prices are nearly right.
    """
    now = Descent(prices=prices, seen=sweep(rest, prices, margins=True))
    least = min(0.25, max(0.004, 400 / rest.customers))
    stuck = 0
    for _ in range(steps):
        slope = rest.limit - now.seen.used
        if not _open(slope, now.prices).any():
            now.converged = True
            break
        step = _step(rest, now, slope, near)
        before, scale = now.bound, abs(now.bound) + 1e-300
        if not step.any():
            now.converged = True
            break
        _search(rest, now, step)
        gain = (before - now.bound) / scale
        if gain <= tolerance:
            # A small gain may be a curve counted too wide: once more, nearer.
            stuck += near <= least
            if stuck > 1:
                now.converged = True
                break
            near = max(near / 4, least)
        elif gain < 0.02:
            near = max(near / 2, least)
    return now


def _open(slope: Doubles, prices: Doubles) -> Doubles:
    """Mark the prices that could move: all but those at zero whose limit is slack."""
    return np.asarray((prices > 0) | (slope < 0))


def _step(rest: Rest, now: Descent, slope: Doubles, near: float) -> Doubles:
    """Return a Newton step; no price moves by much more than its limit earns now."""
    step = newton(curvature(rest, now.prices, now.seen, near), slope, now.prices)
    earns = abs(now.seen.worth) / np.maximum(np.abs(now.seen.used), 1e-300)
    # Unclipped, limits that nobody is near got huge prices.
    reach = np.maximum(np.maximum(3 * earns, now.prices), 1e-9)
    clipped = np.clip(step, -reach, reach)
    # Clipped one by one, a step may lead uphill; shortened as a whole it does not.
    if clipped @ slope < 0:
        return clipped
    return step / max(float((np.abs(step) / reach).max()), 1.0)


def curvature(rest: Rest, prices: Doubles, seen: Sweep, near: float) -> Doubles:
    """Return the dual's estimated Hessian, [J, J].

    `near`: the share of the customers that are looked at, those of least margin.
    """
    margin = seen.margin
    wide = max(int(near * rest.customers), 1)
    width = float(np.partition(margin, wide - 1)[wide - 1])
    # Ties are many at distance zero: a width of nothing would be a wall, not a curve.
    width = max(width, 0.2 * near * average(seen), 1e-300)
    close = np.flatnonzero(margin <= width)
    weight = 1.0
    if len(close) * 2 > PAIRS:  # each such customer has about two swaps
        every = -(-len(close) * 2 // PAIRS)
        # Each that is looked at stands for `every` of them.
        weight, close = float(every), close[::every]
    part, picks = rest.take(close), seen.picks[:, close]
    delta = change(part, moves(part, prices, picks, width), picks)
    weight /= 2 * width
    return np.asarray((delta.T @ delta) * weight)


def average(seen: Sweep) -> float:
    """Return what a chosen offer is worth on average, or 1 where there is none."""
    count = int((seen.picks >= 0).sum())
    return abs(seen.worth) / count if count and seen.worth else 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Moves:
    """Single changes: `into` comes in for `out` (−1: nothing) at a customer."""

    who: Ints
    into: Ints
    out: Ints
    loss: Doubles
    """Of reduced value; negative where it gains."""

    def take(self, some: Ints) -> "Moves":
        return Moves(
            who=self.who[some],
            into=self.into[some],
            out=self.out[some],
            loss=self.loss[some],
        )


def moves(rest: Rest, prices: Doubles, picks: Ints, width: float) -> Moves:
    """List the changes that lose at most `width` of reduced value."""
    charged, found = tariff(rest, prices), []
    for at in blocks(rest.customers):
        values = np.empty((rest.options, at.stop - at.start), rest.value.dtype)
        reduced(rest, charged, at, values)
        extra, mine = bonus(rest, charged, at), picks[:, at]
        distance, out = swaps(rest, values, extra, mine, at)
        into, who = np.nonzero((distance <= width) & np.isfinite(distance))
        # What is chosen changes by going, for nothing.
        drops = (mine[:, who] == into).any(axis=0)
        gone = np.where(drops, into, out[into, who])
        into_or_none = np.where(drops, NOBODY, into)
        loss = distance[into, who].astype(np.float64)
        found.append((who + at.start, into_or_none, gone.astype(np.int64), loss))
    who, into, gone, loss = (np.concatenate(part) for part in zip(*found, strict=True))
    return Moves(who=who, into=into, out=gone, loss=loss)


def change(rest: Rest, some: Moves, picks: Ints) -> Doubles:
    """Return what each move adds to the use of each limit, [moves, J]."""
    delta = np.zeros((len(some.who), len(rest.limit)))
    comes, goes = np.flatnonzero(some.into >= 0), np.flatnonzero(some.out >= 0)
    delta[comes] += takes(rest, some.into[comes], some.who[comes])
    delta[goes] -= takes(rest, some.out[goes], some.who[goes])
    if rest.group is not None:
        held = (picks[:, some.who] >= 0).sum(axis=0)
        after = held + (some.into >= 0) - (some.out >= 0)
        # A share's use is minus those who have one: a first, or last, offer moves it.
        turn = (held > 0).astype(float) - (after > 0)
        group = rest.group[some.who]
        turn[group < 0] = 0
        if rest.covered is not None:
            turn[rest.covered[some.who]] = 0
        turned = np.flatnonzero(turn)
        delta[turned, rest.first_share + group[turned]] += turn[turned]
    return delta


def newton(curve: Doubles, slope: Doubles, prices: Doubles) -> Doubles:
    """Return the step to the least of the quadratic model over prices ≥ 0.

    An active set: what would fall below zero is held there, and let go when its slope
    says so. A little curvature is added, so that a limit nobody is near can be moved.
    """
    size = len(slope)
    diagonal = np.maximum(np.diag(curve), 0.0)
    usual = diagonal[diagonal > 0]
    floor = 1e-4 * float(usual.min()) if len(usual) else 1.0
    curve = curve + np.diag(np.maximum(1e-6 * diagonal, 0) + floor * (diagonal <= 0))
    held = (prices <= 0) & (slope >= 0)
    step = np.zeros(size)
    # Bounded, lest sets take turns for ever: prices of any step give a valid bound.
    for _ in range(2 * size + 10):
        free = np.flatnonzero(~held)
        step[:] = np.where(held, -prices, 0.0)
        if len(free):
            force = -(slope + curve @ step)[free]
            step[free] = np.linalg.solve(curve[np.ix_(free, free)], force)
        below = ~held & (prices + step < 0)
        if below.any():
            held |= below
            continue
        pull = slope + curve @ step
        wrong = held & (pull < -1e-9 * (np.abs(slope) + 1e-300))
        if not wrong.any():
            break
        held[np.flatnonzero(wrong)[pull[wrong].argmin()]] = False
    return np.maximum(prices + step, 0.0) - prices


def _search(rest: Rest, now: Descent, step: Doubles) -> None:
    """Go along the step to where the dual stops falling, and keep the least bound."""
    start, seen = now.prices, now.seen
    low, low_slope = 0.0, float((rest.limit - seen.used) @ step)
    high, high_slope = np.inf, 0.0
    length, first = 1.0, low_slope
    if first >= 0:
        return
    for _ in range(12):
        prices = np.maximum(start + length * step, 0.0)
        trial = sweep(rest, prices, margins=True)
        now.passes += 1
        slope = float((rest.limit - trial.used) @ step)
        if trial.bound < now.bound:
            now.prices, now.seen = prices, trial
        # Loosely the strong Wolfe conditions: every further look sweeps over everybody.
        if abs(slope) <= 0.3 * abs(first) and trial.bound < seen.bound:
            break
        if slope < 0:
            low, low_slope = length, slope
        else:
            high, high_slope = length, slope
        if high == np.inf:
            length *= 3
        else:
            # A secant, kept off the ends: else a kink makes it crawl.
            share = low_slope / (low_slope - high_slope)
            length = low + (high - low) * min(max(share, 0.1), 0.9)
