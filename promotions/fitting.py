"""Whole offers within every limit: take back what is too much, use what is left. Pure.

Both go by single moves (one offer comes, goes, or takes another's place), those that
lose least of reduced value first. Use is counted in float64.
"""

from collections.abc import Iterator

import numpy as np

from promotions.choices import blocks, chosen_of, reduced, tariff
from promotions.duals import Moves, change, moves
from promotions.instances import NOBODY, Bools, Doubles, Ints
from promotions.remainders import Rest
from promotions.takings import takes, totals

ROUNDS = 8
CELLS = 1_000_000
"""Numbers of a chunk of moves."""
IDLE = 10
"""Chunks in which nothing fitted, after which no more are tried."""


def picks_of(chosen: Bools, most: int) -> Ints:
    """Return [m, n] booleans as picks [most, n], −1 where there is none."""
    picks = np.full((max(most, 1), chosen.shape[1]), NOBODY, np.int16)
    option, who = np.nonzero(chosen)
    order = np.argsort(who, kind="stable")
    option, who = option[order], who[order]
    # `who` is sorted: a pick's place is how far it is from its customer's first one.
    first = np.searchsorted(who, who)
    # [place, customer]: places from 0 on, the rest stays NOBODY.
    picks[np.arange(len(who)) - first, who] = option
    return picks


def move(picks: Ints, who: int, out: int, into: int) -> None:
    """Apply a move to a customer's picks."""
    column = picks[:, who]
    place = np.flatnonzero(column == (out if out >= 0 else NOBODY))[0]
    column[place] = into


def fill(rest: Rest, picks: Ints, used: Doubles, prices: Doubles, width: float) -> None:
    """Use what the limits have left, in place, by moves that lose at most `width`."""
    for _ in range(ROUNDS):
        # Anew in each round: a move makes others possible, or no longer.
        some = moves(rest, prices, picks, width)
        some = some.take(np.argsort(some.loss, kind="stable"))
        done, idle = 0, 0
        for chunk in _chunks(rest, some):
            made = _filled(rest, picks, used, prices, chunk)
            done, idle = done + made, 0 if made else idle + 1
            if idle == IDLE:
                break
        if not done:
            break


