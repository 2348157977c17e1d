"""Who gets which offer: the most value within every limit, with a proof of how near.

The multiple-choice knapsack with side constraints, by its Lagrangian dual (promotions.
duals), a small linear programme over those near a change of mind (core_lp), and whole
offers made to fit (fitting). Then the plan is checked by other code (certificates). The
effort grows by the gap that was measured: finer prices, a wider core, and at last
branch and bound over the pairs that a better plan could hold. A plan whose gap is not
the one asked for is not returned. Worker processes and commands only: loads highspy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promotions import core_lp
from promotions.certificates import Certificate, certify, relative
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
from promotions.duals import STEPS, average, descend, moves
from promotions.fitting import fill, picks_of, relieve
from promotions.instances import NOBODY, Bools, Doubles, Instance, Ints
from promotions.remainders import Rest, rest_of
from promotions.takings import totals

GAP = 1e-4
SAMPLE = 20_000
SMALL = 20_000
"""Pairs that a linear programme takes whole, without looking for prices first."""
# A core of half of 100,000 took 12 CPU s, and gained nothing once the bound stood.
WIDEST = 12_000
"""Customers that a core holds at most."""
# 0.1 s of branch and bound, which halves what 20 small stocks leave (0.016 %).
POLISHED = 1_000
POLISH_SECONDS = 3.0
SEARCHED = 40_000
"""Pairs that branch and bound may be asked about."""
SEARCH_SECONDS = 20.0
TIES = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of an average offer: margins that are nothing but rounding, or a price's."""
MANY = 2e-4
"""Of the bound: what is unused for want of moves in a core, and not of small change."""
UNMET_PAIRS = 300_000
"""Pairs that are looked at to say which share cannot be met."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """Who gets what, [m, n] with the promises, at which prices, and its certificate."""

    chosen: Bools
    prices: Doubles
    certificate: Certificate


class NotCertified(Exception):
    """No plan was proved to be as near to the best as was asked; `best` is one."""

    def __init__(self, best: Plan | None, gap: float) -> None:
        wrong = "no plan was found that meets the shares"
        if best is not None:
            proved = best.certificate
            wrong = "; ".join(proved.broken) or f"gap {proved.gap:.2g}"
        super().__init__(f"not certified, asked for {gap:.2g}: {wrong}")
        self.best = best


class Impossible(Exception):
    """The minimum shares cannot be met; `names` says which."""

    def __init__(self, names: list[str]) -> None:
        super().__init__("; ".join(names))
        self.names = names


@dataclass(kw_only=True, eq=False)
class _Work:
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


def solve(asked: Instance, *, gap: float = GAP, prices: Doubles | None = None) -> Plan:
    """Return a plan that is feasible and within `gap` of the best, both certified.

    `prices` [J] of an earlier plan make it faster. Raises NotCertified, Impossible.
    """
    rest = rest_of(asked)
    if names := _hopeless(rest, asked):
        raise Impossible(names)
    start = np.zeros(len(rest.limit)) if prices is None else np.maximum(prices, 0.0)
    work = _Work(asked=asked, rest=rest, gap=gap, prices=start)
    for _ in _efforts(work):
        if names := _beyond(work):
            raise Impossible(names)
        if work.picks is not None and work.reached <= gap:
            plan = _plan(work, work.picks)
            if plan.certificate.feasible and plan.certificate.gap <= gap:
                return plan
    if work.picks is None and (names := _unmet(work)):
        raise Impossible(names)
    raise NotCertified(None if work.picks is None else _plan(work, work.picks), gap)


def _plan(work: _Work, picks: Ints) -> Plan:
    chosen = chosen_of(picks, work.rest.options)
    if work.asked.promised is not None:
        chosen |= work.asked.promised
    proof = certify(work.asked, chosen, work.prices, searched=work.searched)
    return Plan(chosen=chosen, prices=work.prices, certificate=proof)


def _efforts(work: _Work) -> Iterator[None]:
    """Do more and more; after each yield the caller may have had enough."""
    rest = work.rest
    if rest.options * rest.customers <= SMALL:
        _whole_lp(work)
        yield
    elif rest.customers <= 3 * SAMPLE:
        yield from _rounds(work, _priced(work))
    else:
        _sampled(work)
        # A million with a budget alone: two steps and a core take 0.54 CPU s to a gap
        # of 1e-8, a full descent 1.9.
        yield from _rounds(work, _priced(work, steps=2, near=0.02), growths=(1,))
        yield from _rounds(work, _priced(work))
    _search(work)
    yield


def _sampled(work: _Work) -> None:
    """Find prices to begin with, on some of the customers."""
    rest = work.rest
    chance = np.random.default_rng(1)
    some = np.sort(chance.choice(rest.customers, SAMPLE, replace=False))
    # Limits shrink as the customers do, so that prices come out as for everybody.
    part = rest.take(some, SAMPLE / rest.customers)
    work.prices = descend(part, work.prices, tolerance=0.3 * work.gap).prices


def _priced(work: _Work, steps: int = STEPS, near: float = 0.25) -> Sweep:
    """Find better prices on everybody."""
    found = descend(
        work.rest, work.prices, tolerance=0.3 * work.gap, steps=steps, near=near
    )
    work.price(found.prices, found.bound)
    return found.seen


def _rounds(
    work: _Work, seen: Sweep, growths: Sequence[int] = (1, 4, 8)
) -> Iterator[None]:
    """Decide cores, wider and wider while that lowers the bound, and polish each."""
    size = 1500 + 60 * int((work.prices > 0).sum())
    for growth in growths:
        # From the prices' choice at first; then from the plan that there is.
        base = seen.picks if growth == 1 or work.picks is None else work.picks
        before = work.bound
        seen = _core(work, seen, base, min(growth * size, WIDEST, work.rest.customers))
        yield
        if work.bound < before * (1 - 0.05 * work.gap):
            continue  # the prices were not good enough yet for whole numbers
        _polish(work, growth * POLISHED)
        yield


def _whole_lp(work: _Work) -> None:
    rest = work.rest
    option, who = np.nonzero(np.isfinite(rest.value))
    held = np.zeros(rest.value.shape, dtype=np.bool_)
    nobody = np.full((max(rest.most, 1), rest.customers), -1, np.int16)
    if len(option):
        greatest = float(np.abs(rest.value[option, who]).max())
        # Without shares, nothing for anybody is an answer; shares may ask too much.
        bend = 0.0 if len(work.asked.shares) == 0 else 100 * greatest
        solved = core_lp.solve(rest, option, who, held, rest.limit, bend=bend)
        if solved is not None:
            work.prices = solved.prices
    seen = sweep(rest, work.prices, margins=True)
    work.price(work.prices, seen.bound)
    picks: Ints = nobody
    # Fractions are dropped; what they leave of the limits is used up below.
    if len(option) and solved is not None:
        sure = solved.x > 1 - 1e-6
        held[option[sure], who[sure]] = True
        picks = picks_of(held, rest.most)
    _fit(work, rest, picks, np.inf)


def _fit(work: _Work, rest: Rest, picks: Ints, width: float) -> None:
    used = totals(rest, picks)[1]
    if not relieve(rest, picks, used, work.prices, width):
        return
    fill(rest, picks, used, work.prices, width)
    work.offer(picks)


def _core(work: _Work, seen: Sweep, base: Ints, size: int) -> Sweep:
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


def _settle(work: _Work, picks: Ints, near: Ints, width: float) -> None:
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


def _polish(work: _Work, pairs: int) -> None:
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


def _search(work: _Work) -> None:
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
    _fit(work, rest, picks_of(held, rest.most), 0.0)


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


def _hopeless(rest: Rest, asked: Instance) -> list[str]:
    """Name the shares whose groups have too few customers who could get anything."""
    if not asked.shares or rest.group is None:
        return []
    able = np.isfinite(rest.value).any(axis=0) & (np.asarray(rest.room) > 0)
    if rest.campaign_room is not None:
        able &= (rest.campaign_room[rest.campaign] > 0).any(axis=0)
    able &= True if rest.covered is None else ~rest.covered
    names = []
    for place, share in enumerate(asked.shares):
        wanted = -rest.limit[rest.first_share + place]
        count = int((able & (rest.group == place)).sum())
        if count < wanted:
            names.append(f"share {share.name}: {wanted:.0f} more wanted, {count} can")
    return names


def _beyond(work: _Work) -> list[str]:
    """Name the priced shares if the bound is below any plan's value at all."""
    rest, shares = work.rest, work.asked.shares
    if work.picks is not None or not shares:
        return []
    # No plan is worth less than all pairs that lose: a bound below that leaves none.
    lowest = sum(
        float(row[np.isfinite(row) & (row < 0)].sum(dtype=np.float64))
        for row in rest.value
    )
    if work.bound >= lowest - 1e-6 * abs(lowest):
        return []
    prices = work.prices[rest.first_share :]
    named = zip(shares, prices, strict=True)
    return [f"share {one.name}: not within the other limits" for one, p in named if p]


def _unmet(work: _Work) -> list[str]:
    """Name the shares that a linear programme cannot meet within the other limits."""
    rest, shares = work.rest, work.asked.shares
    option, who = np.nonzero(np.isfinite(rest.value))
    if len(option) > UNMET_PAIRS or not shares:
        return []
    held = np.zeros(rest.value.shape, dtype=np.bool_)
    short = core_lp.shortfall(rest, option, who, held)
    return [
        f"share {share.name}: {more:.1f} customers short within the other limits"
        for share, more in zip(shares, short, strict=True)
        if more > 1e-6
    ]
