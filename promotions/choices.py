"""Each customer's best legal set at given prices, in passes over blocks. Pure NumPy.

At prices p an option's reduced value is r = v − Σ_j p_j · (what it takes of limit j).
What a customer may get (room, one variant of a strategy, a campaign's cap) is a laminar
matroid, so the greedy set, best first while r > 0, is the best one. A share's price is
a bonus on the first offer alone. Σ r of these sets + Σ p·limit bounds every legal
answer from above: the Lagrangian dual (Fisher 1981), whose gradient is limit − use.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from promotions.instances import NOBODY, Bools, Doubles, Floats, Ints
from promotions.remainders import Rest
from promotions.takings import totals

BLOCK = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Tariff:
    """Prices as a block needs them: per option (value, cost), per sku, per group."""

    value: Floats
    cost: Floats
    sku: Floats
    bonus: Floats


def tariff(rest: Rest, prices: Doubles) -> Tariff:
    """Split prices [J] by kind, in the values' own precision."""
    budgets, stocks = len(rest.budgets), rest.stocks
    of_return = prices[rest.first_return : rest.first_share]
    by_option = (
        prices[:budgets] @ rest.budgets + (of_return * rest.least) @ rest.returns
    )
    kind = rest.value.dtype.type
    return Tariff(
        # At a return's price p: v − p · (least · c − v) = (1 + p) · v − p · least · c.
        value=(1 + of_return @ rest.returns).astype(kind),
        cost=by_option.astype(kind),
        sku=np.append(prices[budgets : budgets + stocks], 0.0).astype(kind),
        bonus=np.append(prices[rest.first_share :], 0.0).astype(kind),
    )


def reduced(rest: Rest, prices: Tariff, at: slice, out: Floats) -> None:
    """Write a block's reduced values, [m, block], without the bonus of shares."""
    spare = np.empty(out.shape[1], dtype=out.dtype)
    for option, row in enumerate(out):
        np.multiply(rest.cost[option, at], prices.cost[option], out=spare)
        if prices.value[option] == 1:
            np.subtract(rest.value[option, at], spare, out=row)
        else:
            np.multiply(rest.value[option, at], prices.value[option], out=row)
            row -= spare
        if rest.sku is None or not prices.sku.any():
            continue
        sku, units = rest.sku[option], rest.units
        if np.ndim(sku):
            # Sku −1, which is none, wraps to the last price: 0.
            np.take(prices.sku, sku[at], out=spare, mode="wrap")
            charged: Any = spare
        else:
            charged = prices.sku[sku]
        if isinstance(units, np.ndarray):
            units = units[option, at] if units.ndim == 2 else units[option]
        row -= np.multiply(charged, units, dtype=out.dtype)


def bonus(rest: Rest, prices: Tariff, at: slice) -> Floats | None:
    """Return what a first offer to each of the block earns for its group's share."""
    if rest.group is None or not prices.bonus.any():
        return None
    extra = prices.bonus[rest.group[at]]
    return extra if rest.covered is None else np.where(rest.covered[at], 0, extra)


def blocks(customers: int) -> Iterator[slice]:
    """Yield slices that fit into a processor's cache."""
    for start in range(0, customers, BLOCK):
        yield slice(start, min(start + BLOCK, customers))


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """One pass: picks [k, n] (−1: none), each customer's margin [n] to another choice
    (empty if it was not asked for).

    bound: the dual's value, to the arithmetic's precision. worth: Σ v of the picks.
    used [J]: what the picks take of each limit.
    """

    picks: Ints
    margin: Floats
    bound: float
    worth: float
    used: Doubles


def sweep(rest: Rest, prices: Doubles, *, margins: bool = False) -> Sweep:
    """Choose for everybody at these prices."""
    charged = tariff(rest, prices)
    n, kind = rest.customers, rest.value.dtype
    picks = np.full((max(rest.most, 1), n), NOBODY, np.int16)
    margin = np.empty(n if margins else 0, kind)
    buffer = np.empty((rest.options, min(BLOCK, n)), kind)
    for at in blocks(n):
        values = buffer[:, : at.stop - at.start]
        reduced(rest, charged, at, values)
        extra = bonus(rest, charged, at)
        if rest.single:
            best, second = _best_of(rest, values, extra, picks[0, at], at, margins)
            if margins:
                margin[at] = best - second
            continue
        picks[:, at] = greedy(rest, values, extra, at)
        if margins:
            distance, _ = swaps(rest, values, extra, picks[:, at], at)
            margin[at] = distance.min(axis=0)
    worth, used = totals(rest, picks)
    # Σ r + Σ p · limit, where Σ r = Σ v − Σ p · used.
    bound = worth + float(prices @ (rest.limit - used))
    return Sweep(picks=picks, margin=margin, bound=bound, worth=worth, used=used)


