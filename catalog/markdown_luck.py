"""What a mark-down path comes to, played many times over. Pure: luck is by seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from catalog.lots import Floats
from catalog.markdowns import Belief, Clearance, Ints, means

DRAWS = 2000


@dataclass(frozen=True, kw_only=True)
class Spread:
    """An expectation with its 80 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a path comes to: money recovered, the same against today's price all the
    time, units left at the end, and the stock at each week's end."""

    recovered: Spread
    gain: Spread
    left: Spread
    stock: tuple[Spread, ...]


def outcome(
    asked: Clearance,
    belief: Belief,
    indices: Sequence[int],
    *,
    seed: int,
    held: int = 0,
    today: int = 0,
) -> Outcome:
    """Play a path, and beside it the price held, DRAWS times with the same luck."""
    draw = np.random.default_rng(seed)
    who = draw.choice(len(belief.weight), DRAWS, p=belief.weight)
    mean = means(belief, asked, today=today)[who]
    weeks = np.arange(asked.weeks)
    shake = _shakes(draw, asked.noise, (DRAWS, asked.weeks))
    usual = draw.poisson(mean[:, held, :] * shake)
    # Sums of Poissons are Poisson: the cheaper price sells the same units and some
    # more, so that the gain is free of most of the luck.
    rise = mean[:, np.array(indices), weeks] - mean[:, held, :]
    moved = usual + draw.poisson(np.maximum(rise, 0.0) * shake)
    levels, sold = _sold(asked.stock, moved)
    _, plain = _sold(asked.stock, usual)
    over = np.array(asked.prices) - asked.salvage
    recovered, nothing = sold @ over[np.array(indices)], plain.sum(axis=1) * over[held]
    return Outcome(
        recovered=_spread(recovered),
        gain=_spread(recovered - nothing),
        left=_spread(levels[:, -1]),
        stock=tuple(_spread(levels[:, week]) for week in weeks),
    )


def _sold(stock: int, wanted: Ints) -> tuple[Ints, Ints]:
    """Return the stock at each week's end and what was sold, [draws, T]."""
    after = np.maximum(stock - np.cumsum(wanted, axis=1), 0)
    before = np.concatenate([np.full((len(after), 1), stock), after[:, :-1]], axis=1)
    return after, before - after


def _shakes(draw: np.random.Generator, noise: float, shape: tuple[int, ...]) -> Floats:
    """Return factors of mean 1 and variance `noise`: Poisson of them is negative
    binomial."""
    if noise <= 0:
        return np.ones(shape)
    return draw.gamma(1 / noise, noise, shape)


def _spread(values: NDArray[np.number]) -> Spread:
    low, high = np.quantile(values, [0.1, 0.9])
    return Spread(mean=float(values.mean()), low=float(low), high=float(high))
