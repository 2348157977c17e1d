"""Have features or chances moved since the training? By the stability index.

The newest training keeps each column's bins and the shares of rows in them (`tenths`);
rows of later are counted into the same bins. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from analytics.wording import Wording
from ml import quality
from ml.purchases import Numbers
from ml.quality import Finding, Rows

DRIFTED = 0.25
"""A PSI beyond 0.25 is called a major shift (Siddiqi 2006)."""
MOST_DRIFTED = 0.5
BINS = 10
CALENDAR = ("entity", "category", "week_sin", "week_cos", "customer_tenure")
"""No features, or such as move by themselves."""
Summary = dict[str, dict[str, list[float]]]
"""By feature: the `edges` of its bins, and the `shares` of rows in them."""


def summary(x: Rows, columns: Sequence[str]) -> Summary:
    """Keep what `drift` compares the next training's rows with."""
    found: Summary = {}
    for spot, name in enumerate(columns):
        if name in CALENDAR:
            continue
        found[name] = tenths(x[:, spot])
    return found


def tenths(values: Rows) -> dict[str, list[float]]:
    """Keep the bins of one column, for `psi`."""
    inner = np.quantile(values, np.arange(1, BINS) / BINS)
    # A feature that is mostly 0 has fewer bins than ten.
    edges = np.unique(inner.astype(np.float64))
    return {"edges": edges.tolist(), "shares": _shares(values, edges)}


def drift(last: Summary, x: Rows, columns: Sequence[str]) -> list[Finding]:
    """Compare the features with the last training's by the stability index.

    PSI = Σ (q − p) ln(q / p) over bins of the last training's tenths.
    """
    values = {
        name: psi(last[name], x[:, spot])
        for spot, name in enumerate(columns)
        if name in last
    }
    if not values:
        return []
    worst = max(values, key=lambda name: values[name])
    moved = sum(value > DRIFTED for value in values.values()) / len(values)
    one = Wording(
        "%(worst)s moved most since the last training (PSI %(values)s).",
        worst=worst,
        values=f"{values[worst]:.2f}",
    )
    many = Wording(
        "%(moved)s of the features have moved far since the last training.",
        moved=f"{moved:.0%}",
    )
    return [
        quality.most("drift", values[worst], DRIFTED, one, hard=False),
        quality.most("drift of many", moved, MOST_DRIFTED, many),
    ]


def moved_chances(last: Mapping[str, Sequence[float]], chance: Numbers) -> Finding:
    """Compare a model's chances with those at its training's newest cut-off."""
    index = psi(last, chance)
    reason = Wording(
        "The chances have moved since the training (PSI %(index)s).",
        index=f"{index:.2f}",
    )
    return quality.most("drift of chances", index, DRIFTED, reason, hard=False)


@dataclass(frozen=True, kw_only=True)
class Moved:
    """How a column's values lie now in the bins of the training, and how they lay."""

    name: str
    index: float
    edges: list[float]
    then: list[float]
    now: list[float]


def moved(name: str, last: Mapping[str, Sequence[float]], values: Rows) -> Moved:
    """Compare one column with what `tenths` kept of it; `index` is its PSI."""
    edges = list(last["edges"])
    return Moved(
        name=name,
        index=psi(last, values),
        edges=edges,
        then=list(last["shares"]),
        now=_shares(values, np.array(edges)),
    )


def psi(last: Mapping[str, Sequence[float]], values: Rows) -> float:
    """Return the population stability index; empty bins count as 0.1 ‰."""
    edges = np.array(last["edges"])
    p = np.maximum(np.array(last["shares"]), 1e-4)
    q = np.maximum(np.array(_shares(values, edges)), 1e-4)
    return float(((q - p) * np.log(q / p)).sum())


def _shares(values: Rows, edges: Numbers) -> list[float]:
    spots = np.searchsorted(edges, values.astype(np.float64), "right")
    counts = np.bincount(spots, minlength=len(edges) + 1)
    return [float(share) for share in counts / max(len(values), 1)]
