"""Whether a plan holds, and how far from the best it can be: checked from the start.

Nothing of the solver is used: sums are exact, and the bound is counted in float64. So
an error there shows here, and anybody can check a plan that was stored. Pure NumPy.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from promotions.instances import Bools, Doubles, Instance, Ints
from promotions.remainders import left
from promotions.violations import violations

BLOCK = 1 << 14
TINY = 1e-6
"""A gap is relative to the bound, or to this part of the greatest value."""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What is proved of a plan, promises apart: value ≤ every legal plan's ≤ bound.

    gap = (bound − value) / max(|bound|, tiny). `broken` names what does not hold.
    `proof`: "dual", which anybody can count again from the prices; or "search", by
    HiGHS' branch and bound, which has to be run again to be believed.
    """

    value: float
    bound: float
    gap: float
    broken: tuple[str, ...]
    proof: Literal["dual", "search"] = "dual"

    @property
    def feasible(self) -> bool:
        return not self.broken


def certify(
    asked: Instance, chosen: Bools, prices: Doubles, *, searched: float | None = None
) -> Certificate:
    """Check a choice [m, n], promises included, and bound it by the prices [J]."""
    new = chosen if asked.promised is None else chosen & ~asked.promised
    value = math.fsum(asked.value[new].tolist())
    bound = dual_bound(asked, prices)
    proof: Literal["dual", "search"] = "dual"
    if searched is not None and searched < bound:
        bound, proof = max(searched, value), "search"
    return Certificate(
        value=value,
        bound=bound,
        gap=relative(asked, value, bound),
        broken=tuple(violations(asked, chosen)),
        proof=proof,
    )


def relative(asked: Instance, value: float, bound: float) -> float:
    """Return the gap; a bound that rounding left below the value counts as equal."""
    return max(bound - value, 0.0) / max(abs(bound), TINY * asked.greatest, 1e-300)


def dual_bound(asked: Instance, prices: Doubles) -> float:
    """Return Σ p · left + Σ of each customer's best: no legal plan is worth more.

    Any prices ≥ 0 will do (weak duality). Pairs that alone pass a limit count as
    impossible. Rounding is float64's, below 1e-14 of the sum, which is added.
    """
    if (prices < 0).any() or not np.isfinite(prices).all():
        raise ValueError("prices: must be finite, and not negative")
    limit = left(asked, asked.promised)
    total = math.fsum((prices * limit).tolist())
    size = float(np.abs(prices * limit).sum())
    for start in range(0, asked.customers, BLOCK):
        best = _best(asked, prices, limit, slice(start, start + BLOCK))
        total += float(best.sum())
        size += float(best.sum())
    return total + 1e-14 * size


def _best(asked: Instance, prices: Doubles, limit: Doubles, at: slice) -> Doubles:
    """Return what each customer's best legal set is worth at these prices."""
    reduced, extra = _reduced(asked, prices, limit, at), _bonus(asked, prices, at)
    room, of_campaign = _rooms(asked, at)
    strategy, campaign = asked.strategies, asked.campaigns
    if room is None and asked.most == 1 and of_campaign is None:
        return np.asarray(np.maximum(reduced.max(axis=0) + extra, 0.0))
    if len(np.unique(strategy)) < len(strategy):
        groups = [strategy == one for one in np.unique(strategy)]
        # One variant at most: a strategy is its best one, [S, block] from here on.
        campaign = np.array([campaign[mine][0] for mine in groups])
        reduced = np.array([reduced[mine].max(axis=0) for mine in groups])
    first = reduced.max(axis=0) + extra
    if room is None:
        room = np.full(reduced.shape[1], asked.most)
    if of_campaign is not None:
        open_ = of_campaign[campaign] > 0
        first = np.where(open_, reduced, -np.inf).max(axis=0) + extra
        # Caps are nested, so the best of each campaign's best are the best of all.
        gains = _capped(reduced, campaign, of_campaign)
    else:
        gains = np.maximum(reduced, 0.0)
    gains = -np.sort(-gains, axis=0)
    taken = np.where(np.arange(len(gains))[:, None] < room, gains, 0.0).sum(axis=0)
    # The bonus is for having one at all, which may be one that loses by itself.
    with_one = np.where(taken > 0, taken + extra, first)
    return np.asarray(np.where(room > 0, np.maximum(with_one, 0.0), 0.0))


