"""What the night's scoring tells of the model that scored: is the world still its own?

Features and chances of the regulars, whom models learn from, are compared with those of
the training by the stability index (ml.stability); models that are a horizon old are
judged on what has happened since (ml.matured). All of it is told and none of it stops
anything: see registry.doubts.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from analytics.wording import Wording
from ml import matured, quality, registry, splits, stability
from ml.context import MEASURES
from ml.features import FEATURES
from ml.models import TrainedModel
from ml.purchases import History, Numbers

Watch = dict[str, Any]
CHANCES = "chances"
SHOWN = 8
"""Features whose drift is kept, those that moved most."""
FEWEST = 200
"""Regulars; of n, ten bins move by a PSI of about 18 / n through chance alone."""


def of(
    model: TrainedModel,
    history: History,
    rows: NDArray[np.float32],
    chance: Numbers,
    *,
    regulars: int,
) -> Watch:
    """Watch a model by some regulars' `rows` of FEATURES and its `chance` for each."""
    # Fewer, and chance alone would raise an alarm each night.
    enough = regulars >= FEWEST
    findings = [*_features(model, rows), *_chances(model, chance)] if enough else []
    judged = _matured(history)
    moved = [
        Wording("%(task)s: %(reason)s", task=model.task, reason=one.reason)
        for one in findings
        if not one.ok
    ]
    broken = [
        Wording(
            "%(estimator)s, on what has happened: %(warning)s",
            estimator=one.estimator,
            warning=one.warning,
        )
        for one in judged
        if one.champion and one.warning
    ]
    return {
        "findings": [asdict(one) for one in findings],
        "matured": [asdict(one) for one in judged],
        "drift": [asdict(one) for one in _drift(model, rows, chance)] if enough else [],
        "doubts": [*_standing_in(model), *moved, *broken],
    }


def _standing_in(model: TrainedModel) -> list[str]:
    if registry.champion(model.task) == model:
        return []
    return [
        Wording(
            "%(task)s: %(estimator)s stands in for a champion that is broken",
            task=model.task,
            estimator=model.estimator,
        )
    ]


def _features(model: TrainedModel, rows: NDArray[np.float32]) -> list[quality.Finding]:
    return stability.drift(_kept(model), rows, list(FEATURES))


def _kept(model: TrainedModel) -> stability.Summary:
    """Return how the training's rows lay, by feature.

    The categories' own measures are left out: with as few values as categories, they
    clump otherwise at each cut-off.
    """
    summary: Mapping[str, Any] = model.run.report.get("summary", {})
    return {name: one for name, one in summary.items() if name not in MEASURES}


def _drift(
    model: TrainedModel, rows: NDArray[np.float32], chance: Numbers
) -> list[stability.Moved]:
    """Return the chances and the features that moved most, for people to look at."""
    kept, spots = _kept(model), {name: at for at, name in enumerate(FEATURES)}
    found = [stability.moved(n, kept[n], rows[:, spots[n]]) for n in kept if n in spots]
    most = sorted(found, key=lambda one: -one.index)[:SHOWN]
    known = model.metrics.get("chances")
    return [stability.moved(CHANCES, known, chance), *most] if known else most


def _chances(model: TrainedModel, chance: Numbers) -> list[quality.Finding]:
    known = model.metrics.get("chances")
    return [stability.moved_chances(known, chance)] if known else []


def _matured(history: History) -> list[matured.Matured]:
    try:
        plan = splits.plan(history.purchases, horizon_days=settings.HORIZON_DAYS)
    except splits.TooLittleHistory:
        return []
    return matured.judge(history, plan=plan)