def _chunks(rest: Rest, some: Moves) -> Iterator[Moves]:
    """Yield moves, some at a time: each needs a row of J numbers."""
    size = max(CELLS // max(len(rest.limit), 1), 1)
    for start in range(0, len(some.who), size):
        yield some.take(np.arange(start, min(start + size, len(some.who))))


def _filled(
    rest: Rest, picks: Ints, used: Doubles, prices: Doubles, some: Moves
) -> int:
    """Make those moves that gain and fit, in order; return how many."""
    open_ = _open(picks, some)
    some = some.take(np.flatnonzero(open_))
    delta = change(rest, some, picks)
    slack = rest.limit - used
    gains = delta @ prices - some.loss > 0
    best = np.flatnonzero(gains & (delta <= slack).all(axis=1))
    # One move a customer: what another loses was reckoned from the picks as they are.
    best = best[np.unique(some.who[best], return_index=True)[1]]
    best.sort()
    # Many at once as long as their sums fit; then one by one, so that an offer which is
    # too large does not keep smaller ones out.
    done = _prefix(delta[best], slack)
    _make(picks, used, some, delta, best[:done])
    slack = rest.limit - used
    for one in best[done:]:
        if (delta[one] <= slack).all():
            _make(picks, used, some, delta, np.array([one]))
            slack -= delta[one]
            done += 1
    return done


def _open(picks: Ints, some: Moves) -> Bools:
    """Mark the moves that can still be made: nothing else happened there before."""
    mine = picks[:, some.who]
    # What comes in for nothing needs a place that is free.
    leaves = np.where(some.out >= 0, some.out, NOBODY)
    comes = (some.into >= 0) & (mine == some.into).any(axis=0)
    return np.asarray((mine == leaves).any(axis=0) & ~comes)


def _prefix(delta: Doubles, slack: Doubles) -> int:
    """Return how many moves, in order, fit all together."""
    fits = np.asarray((np.cumsum(delta, axis=0) <= slack).all(axis=1))
    return len(fits) if fits.all() else int(fits.argmin())


def _make(picks: Ints, used: Doubles, some: Moves, delta: Doubles, which: Ints) -> None:
    """Make some moves of different customers."""
    who, out, into = some.who[which], some.out[which], some.into[which]
    place = (picks[:, who] == np.where(out >= 0, out, NOBODY)).argmax(axis=0)
    picks[place, who] = into
    used += delta[which].sum(axis=0)


def relieve(
    rest: Rest, picks: Ints, used: Doubles, prices: Doubles, width: float
) -> bool:
    """Bring the use within the limits, in place; say whether that was possible.

    First by moves of at most `width`, which may be swaps; then by taking offers back.
    """
    for _ in range(ROUNDS):
        if (used <= rest.limit).all():
            return True
        some = moves(rest, prices, picks, width)
        some = some.take(np.argsort(some.loss, kind="stable"))
        if not sum(_relieved(rest, picks, used, one) for one in _chunks(rest, some)):
            break
    return bool((used <= rest.limit).all()) or _take_back(rest, picks, used, prices)


def _relieved(rest: Rest, picks: Ints, used: Doubles, some: Moves) -> int:
    """Make moves that lessen what is too much, and make nothing else too much."""
    over = used > rest.limit
    if not over.any():
        return 0
    some = some.take(np.flatnonzero(_open(picks, some)))
    delta = change(rest, some, picks)
    # In parts of what is too much: limits of money, units and customers are comparable.
    relief = -(delta[:, over] / (used - rest.limit)[over]).sum(axis=1)
    useful = (relief > 0) & (delta[:, over] <= 0).all(axis=1)
    order = np.flatnonzero(useful)
    price = np.maximum(some.loss[order], 0.0) / relief[order]
    order = order[np.argsort(price, kind="stable")]
    order = order[np.sort(np.unique(some.who[order], return_index=True)[1])]
    # All that fit beside each other and are still needed go at once, then one by one.
    # What is too much has no room to keep to here: how it moves
    # is looked at in `needed`.
    room = np.where(over, np.inf, rest.limit - used)
    sums = np.cumsum(delta[order], axis=0)
    needed = (used[over] + sums[:, over] > rest.limit[over]).all(axis=1)
    fits = np.asarray((sums <= room).all(axis=1) & needed)
    done = len(fits) if fits.all() else int(fits.argmin())
    _make(picks, used, some, delta, order[:done])
    for one in order[done:]:
        over = used > rest.limit
        if not over.any():
            break
        change_ = delta[one]
        if (change_[over] < 0).any() and ((used + change_ <= rest.limit) | over)[
            change_ > 0
        ].all():
            if (change_[over] > 0).any():
                continue
            _make(picks, used, some, delta, np.array([one]))
            done += 1
    return done


def _take_back(rest: Rest, picks: Ints, used: Doubles, prices: Doubles) -> bool:
    """Take back the offers that lose least for what they free, limit by limit."""
    # Shares ask for more offers: to take one back only misses them by more.
    for row in range(rest.first_share):
        if used[row] <= rest.limit[row]:
            continue
        _free(rest, picks, row, used[row] - rest.limit[row], prices)
        # Anew: an offer that was taken back frees other limits too.
        used[:] = totals(rest, picks)[1]
    return bool((used <= rest.limit).all())


def _free(rest: Rest, picks: Ints, row: int, excess: float, prices: Doubles) -> None:
    option, who = np.nonzero(chosen_of(picks, rest.options))
    taken = np.zeros(len(who))
    size = max(CELLS // len(rest.limit), 1)  # a row of J numbers for each
    for start in range(0, len(who), size):
        at = slice(start, start + size)
        taken[at] = takes(rest, option[at], who[at])[:, row]
    uses = np.flatnonzero(taken > 0)
    option, who, taken = option[uses], who[uses], taken[uses]
    loss = np.empty(len(who))
    charged = tariff(rest, prices)
    for at in blocks(rest.customers):
        values = np.empty((rest.options, at.stop - at.start), rest.value.dtype)
        inside = np.flatnonzero((who >= at.start) & (who < at.stop))
        if len(inside):
            reduced(rest, charged, at, values)
            loss[inside] = values[option[inside], who[inside] - at.start]
    order = np.argsort(loss / taken, kind="stable")
    # A hair more than the excess, as sums in another order differ in their last digits.
    enough = int(np.searchsorted(np.cumsum(taken[order]), excess * (1 + 1e-12))) + 1
    for one in order[:enough]:
        move(picks, int(who[one]), int(option[one]), NOBODY)
