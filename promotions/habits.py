"""How customers buy under offers of each kind, when they buy: from our own arms. Pure.

Of a first purchase in scope it is known what it came to and what the offer gave. Both
are compared with what was expected of the customer's usual basket: what was given,
with what it could have been given (`use`); what was bought, with the same ratio among
those who were held back in the same scope (`stretch`: whoever is near a threshold takes
more to reach it). Sums are compared, not means of ratios; kinds are shrunk towards all
of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from promotions.beliefs import Floats, Habit

DOUBT = 10.0
"""So many purchases count the assumed use, and the common one for each kind."""
STRETCHES = 0.1
"""How far baskets are stretched before it was seen: log's standard deviation."""
SUREST = 0.005
"""No scope's ratio is known better than that, however alike its baskets are."""
LEAST = 20
"""Purchases of an arm without which nothing is said of its baskets."""


@dataclass(frozen=True, kw_only=True)
class Baskets:
    """First purchases in a scope; `kind` None: held back. All in money, by purchase.

    `usual`: the basket expected of the customer; `spent`: what it was; `could`: what
    the usual one could have been given; `given`: what was.
    """

    kind: str | None
    scope: frozenset[str]
    usual: Floats
    spent: Floats
    could: Floats
    given: Floats


def learnt(
    found: Sequence[Baskets], assumed: float
) -> tuple[Habit, Mapping[str, Habit]]:
    """Return the usual habit, whose use was `assumed`, and those of the kinds tried."""
    kinds = sorted({one.kind for one in found if one.kind is not None})
    treated = [one for one in found if one.kind is not None]
    common = _use(treated, assumed)
    held_back = [one for one in found if one.kind is None]
    habits = {
        kind: Habit(
            use=_use(mine := [one for one in treated if one.kind == kind], common),
            stretch=_stretch(mine, held_back),
        )
        for kind in kinds
    }
    return Habit(use=common), habits


def _use(some: Sequence[Baskets], before: float) -> float:
    could = np.concatenate([one.could for one in some]) if some else np.zeros(0)
    if not could.sum() > 0:
        return before
    given = sum(float(one.given.sum()) for one in some)
    # DOUBT purchases in money, so that they weigh beside a ratio of sums.
    doubt = DOUBT * float(could.mean())
    return (given + doubt * before) / (float(could.sum()) + doubt)


def _stretch(treated: Sequence[Baskets], held_back: Sequence[Baskets]) -> float:
    """Pool the scopes' log ratios by their precision, and shrink to no stretch."""
    weight = whole = 0.0
    for scope in {one.scope for one in treated}:
        parts = [
            _ratio([one for one in some if one.scope == scope])
            for some in (treated, held_back)
        ]
        if None not in parts:
            (mine, error), (usual, other) = [part for part in parts if part]
            # Relative errors are those of the logs; the two arms
            # err apart, so squares add.
            precision = 1 / max(error**2 + other**2, SUREST**2)
            whole += precision * float(np.log(mine / usual))
            weight += precision
    # The prior, log ratio 0 ± STRETCHES, adds to the weight and nothing to the sum.
    return float(np.exp(whole / (weight + STRETCHES**-2)))


def _ratio(some: Sequence[Baskets]) -> tuple[float, float] | None:
    """Return Σ spent / Σ usual and its relative standard error (Cochran 1977, 6.4)."""
    spent = np.concatenate([one.spent for one in some]) if some else np.zeros(0)
    usual = np.concatenate([one.usual for one in some]) if some else np.zeros(0)
    if len(spent) < LEAST or usual.sum() <= 0 or spent.sum() <= 0:
        return None
    ratio = float(spent.sum() / usual.sum())
    residual = spent - ratio * usual
    error = float(residual.std(ddof=1)) * len(spent) ** 0.5 / float(spent.sum())
    return ratio, error
