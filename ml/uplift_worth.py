"""What an order of customers by uplift is worth, and whether another is worth more.

Judged by doubly robust scores (ml.qini.robust_qini). Pure.
"""

from dataclasses import dataclass

import numpy as np

from ml import qini
from ml.outcome_models import Floats
from ml.uplift import Codes


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A challenger against a champion: the paired difference and its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def promoted(self) -> bool:
        return self.low > 0


def worth(uplift: Floats, scores: Floats, folds: Codes | None = None) -> Floats:
    """Return each row's part of the Qini of an order; their mean is the Qini.

    Each customer gets the arm with the highest uplift, best customers first; a random
    order has the one arm with the best mean. Places are within folds, as the fits of
    different folds need not be on one scale.
    """
    rows = np.arange(len(scores))
    given = scores[rows, uplift.argmax(axis=1)]
    same = scores[:, scores.mean(axis=0).argmax()]
    if folds is None:
        folds = np.zeros(len(scores), np.int64)
    # Before any order: a lot that gives each the own best arm, against one that gives
    # all the same, is worth half of their difference on the average over shares.
    found = (given - same) / 2
    for fold in range(int(folds.max()) + 1):
        mine = folds == fold
        places = qini.places(uplift[mine].max(axis=1))
        found[mine] += qini.robust_qini(given[mine], places)
    return np.asarray(found)


def compare(
    champion: Floats, challenger: Floats, scores: Floats, *, seed: int
) -> Verdict:
    """Judge two learners' uplifts [rows, arms] of rows that neither has learnt from.

    `scores` are those rows' doubly robust scores. The challenger is promoted if the
    paired 95 % interval of the difference of Qini is above 0.
    """
    parts = worth(challenger, scores) - worth(champion, scores)
    low, high = qini.interval(qini.bootstrap(parts, seed=seed)[:, 0])
    return Verdict(difference=float(parts.mean()), low=low, high=high)
