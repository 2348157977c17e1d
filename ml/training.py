"""Let the candidates compete on time splits of the log, and promote who earned it.

Settings are tried on one half of the tuning cut's customers, probabilities calibrated
on the other half, candidates compared on validation, and test is only reported. The
model stored is the very one that was measured: it is not fitted again on later cuts.
Baselines run through the same mill; who does not beat them is not promoted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from time import process_time
from typing import Any

import numpy as np
import polars as pl
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from analytics import events, store
from ml import estimators, evaluation, features, lines, registry, splits
from ml.estimators import Candidate
from ml.models import PROPENSITY, TrainedModel, TrainingRun
from ml.splits import Plan, Split, Splits

ROWS = 300_000
"""Training rows at most: three times as many gained the logistic nothing."""
SEARCH_ROWS = 60_000

Report = Callable[[str, int, int], None]
"""(step, done, total): told before each step, so that an operator sees progress."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A calibrated candidate with its figures; `losses` are validation's, by row."""

    estimator: Any
    settings: Mapping[str, object]
    seconds: float
    losses: NDArray[np.floating[Any]]
    metrics: dict[str, Any]


CANDIDATES: Mapping[str, Candidate] = {
    "logistic": estimators.CANDIDATES["logistic"],
    "tree": estimators.CANDIDATES["tree"],
    "boosting": estimators.CANDIDATES["boosting"],
    "forest": estimators.CANDIDATES["forest"],
}
"""From simple to complex: of equals the first is promoted. The order is by what it
takes to explain and serve a score: a weighted sum, one path, many trees."""


