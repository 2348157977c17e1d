"""How good probabilities are, and which candidate has earned the task.

Pure functions over `y` (0 or 1), `p` (probabilities) and, where rows hang together,
`group` (the customer). Standard errors are clustered by group: the hundred rows of a
customer are far from independent. Lower log-loss is better everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from analytics.wording import Wording

Numbers = NDArray[np.floating[Any]]
Codes = NDArray[Any]
# As in the research report, by which the goals were set.
BINS = 15
LEAST_CUTS = 3
ECE_BOUND = 0.02
SURE = 1e-6
"""Probabilities are kept this far from 0 and 1: one miss must not cost infinity."""


@dataclass(frozen=True, kw_only=True)
class Mean:
    """An average with its standard error."""

    value: float
    error: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which candidate won and why; `winner` is None when none beats the baselines."""

    winner: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a challenger takes the champion's place, and why (not)."""

    won: bool
    reason: str


def losses(y: Codes, p: Numbers) -> Numbers:
    """Return each row's log-loss, in nats."""
    sure = np.clip(p, SURE, 1 - SURE).astype(np.float64)
    return np.asarray(-np.where(y == 1, np.log(sure), np.log1p(-sure)))


def clustered(values: Numbers, group: Codes) -> Mean:
    """Average `values` with a standard error robust to dependence within a group.

    The sandwich for a mean: sqrt(G/(G-1) · Σ_g (Σ_{i in g} (v_i − v̄))²) / n.
    """
    mean = float(values.mean())
    codes = np.unique(group, return_inverse=True)[1]
    sums = np.bincount(codes, weights=values - mean)
    groups = len(sums)
    # One customer, however many rows, is one observation.
    if groups < 2:
        return Mean(value=mean, error=float("inf"))
    spread = sqrt(groups / (groups - 1) * float((sums**2).sum()))
    return Mean(value=mean, error=spread / len(values))


def auc(y: Codes, p: Numbers) -> float:
    """Return the area under the ROC curve, ½ when only one class is there."""
    return float(roc_auc_score(y, p)) if 0 < y.mean() < 1 else 0.5


def auc_within(y: Codes, p: Numbers, category: Codes) -> float:
    """Average the AUC inside each category, weighted by its positives."""
    kinds = [category == kind for kind in np.unique(category)]
    mixed = [rows for rows in kinds if 0 < y[rows].mean() < 1]
    if not mixed:
        return 0.5
    scores = [auc(y[rows], p[rows]) for rows in mixed]
    return float(np.average(scores, weights=[y[rows].sum() for rows in mixed]))


def calibration(y: Codes, p: Numbers, *, bins: int = BINS) -> list[dict[str, float]]:
    """Compare promised with happened in bins of equal mass, lowest first."""
    # Stable: a constant's bins hold the rows as they come, and a run repeats.
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(y)))
    return [
        {
            "rows": len(part),
            "promised": float(p[part].mean()),
            "happened": float(y[part].mean()),
        }
        for part in parts
    ]


def ece(table: Sequence[Mapping[str, float]]) -> float:
    """Return the expected calibration error: mean |promised − happened| by rows."""
    rows = sum(line["rows"] for line in table)
    gaps = (line["rows"] * abs(line["promised"] - line["happened"]) for line in table)
    return sum(gaps) / rows


def lift(y: Codes, p: Numbers, *, share: float = 0.1) -> float:
    """Return how much more often the first tenth happened than the average.

    Of rows with equal `p` at the tenth's edge each counts in part, so that the order
    of the rows does not matter and a constant has lift 1.
    """
    most = max(int(len(y) * share), 1)
    edge = np.partition(p, -most)[-most]
    above, equal = y[p > edge], y[p == edge]
    got = above.sum() + equal.mean() * (most - len(above))
    return float(got / most / y.mean()) if y.any() else 0.0


def measure(y: Codes, p: Numbers, *, group: Codes, category: Codes) -> dict[str, float]:
    """Return every figure of one candidate on one split."""
    loss = clustered(losses(y, p), group)
    return {
        "log_loss": loss.value,
        "log_loss_error": loss.error,
        "auc": auc(y, p),
        "auc_within": auc_within(y, p, category),
        "average_precision": float(average_precision_score(y, p)) if y.any() else 0.0,
        "brier": float(np.mean((p - y) ** 2)),
        "ece": ece(calibration(y, p)),
        "base_rate": float(y.mean()),
        "rows": len(y),
    }


