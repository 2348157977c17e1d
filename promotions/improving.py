"""The best plan so far, and what makes it better: cores, moves, branch and bound. Pure.

Whatever is offered is kept only if it fits and is worth more (`Work.offer`), so each
step may try what it likes. In what order they are tried is promotions.allocation's.
"""

from dataclasses import dataclass

import numpy as np

from promotions import core_lp
from promotions.certificates import relative
from promotions.choices import (
    Sweep,
    blocks,
    bonus,
    chosen_of,
    reduced,
    swaps,
    sweep,
    tariff,
)
from promotions.duals import average, moves
from promotions.fitting import fill, picks_of, relieve
from promotions.instances import NOBODY, Bools, Doubles, Instance, Ints
from promotions.remainders import Rest
from promotions.takings import totals

POLISH_SECONDS = 3.0
SEARCHED = 40_000
"""Pairs that branch and bound may be asked about."""
SEARCH_SECONDS = 20.0
TIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of an average offer: margins that are nothing but rounding, or a price's."""
MANY = 2e-4
"""Of the bound: what is unused for want of moves in a core, and not of small change."""


@dataclass(kw_only=True, eq=False)
class Work:
    """The best that is known so far: a plan that fits, and prices of a low bound."""

    asked: Instance
    rest: Rest
    gap: float
    prices: Doubles
    bound: float = np.inf
    picks: Ints | None = None
    worth: float = -np.inf
    searched: float | None = None
    typical: float = 1.0
    """What an offer is worth on average."""

    def offer(self, picks: Ints) -> None:
        """Keep these picks if they fit and are worth more; offers of no worth go."""
        # With shares, an offer that loses may be the one that a group is owed.
        if not self.asked.shares:
            for row in picks:
                who = np.flatnonzero(row >= 0)
                row[who[self.rest.value[row[who], who] <= 0]] = NOBODY
        worth, used = totals(self.rest, picks)
        # In floats: only the certificate, in fractions, may say that a plan fits.
        if worth > self.worth and (used <= self.rest.limit).all():
            self.picks, self.worth = picks, worth

    def price(self, prices: Doubles, bound: float) -> None:
        if bound < self.bound:
            self.prices, self.bound = prices.copy(), bound

    @property
    def reached(self) -> float:
        """The gap so far, by the solver's own arithmetic."""
        bound = min(self.bound, self.searched if self.searched is not None else np.inf)
        return relative(self.asked, self.worth, bound)


def fit(work: Work, rest: Rest, picks: Ints, width: float) -> None:
    used = totals(rest, picks)[1]
    if not relieve(rest, picks, used, work.prices, width):
        return
    fill(rest, picks, used, work.prices, width)
    work.offer(picks)


def core(work: Work, seen: Sweep, base: Ints, size: int) -> Sweep:
    """Decide the customers near a change of mind together, the others as in `base`."""
    rest = work.rest
    near = np.argpartition(seen.margin, size - 1)[:size]
    work.typical = average(seen)
    # Where all of these tie, the widest margin is zero, and rounding would hide moves.
    width = max(float(seen.margin[near].max()), TIES[0] * work.typical)
    near.sort()
    part = rest.take(near)
    mine = base[:, near]
    some = moves(part, work.prices, mine, 2 * width)
    free = np.zeros((rest.options, size), dtype=np.bool_)
    for end in (some.into, some.out):
        inside = end >= 0
        free[end[inside], some.who[inside]] = True
    chosen = chosen_of(mine, rest.options)
    held = chosen & ~free
    freed = picks_of(chosen & free, rest.most)
    # All that everybody else, and what is held here, leaves of the limits.
    limit = rest.limit - totals(rest, base)[1] + totals(part, freed)[1]
    option, who = np.nonzero(free)
    bend = 100 * average(seen)
    solved = core_lp.solve(part, option, who, held, limit, bend=bend)
    picks = base.copy()
    if solved is not None:
        sure = solved.x > 1 - 1e-6
        held[option[sure], who[sure]] = True
        picks[:, near] = picks_of(held, rest.most)
        # Any prices bound everybody: a few customers' are kept if they bound lower.
        trial = sweep(rest, solved.prices, margins=True)
        if trial.bound < work.bound:
            work.price(solved.prices, trial.bound)
            seen = trial
    _settle(work, picks, near, 3 * width)
    return seen