def train(
    *,
    run: TrainingRun,
    at: datetime,
    report: Report,
    exclude: frozenset[str] = frozenset(),
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the log before `at`, store every candidate, promote the winner.

    Returns the run's report. Nothing is promoted when no candidate beats the baselines.

    :raises splits.TooLittleHistory: and nothing is stored.
    """
    steps = len(CANDIDATES) + 4
    report("Reading the log", 0, steps)
    history = lines.read(until=at)
    plan = splits.plan(history, horizon_days=settings.HORIZON_DAYS)
    categories = splits.most_bought(
        history, at=plan.training[-1], exclude=exclude, most=splits.CATEGORIES
    )
    report("Building features", 1, steps)
    parts = splits.split(history, plan=plan, categories=categories, seed=seed)
    report("Measuring the baselines", 2, steps)
    baselines = {
        name: fitted(candidate, parts, seed=seed)
        for name, candidate in estimators.BASELINES.items()
    }
    contest: dict[str, Fitted] = {}
    for done, (name, candidate) in enumerate(CANDIDATES.items(), start=3):
        report(f"Fitting {name}", done, steps)
        contest[name] = fitted(candidate, parts, seed=seed)
    choice = choose(contest, baselines, validation=parts.validation)
    report("Storing the models", steps - 1, steps)
    context = features.context(history, at=plan.as_of, categories=categories)
    bundles = _bundles(contest, categories=categories, context=context)
    _store(run, at=at, plan=plan, contest=contest, bundles=bundles, choice=choice)
    return {
        "plan": _written(plan),
        "categories": categories,
        "rows": {name: len(part.y) for name, part in vars(parts).items()},
        "baselines": {name: _told(one) for name, one in baselines.items()},
        "candidates": {name: _told(one) for name, one in contest.items()},
        **asdict(choice),
    }


def fitted(candidate: Candidate, parts: Splits, *, seed: int) -> Fitted:
    """Search its settings, fit it, calibrate it, and measure it on both splits."""
    started = process_time()
    chosen = _searched(candidate, parts, seed=seed)
    sample = parts.training.sampled(ROWS, whole=candidate.whole, seed=seed)
    estimator = candidate.make(features.COLUMNS, seed).set_params(**chosen)
    estimator.fit(sample.x, sample.y)
    seconds = process_time() - started
    calibrated = estimators.Calibrated(estimator=estimator)
    calibrated.fit(parts.calibration.x, parts.calibration.y)
    validation = calibrated.predict_proba(parts.validation.x)[:, 1]
    test = calibrated.predict_proba(parts.test.x)[:, 1]
    return Fitted(
        estimator=calibrated,
        settings=chosen,
        seconds=seconds,
        losses=evaluation.losses(parts.validation.y, validation),
        metrics={
            "validation": _measured(parts.validation, validation),
            "test": _measured(parts.test, test),
            "calibration": evaluation.calibration(parts.test.y, test),
        },
    )


def choose(
    contest: Mapping[str, Fitted],
    baselines: Mapping[str, Fitted],
    *,
    validation: Split,
) -> evaluation.Choice:
    """Choose on validation, customers being what varies; see evaluation.choose."""
    return evaluation.choose(
        list(contest),
        candidates={name: one.losses for name, one in contest.items()},
        baselines={name: one.losses for name, one in baselines.items()},
        group=validation.entity,
    )


def _searched(
    candidate: Candidate, parts: Splits, *, seed: int
) -> Mapping[str, object]:
    """Try each setting on a part of the rows; the lowest log-loss wins."""
    if len(candidate.search) == 1:
        return candidate.search[0]
    sample = parts.training.sampled(SEARCH_ROWS, whole=candidate.whole, seed=seed)
    trial = parts.trial.sampled(SEARCH_ROWS, whole=True, seed=seed)

    def loss(setting: Mapping[str, object]) -> float:
        estimator = candidate.make(features.COLUMNS, seed).set_params(**setting)
        estimator.fit(sample.x, sample.y)
        chance = estimator.predict_proba(trial.x)[:, 1]
        return float(evaluation.losses(trial.y, chance).mean())

    return min(candidate.search, key=loss)


def _measured(split: Split, chance: NDArray[np.float64]) -> dict[str, float]:
    return evaluation.measure(
        split.y, chance, group=split.entity, category=split.category
    )


def _bundles(
    contest: Mapping[str, Fitted], *, categories: Sequence[str], context: pl.DataFrame
) -> dict[str, bytes]:
    return {
        name: registry.packed(
            registry.Bundle(
                estimator=one.estimator,
                categories=tuple(categories),
                context=context,
                features_version=features.FEATURES_VERSION,
            )
        )
        for name, one in contest.items()
    }


def _store(
    run: TrainingRun,
    *,
    at: datetime,
    plan: Plan,
    contest: Mapping[str, Fitted],
    bundles: Mapping[str, bytes],
    choice: evaluation.Choice,
) -> None:
    """Write files first: one without a row is harmless, a row without one is not."""
    rows = {
        name: TrainedModel(
            task=PROPENSITY,
            estimator=name,
            checksum=registry.save(bundles[name]),
            created_at=at,
            cutoff=plan.validation,
            features_version=features.FEATURES_VERSION,
            metrics=one.metrics,
            size_bytes=len(bundles[name]),
            fit_seconds=one.seconds,
            promoted_at=at if name == choice.winner else None,
            run=run,
        )
        for name, one in contest.items()
    }
    with transaction.atomic():
        TrainedModel.objects.bulk_create(rows.values())
        if choice.winner:
            _promote(rows[choice.winner], at=at, reason=choice.reason)


def _promote(model: TrainedModel, *, at: datetime, reason: str) -> None:
    """Append the promotion; the last statement of its transaction."""
    stream = f"model:{model.task}"
    promoted = events.ModelPromoted(
        model=model.id,
        task=model.task,
        estimator=model.estimator,
        checksum=model.checksum,
        validation=model.metrics["validation"],
        reason=reason,
    )
    store.append([promoted], at=at, stream=stream, after=store.version(stream))


def _written(plan: Plan) -> dict[str, Any]:
    moments = {name: getattr(plan, name) for name in ("tuning", "validation", "test")}
    return {
        "training": [cut.isoformat() for cut in plan.training],
        **{name: moment.isoformat() for name, moment in moments.items()},
        "as_of": plan.as_of.isoformat(),
    }


def _told(one: Fitted) -> dict[str, Any]:
    return {
        "settings": dict(one.settings),
        "fit_seconds": round(one.seconds, 2),
        **one.metrics,
    }