def choose(
    order: Sequence[str],
    *,
    candidates: Mapping[str, Numbers],
    baselines: Mapping[str, Numbers],
    group: Codes,
) -> Choice:
    """Choose by rows' losses: the simplest candidate as good as the best one.

    `order` names the candidates from simple to complex. The best must beat the better
    baseline by two paired standard errors, or nobody wins. As good means within one
    standard error of the best (Breiman et al. 1984, the 1-SE rule); the one chosen must
    clear the baselines too.
    """
    best = min(candidates, key=lambda name: candidates[name].mean())
    rival = min(baselines, key=lambda name: baselines[name].mean())
    mark = clustered(candidates[best], group)
    for name in order:
        near = candidates[name].mean() <= mark.value + mark.error
        gain = clustered(baselines[rival] - candidates[name], group)
        # Both: one that is near the best may yet not be told from the baseline.
        if near and gain.value > 2 * gain.error:
            return Choice(winner=name, reason=_why(name, best, mark, rival, gain))
    return Choice(
        winner=None,
        reason=Wording(
            "No candidate beats %(rival)s by two standard errors.", rival=rival
        ),
    )


def beats(
    *,
    challenger: Sequence[Numbers],
    champion: Sequence[Numbers],
    groups: Sequence[Codes],
    ece: Sequence[float],
) -> Verdict:
    """Say whether the challenger's losses are surely lower, cut-off by cut-off.

    One item of each argument is one cut-off: paired losses by row, the rows' customers,
    the challenger's calibration error. It takes LEAST_CUTS of them, a mean gain beyond
    two standard errors, no cut-off worse by two, and no ECE beyond ECE_BOUND. One lucky
    cut-off is no evidence: rankers 7 % better at one were 5 % worse at the next.
    """
    if len(ece) < LEAST_CUTS:
        return Verdict(
            won=False,
            reason=Wording(
                "It takes %(least_cuts)s cut-offs to say.", least_cuts=LEAST_CUTS
            ),
        )
    gains = [a - b for a, b in zip(champion, challenger, strict=True)]
    each = [clustered(gain, who) for gain, who in zip(gains, groups, strict=True)]
    # A customer is one cluster over all cut-offs, not one at each.
    mean = clustered(np.concatenate(gains), np.concatenate(groups))
    gain = Wording(
        "%(value)s ± %(error)s nats over %(each)s cut-offs",
        value=f"{mean.value:.5f}",
        error=f"{mean.error:.5f}",
        each=len(each),
    )
    if mean.value <= 2 * mean.error:
        return Verdict(
            won=False,
            reason=Wording("A gain of %(gain)s is not beyond chance.", gain=gain),
        )
    if any(one.value < -2 * one.error for one in each):
        return Verdict(
            won=False,
            reason=Wording("A gain of %(gain)s, but worse at one of them.", gain=gain),
        )
    if max(ece) > ECE_BOUND:
        reason = Wording(
            "A gain of %(gain)s, but an ECE of %(ece)s at one of them.",
            gain=gain,
            ece=f"{max(ece):.3f}",
        )
        return Verdict(won=False, reason=reason)
    return Verdict(
        won=True, reason=Wording("It beats the champion by %(gain)s.", gain=gain)
    )


def _why(name: str, best: str, mark: Mean, rival: str, gain: Mean) -> str:
    lead = Wording(
        "%(value)s ± %(error)s nats better than %(rival)s",
        value=f"{gain.value:.4f}",
        error=f"{gain.error:.4f}",
        rival=rival,
    )
    if name == best:
        return Wording(
            "The lowest validation log-loss, %(value)s; %(lead)s.",
            value=f"{mark.value:.4f}",
            lead=lead,
        )
    return Wording(
        "The simplest within one standard error (%(error)s) of the best, "
        "%(best)s at %(value)s; %(lead)s.",
        error=f"{mark.error:.4f}",
        best=best,
        value=f"{mark.value:.4f}",
        lead=lead,
    )
