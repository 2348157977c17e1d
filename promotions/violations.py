"""All that a choice breaks: caps, budgets, stocks, returns and shares. Pure.

Counted with code of its own, by exact sums: a limit is passed or it is not, to the last
bit.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from promotions.instances import Bools, Instance
from promotions.remainders import wanted_of


def violations(asked: Instance, chosen: Bools) -> Iterator[str]:
    """Name all that a choice breaks; what promises alone overran is no fault of it."""
    if chosen.shape != asked.value.shape:
        yield f"choice: shape {chosen.shape}, not {asked.value.shape}"
        return
    promised = asked.promised
    old = np.zeros_like(chosen) if promised is None else promised
    if (old & ~chosen).any():
        yield "promised: a promise is not kept"
    new = chosen & ~old
    option, who = np.nonzero(new)
    values = asked.value[option, who]
    inside = np.isfinite(values)
    if asked.audience is not None:
        inside &= asked.audience[option, who]
    if not inside.all():
        yield "audience: a customer outside it was chosen"
    yield from _crowded(asked, chosen, new)
    yield from _overspent(asked, old, new)
    yield from _short(asked, chosen, old)


def _crowded(asked: Instance, chosen: Bools, new: Bools) -> Iterator[str]:
    """Name caps that were passed at customers who got something new."""
    count = chosen.sum(axis=0)
    count += 0 if asked.given is None else asked.given
    if (count[new.any(axis=0)] > asked.most).any():
        yield "most: a customer has too many"
    strategy = asked.strategies
    for one in np.unique(strategy):
        mine = strategy == one
        if (
            mine.sum() > 1
            and (chosen[mine].sum(axis=0)[new[mine].any(axis=0)] > 1).any()
        ):
            yield f"strategy {one}: a customer has two variants"
    if asked.most_of_campaign is None:
        return
    for one in np.unique(asked.campaigns):
        mine = asked.campaigns == one
        count = chosen[mine].sum(axis=0)
        count += 0 if asked.given_of_campaign is None else asked.given_of_campaign[one]
        if (count[new[mine].any(axis=0)] > asked.most_of_campaign[one]).any():
            yield f"most_of_campaign {one}: a customer has too many"


def _overspent(asked: Instance, old: Bools, new: Bools) -> Iterator[str]:
    """Name the budgets, stocks and returns that were passed, to the last bit."""
    for budget in asked.budgets:
        options = list(budget.options)
        mine, before = _paid(asked, options, new), _paid(asked, options, old)
        if mine > max(_exact(budget.amount) - before, Fraction(0)):
            over = float(mine + before - _exact(budget.amount))
            yield f"budget {budget.name}: {over:.6g} over"
    if asked.sku is not None:
        used, owed = _units(asked, new), _units(asked, old)
        for sku, (stock, held) in enumerate(zip(asked.stock, owed, strict=True)):
            if used[sku] > max(_exact(stock) - held, Fraction(0)):
                yield f"stock {sku}: {float(used[sku] + held - _exact(stock)):.6g} over"
    for one in asked.every_return:
        options = list(one.options)
        short = [
            _exact(one.least) * _paid(asked, options, part)
            - _brought(asked, options, part)
            for part in (new, old)
        ]
        # Promises that brought more than was asked may pay for new offers; new ones
        # need not repair what promises lack.
        if short[0] > max(-short[1], Fraction(0)):
            named = f"return {one.name}".strip()
            yield f"{named}: {float(short[0]):.6g} of value short"


def _short(asked: Instance, chosen: Bools, old: Bools) -> Iterator[str]:
    """Name the groups that have fewer customers with an offer than they must."""
    if not asked.shares or asked.group is None:
        return
    has = np.asarray(chosen.any(axis=0))
    wanted = wanted_of(asked)
    for place, share in enumerate(asked.shares):
        count = int(has[asked.group == place].sum())
        if count < wanted[place]:
            yield f"share {share.name}: {count} of {wanted[place]:.0f} customers"


def _exact(number: Any) -> Fraction:
    return Fraction(number if isinstance(number, int) else float(number))


def _sum(numbers: Any) -> Fraction:
    """Return the exact sum: of floats, by whole mantissas of the same exponent."""
    if numbers.dtype.kind in "iu":
        return Fraction(int(numbers.sum(dtype=np.int64)))
    if not len(numbers):
        return Fraction(0)
    mantissa, exponent = np.frexp(numbers.astype(np.float64))
    total = Fraction(0)
    # A float64 has 53 bits, so this is a whole number and nothing is lost.
    whole = np.ldexp(mantissa, 53).astype(np.int64)
    for one in np.unique(exponent):
        mine = whole[exponent == one]
        # In two halves, so that sums of millions stay within 64 bits.
        high, low = mine >> 26, mine & ((1 << 26) - 1)
        part = (int(high.sum()) << 26) + int(low.sum())
        total += Fraction(part) * Fraction(2) ** (int(one) - 53)
    return total


def _paid(asked: Instance, options: list[int], part: Bools) -> Fraction:
    return sum((_sum(asked.cost[o][part[o]]) for o in options), Fraction(0))


def _brought(asked: Instance, options: list[int], part: Bools) -> Fraction:
    values = (asked.value[option] for option in options)
    inside = (part[option] & np.isfinite(asked.value[option]) for option in options)
    pairs = zip(values, inside, strict=True)
    return sum((_sum(value[mine]) for value, mine in pairs), Fraction(0))


def _units(asked: Instance, part: Bools) -> list[Fraction]:
    skus = np.asarray(asked.sku)
    option, who = np.nonzero(part)
    sku = skus[option, who] if skus.ndim == 2 else skus[option]
    units = np.asarray(asked.units)
    if units.ndim:
        units = units[option, who] if units.ndim == 2 else units[option]
    units = np.broadcast_to(units, sku.shape)
    order = np.argsort(sku, kind="stable")
    cuts = np.searchsorted(sku[order], np.arange(len(asked.stock) + 1))
    units = units[order]
    return [_sum(units[a:b]) for a, b in pairwise(cuts)]
