"""One customer's offers at once, from prices that are known. Pure; loads NumPy alone.

Whoever is new, or has changed, gets the best legal set at the cached prices: the same
rule as offline, so the same answer wherever the prices have not moved. What is left of
the limits is looked at before each offer, so nothing is ever overrun. Prices drift as
traffic does; `resolve` mends them on a sample, with what is left (Booking.com's online
multiple-choice knapsack, arXiv 2108.13298, moves one threshold in the same way). What
is asked of a return holds at every moment: `steer` moves its price in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promotions.choices import sweep
from promotions.duals import descend
from promotions.instances import Doubles, Instance
from promotions.remainders import rest_of
from promotions.takings import takes


@dataclass(frozen=True, kw_only=True)
class Cached:
    """Prices and rules as plain lists, quick to read one by one; see `cached`."""

    of_value: list[float]
    of_cost: list[float]
    of_sku: list[float]
    bonus: list[float]
    strategy: list[int]
    campaign: list[int]
    most: int
    most_of_campaign: list[int] | None
    budgets: list[list[int]]
    """For each option, the places of its budgets among the limits."""
    returns: list[list[tuple[int, float]]]
    """For each option, the place and least of its returns."""
    first_sku: int


def cached(asked: Instance, prices: Doubles) -> Cached:
    """Prepare prices [J], in the order of `asked.names`, for decisions."""
    budgets, stocks = len(asked.budgets), len(asked.stock)
    mine: list[list[int]] = [[] for _ in range(asked.options)]
    for place, budget in enumerate(asked.budgets):
        for option in budget.options:
            mine[option].append(place)
    returns: list[list[tuple[int, float]]] = [[] for _ in range(asked.options)]
    for place, one in enumerate(asked.every_return, start=budgets + stocks):
        for option in one.options:
            returns[option].append((place, one.least))
    shares = len(asked.shares)
    caps = asked.most_of_campaign
    return Cached(
        # (1 + p) · v − p · least · c for a return at price p, as in choices.tariff.
        of_value=[1.0 + sum(float(prices[j]) for j, _ in some) for some in returns],
        of_cost=[
            float(sum(prices[j] for j in some) + sum(prices[j] * r for j, r in asks))
            for some, asks in zip(mine, returns, strict=True)
        ],
        # Sku −1, which is none, finds the last: 0.
        of_sku=[*prices[budgets : budgets + stocks].tolist(), 0.0],
        bonus=[*prices[len(prices) - shares :].tolist(), 0.0],
        strategy=asked.strategies.tolist(),
        campaign=asked.campaigns.tolist(),
        most=asked.most,
        most_of_campaign=None if caps is None else [int(cap) for cap in caps],
        budgets=mine,
        returns=returns,
        first_sku=budgets,
    )


def decide(
    known: Cached,
    value: Sequence[float],
    cost: Sequence[float],
    sku: Sequence[int] | None = None,
    units: Sequence[float] | None = None,
    *,
    group: int = -1,
    held: Sequence[int] = (),
    left: list[float] | None = None,
) -> list[int]:
    """Return the options to give, best first; the rows of the matrices come as lists.

    `held`: the options he has already. `left` [J]: what the limits still hold, in the
    order of the prices; what is given is taken off it.
    """
    bids = reduced(known, value, cost, sku, units)
    least, given = -known.bonus[group] if not held else 0.0, list[int]()
    for option in sorted(range(len(bids)), key=bids.__getitem__, reverse=True):
        if bids[option] <= least or len(held) + len(given) >= known.most:
            break
        if _crowded(known, option, [*held, *given]):
            continue
        if left is not None:
            here = (sku[option], units[option]) if sku and units else (-1, 0.0)
            if not _take(known, left, option, value[option], cost[option], here):
                continue
        given.append(option)
        least = 0.0
    return given


def reduced(
    known: Cached,
    value: Sequence[float],
    cost: Sequence[float],
    sku: Sequence[int] | None,
    units: Sequence[float] | None,
) -> list[float]:
    """Return what each option is worth to one customer once the prices are paid."""
    of_sku = known.of_sku
    bids = [
        v * more - c * price
        for v, more, c, price in zip(
            value, known.of_value, cost, known.of_cost, strict=True
        )
    ]
    if sku is None or units is None:
        return bids
    return [r - of_sku[one] * u for r, one, u in zip(bids, sku, units, strict=True)]


def _crowded(known: Cached, option: int, others: list[int]) -> bool:
    """Whether the strategy is there already, or the campaign's cap is reached."""
    strategy, caps = known.strategy[option], known.most_of_campaign
    if any(known.strategy[other] == strategy for other in others):
        return True
    if caps is None:
        return False
    campaign = known.campaign[option]
    inside = sum(known.campaign[other] == campaign for other in others)
    return inside >= caps[campaign]


