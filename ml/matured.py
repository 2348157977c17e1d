"""How models did on what has happened since: figures on labels that have matured.

Nothing is stored at the time. The log says what was known at any moment, so what a
model would have foretold at a cut-off after its training is computed when the horizon
has passed, for the champion and its challengers alike: shadow scores by replay. Late
events make it see a little more than it could have then.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import numpy as np

from analytics.wording import Wording
from ml import evaluation, model_files, splits
from ml.codes import day_of, recoded
from ml.models import PROPENSITY, UNTRAINED, TrainedModel
from ml.propensity import PropensityModel
from ml.purchases import History
from ml.splits import Plan, Split

ECE_BOUND = 0.03
ERRORS = 3.0
"""Worse than promised by more standard errors than this is told of."""


@dataclass(frozen=True, kw_only=True)
class Matured:
    """One model at a cut-off after its training; `warning` is empty if all is well."""

    estimator: str
    trained_at: str
    champion: bool
    figures: dict[str, float]
    warning: str


def judge(history: History, *, plan: Plan) -> list[Matured]:
    """Judge the models of the last training before the newest cut-off, if any."""
    cut = plan.cuts[-1]
    return list(_judged(history, _last_before(cut), cut=cut, horizon=plan.horizon))


def _last_before(cut: datetime) -> list[TrainedModel]:
    # A model that was trained later has seen the labels of this cut-off.
    known = TrainedModel.objects.filter(task=PROPENSITY, created_at__lte=cut)
    newest = known.order_by("-created_at").first()
    return list(known.filter(run=newest.run).order_by("estimator")) if newest else []


def _judged(
    history: History, rows: list[TrainedModel], *, cut: datetime, horizon: float
) -> Iterator[Matured]:
    # Models of one training mostly name the same categories: their rows are built once.
    @cache
    def built(categories: tuple[str, ...]) -> Split:
        names = (history.categories, list(categories))
        return splits.rows_at(
            recoded(history.purchases, categories=names),
            day=day_of(cut),
            horizon=horizon,
            customers=len(history.customers),
            categories=len(categories),
        )

    for row in rows:
        try:
            model = PropensityModel.of(model_files.load(row.checksum))
        except model_files.UNREADABLE:
            # Swept: registry.prune keeps each week's first training for this.
            continue
        part = built(model.categories)
        # Of a handful of regulars a loss says nothing, and would be told as a doubt.
        if len(np.unique(part.entity)) < splits.LEAST_CUSTOMERS:
            continue
        figures = evaluation.measure(
            part.y,
            model.predictor.probability(part.x),
            group=part.entity,
            category=part.category,
        )
        yield Matured(
            estimator=row.estimator,
            trained_at=row.created_at.isoformat(),
            champion=row.promoted_at is not None,
            figures=figures,
            warning=warning(_promised(row), figures),
        )


def _promised(row: TrainedModel) -> dict[str, float]:
    """Return the validation on regulars; untrained rates are measured on everybody."""
    known: dict[str, float] = row.metrics.get("validation", {})
    return {} if row.estimator == UNTRAINED else known


def warning(promised: dict[str, float], figures: dict[str, float]) -> str:
    """Say in words what is worse than the model's own validation promised."""
    told = []
    loss, ece = figures["log_loss"], figures["ece"]
    if "log_loss" in promised:
        # Both are measured: their errors add up in squares.
        mine, its = promised["log_loss_error"], figures["log_loss_error"]
        most = promised["log_loss"] + ERRORS * (mine**2 + its**2) ** 0.5
        if loss > most:
            told.append(
                Wording(
                    "log-loss %(loss)s, promised %(promised)s",
                    loss=f"{loss:.4f}",
                    promised=f"{promised['log_loss']:.4f}",
                )
            )
    if ece > ECE_BOUND:
        told.append(
            Wording(
                "calibration error %(ece)s, at most %(ece_bound)s",
                ece=f"{ece:.3f}",
                ece_bound=ECE_BOUND,
            )
        )
    return "; ".join(told)
