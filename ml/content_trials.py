"""Do listings earn a place in ranking and propensity? Each for itself, over cut-offs.

In ranking a candidate gets one more column: how near its text is to the other texts
that the customer buys, by how often and how lately (ml.tastes), its own left out. In
propensity a pair of customer and category gets what the customer buys of other
categories, by how near their names are. The same learner is measured with and without
on the same rows; what stays is said by the rule that judges every challenger: a gain
above zero by two standard errors, and no cut-off worse by two. Pure.
"""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import contest, estimators, market_trials, protocols, ranked, tastes
from ml.baskets import FEATURES
from ml.protocols import Lesson, Trial
from ml.purchases import Purchases
from ml.splits import Split, Splits

Rows = list[dict[str, Any]]
ORDERS, WEIGHT = FEATURES.index("orders"), FEATURES.index("fresh_100")
HABIT = "orders_91"
"""Of propensity: what of the other categories counts."""


def ranking(
    past: Purchases, vectors: NDArray[np.float32], *, day: float, **how: int
) -> Rows:
    """Return recall at ten with and without listings; `vectors` by product code."""
    plain: list[Lesson] = []
    wide: list[Lesson] = []
    gains: list[dict[str, float]] = []
    with_it: list[Any] = []
    without: list[Any] = []
    for trial in protocols.rolling(past, day=day, **how):
        other = _widened(trial, vectors[trial.shelf.products])
        # The first cut-offs only teach, with and without the column alike.
        if len(plain) >= protocols.LEARNT:
            one, two = (
                kind.quality(kind.top(protocols.fitted(taught).scores(kind.x))).recall
                for kind, taught in (
                    (trial, plain[-protocols.LEARNT :]),
                    (other, wide[-protocols.LEARNT :]),
                )
            )
            without.append(one)
            with_it.append(two)
            gains.append(asdict(ranked.gain([two], [one])))
        plain.append(trial.lesson())
        wide.append(other.lesson())
    whole = ranked.gain(with_it, without)
    won = whole.value > 2 * whole.error
    won = won and all(one["value"] > -2 * one["error"] for one in gains)
    return [
        {
            "cut-offs": len(gains),
            "R@10": float(np.mean([one.mean() for one in without])),
            "with it": float(np.mean([one.mean() for one in with_it])),
            "gain": whole.value,
            "error": whole.error,
            "least": min(one["value"] for one in gains),
            "most": max(one["value"] for one in gains),
            "verdict": "stays" if won else "left out",
        }
    ]


def _widened(trial: Trial, vectors: NDArray[np.float32]) -> Trial:
    more = np.zeros((len(trial.y), 1), np.float32)
    # Rows come by customer, and `asked` is sorted.
    first = np.searchsorted(trial.rows.customer, (trial.asked, trial.asked + 1)).T
    for start, end in first:
        product, x = trial.rows.product[start:end], trial.x[start:end]
        own = np.flatnonzero(x[:, ORDERS] > 0)
        own = own[np.argsort(-x[own, WEIGHT])[: tastes.MOST]]
        near = vectors[product] @ vectors[product[own]].T - tastes.FAR
        near = np.clip(near, 0, None) ** 2
        # Its own orders are in the ranker's features already.
        near[product[:, None] == product[own][None, :]] = 0
        more[start:end, 0] = np.log1p(near @ x[own, WEIGHT])
    return replace(trial, x=np.hstack([trial.x, more]))


def propensity(parts: Splits, alike: NDArray[np.float32], *, seed: int) -> Rows:
    """Return log-loss with and without; `alike` is categories × categories, 0 to 1."""
    spot = parts.columns.index(HABIT)
    wide = {cut: _beside(part, alike, spot) for cut, part in parts.rows.items()}
    more = replace(parts, rows=wide, columns=(*parts.columns, "content_habit"))
    return [
        market_trials.compared(
            learner,
            "listings",
            contest.measured(estimators.CANDIDATES[learner], parts, seed=seed),
            contest.measured(estimators.CANDIDATES[learner], more, seed=seed),
        )
        for learner in market_trials.LEARNERS
    ]


def _beside(part: Split, alike: NDArray[np.float32], spot: int) -> Split:
    """Add what a customer's other categories say of this one, by their likeness."""
    who, place = np.unique(part.entity, return_inverse=True)
    kind = part.category.astype(int)
    habit = np.zeros((len(who), len(alike)), np.float32)
    habit[place, kind] = np.log1p(part.x[:, spot])
    others = habit @ alike
    return replace(part, x=np.hstack([part.x, others[place, kind][:, None]]))


def likeness(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how near categories are, none to itself, from unit rows."""
    near = np.clip(vectors @ vectors.T - tastes.FAR, 0, None)
    np.fill_diagonal(near, 0)
    return np.asarray(near, np.float32)