def _best_of(
    rest: Rest,
    values: Floats,
    extra: Floats | None,
    picks: Ints,
    at: slice,
    margins: bool,  # noqa: FBT001
) -> tuple[Floats, Floats]:
    """Pick the best of each column, if better than nothing; return the second too."""
    best = np.zeros(values.shape[1], values.dtype)
    if extra is not None:
        # Who gets nothing forgoes the bonus, so nothing is worth that much less.
        best -= extra
    second = np.full_like(best, -np.inf)
    # A byte holds the places of 126 options.
    small = np.int8 if len(values) < np.iinfo(np.int8).max else np.int16
    place, spare = np.zeros(best.shape, small), np.empty_like(best)
    better = np.empty(best.shape, np.bool_)
    for option, row in enumerate(values):
        np.greater(row, best, out=better)
        if margins:
            np.minimum(best, row, out=spare)
            np.maximum(second, spare, out=second)
        np.maximum(best, row, out=best)
        # Later options have greater places, so the maximum keeps the last better one.
        np.maximum(place, better.view(np.int8) * small(option + 1), out=place)
    # Places count from 1, so that 0 becomes NOBODY, −1.
    picks[:] = place
    picks -= 1
    if not isinstance(rest.room, int):
        # Who has no room has no other choice either: an endless margin.
        shut = rest.room[at] == 0
        picks[shut] = NOBODY
        second[shut] = -np.inf
        best[shut] = 0
    elif rest.room == 0:
        picks[:] = NOBODY
    return best, second


def greedy(rest: Rest, values: Floats, extra: Floats | None, at: slice) -> Ints:
    """Return the best legal set of each column, [k, block], −1 where there is none."""
    left = values.copy()
    size = left.shape[1]
    room = rest.room if isinstance(rest.room, int) else rest.room[at].copy()
    of_campaign = (
        None if rest.campaign_room is None else rest.campaign_room[:, at].copy()
    )
    if of_campaign is not None:
        left[of_campaign[rest.campaign] == 0] = -np.inf
    picks = np.full((max(rest.most, 1), size), NOBODY, np.int16)
    columns = np.arange(size)
    for turn, chosen in enumerate(picks):
        best = left.argmax(axis=0)
        # The bonus is the first offer's alone, which may lose as much as that.
        least = 0.0 if turn or extra is None else -extra
        takes = (left[best, columns] > least) & (room > turn)
        rows, who = best[takes], columns[takes]
        if not len(who):
            break
        chosen[who] = rows
        left[:, who] = np.where(
            rest.strategy[:, None] == rest.strategy[rows], -np.inf, left[:, who]
        )
        if of_campaign is not None:
            campaign = rest.campaign[rows]
            of_campaign[campaign, who] -= 1
            full = of_campaign[campaign, who] == 0
            mine = rest.campaign[:, None] == campaign[full]
            left[:, who[full]] = np.where(mine, -np.inf, left[:, who[full]])
    return picks


def swaps(
    rest: Rest, values: Floats, extra: Floats | None, picks: Ints, at: slice
) -> tuple[Floats, Ints]:
    """Say what the least change of each option's state costs, and what goes out for it.

    distance [m, block]: of a chosen option, what dropping it loses; of another one,
    what taking it loses (negative: it gains), with `out` [m, block] what must leave for
    it (−1: nothing). inf where it cannot be taken.
    """
    m, size = values.shape
    chosen = chosen_of(picks, m)
    held = np.where(chosen, values, np.inf)
    count = chosen.sum(axis=0)
    out = np.full((m, size), NOBODY, np.int16)
    price = np.zeros((m, size), values.dtype)
    if extra is not None:
        price -= np.where(count == 0, extra, 0)
    room = rest.room if isinstance(rest.room, int) else rest.room[at]
    full = np.asarray(count >= room)
    if extra is not None:
        # An offer that loses, held for the bonus alone, makes way for any other one.
        full |= (count == 1) & (held.min(axis=0) < 0)
    _evict(out, price, held, full, np.arange(m))
    if rest.campaign_room is not None:
        for one in np.unique(rest.campaign):
            mine = np.flatnonzero(rest.campaign == one)
            full = np.asarray(chosen[mine].sum(axis=0) >= rest.campaign_room[one, at])
            _evict(out, price, held, full, mine)
    for one in np.unique(rest.strategy):
        mine = np.flatnonzero(rest.strategy == one)
        if len(mine) > 1:
            _evict(out, price, held, np.asarray(chosen[mine].any(axis=0)), mine)
    # Who drops the only offer loses the bonus with it.
    only = np.zeros(size, values.dtype) if extra is None else extra * (count == 1)
    rows, who = np.nonzero(chosen)
    distance = price - values
    distance[rows, who] = values[rows, who] + only[who]
    out[rows, who] = NOBODY
    return distance, out


def _evict(out: Ints, price: Floats, held: Floats, full: Bools, mine: Ints) -> None:
    """Where a cap is full, who comes in must put out the least of those inside."""
    if not full.any():
        return
    who = np.flatnonzero(full) if full.ndim else np.arange(held.shape[1])
    inside = held[np.ix_(mine, who)]
    least = inside.argmin(axis=0)
    loss = inside[least, np.arange(len(who))]
    out[np.ix_(mine, who)] = np.where(np.isfinite(loss), mine[least], NOBODY)
    price[np.ix_(mine, who)] = loss  # inf: the cap is full by what was given before


def chosen_of(picks: Ints, options: int) -> Bools:
    """Return picks [k, n] as booleans [options, n]."""
    chosen = np.zeros((options, picks.shape[1]), dtype=np.bool_)
    for row in picks:
        who = np.flatnonzero(row >= 0)
        chosen[row[who], who] = True
    return chosen