def _settle(work: Work, picks: Ints, near: Ints, width: float) -> None:
    """Make the picks fit by moves of the customers `near`, and all if it must be."""
    rest = work.rest
    part = rest.take(near)
    used = totals(rest, picks)[1]
    inner = picks[:, near]
    mine = totals(part, inner)[1]
    # `take` made a limit anew: the one of everybody stays as it is.
    part.limit[:] = rest.limit - (used - mine)
    if relieve(part, inner, mine, work.prices, width):
        fill(part, inner, mine, work.prices, width)
    picks[:, near] = inner
    used = totals(rest, picks)[1]
    if not relieve(rest, picks, used, work.prices, width):
        return
    # From the core alone, a million who tie at a return's kink ended 1.4 to 5.6 % off.
    for tie in TIES:
        # Ties may be many: more of them must move than a core holds.
        # p · slack is the part of the gap that is limits left unused.
        if work.prices @ (rest.limit - used) <= MANY * abs(work.bound):
            break
        fill(rest, picks, used, work.prices, tie * work.typical)
    work.offer(picks)


def polish(work: Work, pairs: int) -> None:
    """Branch and bound over the pairs that the prices leave most open.

    What a linear programme leaves is a handful of fractions and some of each limit; a
    few hundred customers are enough to use it up.
    """
    rest = work.rest
    if work.picks is None:
        return
    seen = sweep(rest, work.prices, margins=True)
    moved = (seen.picks != work.picks).any(axis=0)
    # Where the plan is not what the prices say, something is open by itself.
    seen.margin[moved] = 0.0
    size = min(pairs // 3, rest.customers)
    near = np.sort(np.argpartition(seen.margin, size - 1)[:size])
    part, mine = rest.take(near), work.picks[:, near]
    some = moves(part, work.prices, mine, float(seen.margin[near].max()))
    order = np.argsort(some.loss, kind="stable")[:pairs]
    free = np.zeros((rest.options, size), dtype=np.bool_)
    for end in (some.into[order], some.out[order]):
        inside = end >= 0
        free[end[inside], some.who[order][inside]] = True
    chosen = chosen_of(mine, rest.options)
    _, freed = totals(part, picks_of(chosen & free, rest.most))
    limit = rest.limit - totals(rest, work.picks)[1] + freed
    held = chosen & ~free
    option, who = np.nonzero(free)
    if not len(option):
        return
    wanted = 0.5 * work.gap * abs(work.bound)
    solved = core_lp.solve(
        part, option, who, held, limit, whole=True, slip=wanted, seconds=POLISH_SECONDS
    )
    if solved is not None:
        held[option[solved.x > 0.5], who[solved.x > 0.5]] = True
        picks = work.picks.copy()
        picks[:, near] = picks_of(held, rest.most)
        _settle(work, picks, near, float(seen.margin[near].max()))


def search(work: Work) -> None:
    """Branch and bound over the pairs that a plan better than ours could hold.

    A pair whose least change loses more than bound − worth is in no better plan (or in
    all of them): reduced-cost fixing, exact for whichever plan is best.
    """
    rest = work.rest
    seen = sweep(rest, work.prices)
    room = work.bound - work.worth
    free = _undecided(rest, work.prices, seen.picks, room)
    option, who = np.nonzero(free)
    if len(option) > SEARCHED:
        return
    chosen = chosen_of(seen.picks, rest.options)
    held = chosen & ~free
    value, used = totals(rest, picks_of(held, rest.most))
    # Nothing is open: the best plan is what the prices say, or ours.
    if not len(option):
        work.searched = max(value, work.worth)
        return
    solved = core_lp.solve(
        rest,
        option,
        who,
        held,
        rest.limit - used,
        whole=True,
        slip=0.5 * work.gap * abs(work.bound),
        seconds=SEARCH_SECONDS,
    )
    if solved is None:
        return
    # A plan that holds other pairs is worth no more than ours.
    work.searched = max(solved.bound + value, work.worth)
    held[option[solved.x > 0.5], who[solved.x > 0.5]] = True
    fit(work, rest, picks_of(held, rest.most), 0.0)


def _undecided(rest: Rest, prices: Doubles, picks: Ints, room: float) -> Bools:
    """Mark the pairs whose change of state loses at most `room`, [m, n]."""
    free = np.empty(rest.value.shape, dtype=np.bool_)
    charged = tariff(rest, prices)
    for at in blocks(rest.customers):
        values = np.empty((rest.options, at.stop - at.start), rest.value.dtype)
        reduced(rest, charged, at, values)
        distance, _ = swaps(rest, values, bonus(rest, charged, at), picks[:, at], at)
        chosen = chosen_of(picks[:, at], rest.options)
        # Who goes out may make room for any other one: for the best of these at most.
        other = np.where(chosen, -np.inf, values).max(axis=0)
        inside = np.where(chosen, values, 0)
        change = np.where(chosen, np.minimum(distance, inside - other), distance)
        # Values may be float32, of seven digits: rounding must decide no pair.
        size = np.abs(np.where(np.isfinite(values), values, 0)).max(axis=0)
        free[:, at] = change <= room * (1 + 1e-6) + 1e-5 * size
    return free & np.isfinite(rest.value)