def _take(
    known: Cached,
    left: list[float],
    option: int,
    value: float,
    cost: float,
    of_sku: tuple[int, float],
) -> bool:
    """Take an offer off what is left; leave it, and say so, if there is not enough."""
    sku, units = of_sku
    if any(cost > left[place] for place in known.budgets[option]):
        return False
    if sku >= 0 and units > left[known.first_sku + sku]:
        return False
    shorts = [(place, least * cost - value) for place, least in known.returns[option]]
    # What brings more than is asked is never refused: it fills the return up.
    if any(short > 0 and short > left[place] for place, short in shorts):
        return False
    for place, short in shorts:
        left[place] -= short
    for place in known.budgets[option]:
        left[place] -= cost
    if sku >= 0:
        left[known.first_sku + sku] -= units
    return True


def resolve(
    sample: Instance,
    left: Doubles,
    *,
    coming: int,
    prices: Doubles,
    tolerance: float = 1e-5,
) -> Doubles:
    """Return prices anew: the sample stands for `coming` customers who share `left`.

    The sample's own limits are not looked at. `prices`: where to begin.
    """
    rest = rest_of(sample)
    rest.limit[:] = left * (sample.customers / max(coming, 1))
    return descend(rest, np.maximum(prices, 0.0), tolerance=tolerance).prices


@dataclass(frozen=True, kw_only=True)
class Helm:
    """How the returns [R] answer to their prices, over all that comes.

    slope: by how much less is used, Σ (least · cost − value), for a price higher by 1.
    spread: the standard deviation of what is used, were everybody's offers by lot.
    """

    slope: Doubles
    spread: Doubles


# On 100,000 arrivals 0.16 to 0.27 % of hindsight are lost, else 0.36 to 0.43 %.
AHEAD = 2.0
"""Spreads of a Brownian bridge that a return is kept ahead of what is asked."""
# A quicker pull lost more.
WITHIN = 0.08
"""The part of the traffic in which a price means to bring a return back to that."""


def helm(sample: Instance, prices: Doubles, *, coming: int) -> Helm:
    """Measure on a sample, which stands for `coming`, at prices [J] near the right."""
    rest = rest_of(sample)
    returns = range(rest.first_return, rest.first_share)
    seen = sweep(rest, prices)
    slopes = []
    for place in returns:
        more = prices.copy()
        more[place] += (step := 0.2 * prices[place] + 1e-6)
        slopes.append((seen.used[place] - sweep(rest, more).used[place]) / step)
    row, who = np.nonzero(seen.picks >= 0)
    # What each offer takes of the returns, [offers, R].
    each = takes(rest, seen.picks[row, who].astype(np.int64), who)[:, returns]
    scale = coming / sample.customers
    return Helm(
        slope=np.maximum(np.array(slopes) * scale, 1e-9),
        spread=np.sqrt((each**2).sum(axis=0) * scale),
    )


def steer(
    known: Instance, prices: Doubles, left: Sequence[float], by: Helm, *, gone: float
) -> Doubles:
    """Return prices by which each return keeps ahead of what is asked of it.

    A return must hold at every moment, but what offers bring comes in any order: with
    nothing in hand, many good ones are refused that bring less than was asked. In hand
    is kept what a Brownian bridge would want, ∝ √(gone · (1 − gone)); prices move
    towards it in proportion. `gone`: the part of all traffic.
    """
    first = len(known.budgets) + len(known.stock)
    mine = slice(first, first + len(by.slope))
    wanted = AHEAD * by.spread * np.sqrt(max(gone * (1 - gone), 0.0))
    push = (wanted - np.asarray(left)[mine]) / (by.slope * WITHIN)
    steered = prices.copy()
    # What has no price does not bind: it needs no helm.
    steered[mine] = np.where(
        prices[mine] > 0, np.maximum(prices[mine] + push, 0.0), prices[mine]
    )
    return steered
