"""Who gets which offer: the most value within every limit, with a proof of how near.

The multiple-choice knapsack with side constraints, by its Lagrangian dual (promotions.
duals), a small linear programme over those near a change of mind (core_lp), and whole
offers made to fit (fitting). Then the plan is checked by other code (certificates). The
effort grows by the gap that was measured: finer prices, a wider core, and at last
branch and bound over the pairs that a better plan could hold (improving). A plan whose
gap is not the one asked for is not returned. Worker processes and commands only: loads
highspy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promotions import core_lp
from promotions.certificates import Certificate, certify
from promotions.choices import Sweep, chosen_of, sweep
from promotions.duals import STEPS, descend
from promotions.fitting import picks_of
from promotions.improving import Work, core, fit, polish, search
from promotions.instances import Bools, Doubles, Instance, Ints
from promotions.remainders import Rest, rest_of

GAP = 1e-4
SAMPLE = 20_000
SMALL = 20_000
"""Pairs that a linear programme takes whole, without looking for prices first."""
# A core of half of 100,000 took 12 CPU s, and gained nothing once the bound stood.
WIDEST = 12_000
"""Customers that a core holds at most."""
# 0.1 s of branch and bound, which halves what 20 small stocks leave (0.016 %).
POLISHED = 1_000
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


def solve(asked: Instance, *, gap: float = GAP, prices: Doubles | None = None) -> Plan:
    """Return a plan that is feasible and within `gap` of the best, both certified.

    `prices` [J] of an earlier plan make it faster. Raises NotCertified, Impossible.
    """
    rest = rest_of(asked)
    if names := _hopeless(rest, asked):
        raise Impossible(names)
    start = np.zeros(len(rest.limit)) if prices is None else np.maximum(prices, 0.0)
    work = Work(asked=asked, rest=rest, gap=gap, prices=start)
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


def _plan(work: Work, picks: Ints) -> Plan:
    chosen = chosen_of(picks, work.rest.options)
    if work.asked.promised is not None:
        chosen |= work.asked.promised
    proof = certify(work.asked, chosen, work.prices, searched=work.searched)
    return Plan(chosen=chosen, prices=work.prices, certificate=proof)


def _efforts(work: Work) -> Iterator[None]:
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
    search(work)
    yield


def _sampled(work: Work) -> None:
    """Find prices to begin with, on some of the customers."""
    rest = work.rest
    chance = np.random.default_rng(1)
    some = np.sort(chance.choice(rest.customers, SAMPLE, replace=False))
    # Limits shrink as the customers do, so that prices come out as for everybody.
    part = rest.take(some, SAMPLE / rest.customers)
    work.prices = descend(part, work.prices, tolerance=0.3 * work.gap).prices


def _priced(work: Work, steps: int = STEPS, near: float = 0.25) -> Sweep:
    """Find better prices on everybody."""
    found = descend(
        work.rest, work.prices, tolerance=0.3 * work.gap, steps=steps, near=near
    )
    work.price(found.prices, found.bound)
    return found.seen


def _rounds(
    work: Work, seen: Sweep, growths: Sequence[int] = (1, 4, 8)
) -> Iterator[None]:
    """Decide cores, wider and wider while that lowers the bound, and polish each."""
    size = 1500 + 60 * int((work.prices > 0).sum())
    for growth in growths:
        # From the prices' choice at first; then from the plan that there is.
        base = seen.picks if growth == 1 or work.picks is None else work.picks
        before = work.bound
        seen = core(work, seen, base, min(growth * size, WIDEST, work.rest.customers))
        yield
        if work.bound < before * (1 - 0.05 * work.gap):
            continue  # the prices were not good enough yet for whole numbers
        polish(work, growth * POLISHED)
        yield


def _whole_lp(work: Work) -> None:
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
    fit(work, rest, picks, np.inf)


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


def _beyond(work: Work) -> list[str]:
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


def _unmet(work: Work) -> list[str]:
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
