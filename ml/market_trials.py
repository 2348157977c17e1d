"""Does a group of market features earn its place? Each one for itself, over cut-offs.

The same learner is measured with and without the group's columns on the same rows,
fitted before each cut-off and linked by earlier ones, as in a training (ml.contest).
A group stays if evaluation.beats says so: the gain, paired by row and clustered by
customer, is above zero by two standard errors, and at no cut-off below by two.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

import numpy as np

from ml import contest, estimators, evaluation, market
from ml.contest import Entrant
from ml.purchases import Numbers
from ml.splits import Splits
from ml.trials import Table

LEARNERS = ("logistic", "boosting")
Group = Mapping[str, Mapping[datetime, Numbers]]
"""column -> cut-off -> by category"""


def tabled(parts: Splits, groups: Mapping[str, Group], *, seed: int) -> Table:
    """Return a row for each learner and group; none without groups."""
    return [
        compared(learner, name, without, _measured(learner, _with(parts, group), seed))
        for learner in (LEARNERS if groups else ())
        # A list of one: measured once a learner, not once a group.
        for without in [_measured(learner, parts, seed)]
        for name, group in groups.items()
    ]


def _measured(learner: str, parts: Splits, seed: int) -> Entrant:
    return contest.measured(estimators.CANDIDATES[learner], parts, seed=seed)


def _with(parts: Splits, group: Group) -> Splits:
    extra = {
        cut: np.column_stack([column[cut] for column in group.values()])
        for cut in parts.rows
    }
    return market.widened(parts, list(group), extra)


def compared(
    learner: str, name: str, without: Entrant, beside: Entrant
) -> dict[str, object]:
    """Return a learner's figures with and without a group, and whether it stays."""
    groups = [one.part.entity for one in without.cuts]
    verdict = evaluation.beats(
        challenger=[one.losses for one in beside.cuts],
        champion=[one.losses for one in without.cuts],
        groups=groups,
        ece=[cut["ece"] for cut in beside.metrics["cuts"]],
    )
    gains = list(_gains(without, beside))
    whole = evaluation.clustered(np.concatenate(gains), np.concatenate(groups))
    return {
        "learner": learner,
        "group": name,
        "cut-offs": len(gains),
        "log-loss": without.metrics["validation"]["log_loss"],
        "with it": beside.metrics["validation"]["log_loss"],
        "gain ×1000": 1000 * whole.value,
        "error ×1000": 1000 * whole.error,
        "least ×1000": 1000 * min(float(gain.mean()) for gain in gains),
        "most ×1000": 1000 * max(float(gain.mean()) for gain in gains),
        "verdict": "stays" if verdict.won else "left out",
    }


def _gains(without: Entrant, beside: Entrant) -> Iterator[Numbers]:
    for one, other in zip(without.cuts, beside.cuts, strict=True):
        yield one.losses - other.losses
