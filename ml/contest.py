"""One candidate's way through the rolling cut-offs, and who wins.

Every learner is fitted on the cut-offs before the one that it foretells; what it
foretold earlier gives the link p' = σ(a·logit p + b) for the next, so that no figure
saw a label of its own cut-off. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import estimators, evaluation, exports, features, stability
from ml.estimators import Candidate
from ml.splits import Split, Splits

SEARCH_ROWS = 60_000
PAIRS = 225_000
"""What `score_seconds` is told for."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """What was foretold at one cut-off, before and after the link."""

    part: Split
    raw: Numbers
    chance: Numbers

    @property
    def losses(self) -> Numbers:
        return np.asarray(evaluation.losses(self.part.y, self.chance), np.float64)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A candidate with its figures; `cuts` are the measured ones, oldest first.

    `arrays` are what goes into service, laid out by ml.exports (none for a baseline);
    `seconds` is the CPU time of one fit, `score_seconds` that of PAIRS rows.
    """

    arrays: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    seconds: float
    score_seconds: float
    cuts: tuple[Foretold, ...]
    metrics: dict[str, Any]


def entered(
    candidate: Candidate, parts: Splits, *, seed: int, seconds: float
) -> Entrant:
    """Search the settings, measure on the rolling cuts, fit again on the newest."""
    setting = searched(candidate, parts, seed=seed, seconds=seconds)
    found = measured(candidate, parts, seed=seed, setting=setting)
    final = fitted(candidate, parts.newest(seed=seed), setting=setting, seed=seed)
    return Entrant(
        # The link is of earlier fits' forecasts: on its own rows it would look too
        # sure.
        arrays=exports.calibrated(linked(final, found.cuts)),
        settings=setting,
        seconds=found.seconds,
        score_seconds=found.score_seconds,
        cuts=found.cuts,
        metrics=found.metrics,
    )


def measured(
    candidate: Candidate,
    parts: Splits,
    *,
    seed: int,
    setting: Mapping[str, object] | None = None,
) -> Entrant:
    """Foretell each rolling cut-off by what was known before it.

    The first of them only calibrates; the others are measured.
    """
    told: list[Foretold] = []
    # CPU, not wall: the worker has other tasks beside it.
    spent = scored = rows = 0.0
    for cut in parts.plan.rolling:
        started = process_time()
        sample = parts.before(cut, seed=seed)
        estimator = fitted(
            candidate, sample, setting=setting or {}, seed=seed, columns=parts.columns
        )
        spent += process_time() - started
        part, started = parts.rows[cut], process_time()
        raw = np.asarray(estimator.predict_proba(part.x)[:, 1], np.float64)
        scored, rows = scored + process_time() - started, rows + len(part.y)
        chance = _linked(told, raw)
        told.append(Foretold(part=part, raw=raw, chance=chance))
    # The first had nothing earlier to be linked by.
    cuts = tuple(told[1:])
    return Entrant(
        seconds=spent / len(told),
        score_seconds=scored / rows * PAIRS,
        cuts=cuts,
        metrics=_metrics(cuts, parts.plan.rolling[1:]),
    )


def fitted(
    candidate: Candidate,
    sample: Split,
    *,
    setting: Mapping[str, object],
    seed: int,
    columns: Sequence[str] = features.COLUMNS,
) -> Any:
    estimator = candidate.make(columns, seed).set_params(**setting)
    return estimator.fit(sample.x, sample.y)


def searched(
    candidate: Candidate, parts: Splits, *, seed: int, seconds: float
) -> Mapping[str, object]:
    """Try the settings in their order while CPU seconds last; lowest log-loss wins.

    Tried at the calibrating cut-off, which no figure is measured on. The first setting
    is always tried.
    """
    first = parts.plan.rolling[0]
    sample = parts.before(first, rows=SEARCH_ROWS, seed=seed)
    trial = parts.rows[first].sampled(SEARCH_ROWS, seed=seed)
    best, lowest, started = candidate.search[0], np.inf, process_time()
    for setting in candidate.search:
        # Nothing to choose from: no fit is spent on it.
        if len(candidate.search) == 1:
            break
        estimator = fitted(candidate, sample, setting=setting, seed=seed)
        chance = estimator.predict_proba(trial.x)[:, 1]
        loss = float(evaluation.losses(trial.y, chance).mean())
        if loss < lowest:
            best, lowest = setting, loss
        if process_time() - started > seconds:
            break
    return best


def linked(estimator: Any, cuts: tuple[Foretold, ...]) -> estimators.Calibrated:
    """Give an estimator the link of all that its like foretold."""
    return estimators.Calibrated(estimator=estimator).link(
        np.concatenate([one.raw for one in cuts]),
        np.concatenate([one.part.y for one in cuts]),
    )


def choose(
    entrants: Mapping[str, Entrant],
    baselines: Mapping[str, Entrant],
    *,
    champion: str | None,
) -> evaluation.Choice:
    """Choose by evaluation.choose; a champion stays unless the winner beats it."""
    some = next(iter(entrants.values()))
    # Of any: all were measured on the same rows.
    groups = [one.part.entity for one in some.cuts]
    choice = evaluation.choose(
        list(entrants),
        candidates={name: _losses(one) for name, one in entrants.items()},
        baselines={name: _losses(one) for name, one in baselines.items()},
        group=np.concatenate(groups),
    )
    # Rates in charge are no entrant: the winner has beaten them as a baseline.
    if choice.winner is None or champion is None or champion not in entrants:
        return choice
    if champion == choice.winner:
        return choice
    challenger, reigning = entrants[choice.winner], entrants[champion]
    verdict = evaluation.beats(
        challenger=[one.losses for one in challenger.cuts],
        champion=[one.losses for one in reigning.cuts],
        groups=groups,
        ece=[cut["ece"] for cut in challenger.metrics["cuts"]],
    )
    if verdict.won:
        reason = f"{choice.reason} {verdict.reason}"
        return evaluation.Choice(winner=choice.winner, reason=reason)
    return evaluation.Choice(
        winner=champion, reason=f"{champion} stays, fitted anew: {verdict.reason}"
    )


def _losses(one: Entrant) -> Numbers:
    return np.concatenate([cut.losses for cut in one.cuts])


def _linked(told: list[Foretold], raw: Numbers) -> Numbers:
    return linked(None, tuple(told)).bent(raw) if told else raw


def _metrics(
    cuts: tuple[Foretold, ...], moments: tuple[datetime, ...]
) -> dict[str, Any]:
    """`validation` joins the measured cuts, `test` is the newest of them."""
    figures = [_figures([cut]) for cut in cuts]
    newest = cuts[-1]
    return {
        "validation": _figures(list(cuts)),
        "test": figures[-1],
        "cuts": [
            {"cut": moment.isoformat(), **one}
            for moment, one in zip(moments, figures, strict=True)
        ],
        "calibration": evaluation.calibration(newest.part.y, newest.chance),
        "chances": stability.tenths(newest.chance),
    }


def _figures(cuts: list[Foretold]) -> dict[str, float]:
    part = Split.joined([cut.part for cut in cuts])
    chance = np.concatenate([cut.chance for cut in cuts])
    return evaluation.measure(part.y, chance, group=part.entity, category=part.category)