def _capped(reduced: Doubles, campaign: Ints, room: Ints) -> Doubles:
    """Keep each campaign's best gains, as many as it has room for."""
    kept = np.zeros_like(reduced)
    for one in np.unique(campaign):
        mine = np.flatnonzero(campaign == one)
        gains = -np.sort(-np.maximum(reduced[mine], 0.0), axis=0)
        kept[mine] = np.where(np.arange(len(mine))[:, None] < room[one], gains, 0.0)
    return kept


def _rooms(asked: Instance, at: slice) -> tuple[Any, Any]:
    """Return what each customer, and campaign, has room for beside what he holds."""
    promised = None if asked.promised is None else asked.promised[:, at]
    room = None
    if asked.given is not None or promised is not None:
        held = 0 if asked.given is None else asked.given[at].astype(np.int64)
        held = held + (0 if promised is None else promised.sum(axis=0))
        room = np.maximum(asked.most - held, 0)
    if asked.most_of_campaign is None:
        return room, None
    caps = np.asarray(asked.most_of_campaign, dtype=np.int64)[:, None]
    size = asked.value[0, at].size
    inside = np.zeros((len(caps), size), dtype=np.int64)
    if asked.given_of_campaign is not None:
        inside += asked.given_of_campaign[:, at]
    if promised is not None:
        for one, of in enumerate(asked.campaigns):
            inside[of] += promised[one]
    return room, np.maximum(caps - inside, 0)


def _reduced(asked: Instance, prices: Doubles, limit: Doubles, at: slice) -> Doubles:
    """Return values less the prices of what each pair takes, [m, block]."""
    budgets, stocks = len(asked.budgets), len(asked.stock)
    value = asked.value[:, at].astype(np.float64)
    cost = asked.cost[:, at].astype(np.float64)
    if asked.audience is not None:
        value[~asked.audience[:, at]] = -np.inf
    more, less = _of_returns(asked, prices[budgets + stocks :])
    reduced = value * more - cost * less
    for place, budget in enumerate(asked.budgets):
        for option in budget.options:
            reduced[option] -= prices[place] * cost[option]
            reduced[option, cost[option] > limit[place]] = -np.inf
    if asked.sku is not None:
        sku = asked.sku[:, at] if asked.sku.ndim == 2 else asked.sku[:, None]
        units = np.asarray(asked.units, dtype=np.float64)
        units = (
            units[:, at] if units.ndim == 2 else units[:, None] if units.ndim else units
        )
        # Sku −1, which is none, finds the last place: no price, and no end of stock.
        reduced -= np.append(prices[budgets : budgets + stocks], 0.0)[sku] * units
        scarce = units > np.append(limit[budgets : budgets + stocks], np.inf)[sku]
        reduced[np.broadcast_to(scarce, reduced.shape)] = -np.inf
    if asked.promised is not None:
        promised = asked.promised[:, at]
        # A promised variant shuts out the strategy's others.
        for one in np.unique(asked.strategies):
            mine = asked.strategies == one
            reduced[np.ix_(mine, promised[mine].any(axis=0))] = -np.inf
    return reduced


def _of_returns(asked: Instance, prices: Doubles) -> tuple[Doubles, Doubles]:
    """Return how returns raise an option's value, and charge its cost, [m, 1]."""
    more, less = np.ones((asked.options, 1)), np.zeros((asked.options, 1))
    for one, price in zip(asked.every_return, prices, strict=False):
        some = list(one.options)
        # p · (least · cost − value) is taken off value: it counts (1 + p) times.
        more[some] += price
        less[some] += price * one.least
    return more, less


def _bonus(asked: Instance, prices: Doubles, at: slice) -> Any:
    """Return what a first offer to each customer earns for his group's share."""
    if not asked.shares or asked.group is None:
        return 0.0
    extra = np.append(prices[len(prices) - len(asked.shares) :], 0.0)[asked.group[at]]
    if asked.promised is None:
        return extra
    return np.where(asked.promised[:, at].any(axis=0), 0.0, extra)
