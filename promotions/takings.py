"""What a customer's option takes of each limit, and all picks together. Pure NumPy."""

from typing import Any

import numpy as np

from promotions.instances import Doubles, Ints
from promotions.remainders import Rest


def totals(rest: Rest, picks: Ints) -> tuple[float, Doubles]:
    """Return Σ v of the picks, and what they take of each limit [J]."""
    worth, used = 0.0, np.zeros(len(rest.limit))
    for row in picks:
        who = np.flatnonzero(row >= 0)
        option = row[who].astype(np.int64)
        more, taken = _sums(rest, option, who)
        worth += more
        used += taken
    if rest.group is not None:
        has = (picks >= 0).any(axis=0) & (rest.group >= 0)
        has &= True if rest.covered is None else ~rest.covered
        shares = len(rest.limit) - rest.first_share
        used[rest.first_share :] -= np.bincount(rest.group[has], minlength=shares)
    return worth, used


def _sums(rest: Rest, option: Ints, who: Ints) -> tuple[float, Doubles]:
    budgets, stocks = len(rest.budgets), rest.stocks
    flat = option * rest.customers + who
    cost = rest.cost.ravel().take(flat).astype(np.float64)
    worth = float(rest.value.ravel().take(flat).sum(dtype=np.float64))
    used = np.zeros(len(rest.limit))
    by_option = np.bincount(option, cost, minlength=rest.options)
    used[:budgets] = rest.budgets @ by_option
    if rest.sku is not None:
        sku, units = stock_use(rest, option, who)
        has = sku >= 0
        used[budgets : budgets + stocks] = np.bincount(
            sku[has], units[has], minlength=stocks
        )
    if len(rest.returns):
        value = rest.value.ravel().take(flat).astype(np.float64)
        brings = np.bincount(option, value, minlength=rest.options)
        # A return's use is what it is short of, below zero where it brings more.
        asked = rest.least * (rest.returns @ by_option)
        used[rest.first_return : rest.first_share] = asked - rest.returns @ brings
    return worth, used


def stock_use(rest: Rest, option: Ints, who: Ints) -> tuple[Ints, Doubles]:
    """Return the sku of each pair, and how many units of it the pair takes."""
    skus = np.asarray(rest.sku)
    sku: Ints = skus[option, who] if skus.ndim == 2 else skus[option]
    units: Any = np.asarray(rest.units)
    if units.ndim:
        units = units[option, who] if units.ndim == 2 else units[option]
    return sku, np.broadcast_to(units, sku.shape).astype(np.float64)


def takes(rest: Rest, option: Ints, who: Ints) -> Doubles:
    """Return what each pair takes of each limit, [pairs, J], shares left at zero."""
    budgets = len(rest.budgets)
    out = np.zeros((len(option), len(rest.limit)))
    cost = rest.cost[option, who].astype(np.float64)
    out[:, :budgets] = rest.budgets.T[option] * cost[:, None]
    if rest.sku is not None:
        sku, units = stock_use(rest, option, who)
        has = np.flatnonzero(sku >= 0)
        out[has, budgets + sku[has]] = units[has]
    if len(rest.returns):
        value = rest.value[option, who].astype(np.float64)
        short = cost[:, None] * rest.least - value[:, None]
        inside = rest.returns.T[option]
        out[:, rest.first_return : rest.first_share] = np.where(inside, short, 0.0)
    return out
