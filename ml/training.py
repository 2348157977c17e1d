"""Let the candidates compete on rolling cut-offs of the log, and promote who earned it.

At each of the last measured cut-offs every candidate is fitted on the cut-offs before
it, calibrated on what it foretold at still earlier ones, and measured on rows that it
has never seen; settings are searched before all of that. The model that goes into
service is then fitted again on the newest cuts, whose labels are closed, with the link
of all foretold ones: its own figures are those of the rolling cut-offs.
Baselines run through the same mill; who does not beat them is not promoted, and a
champion is not replaced but by one that beats it; see evaluation.beats. Until there is
a first winner, purchase rates are in charge, see ml.untrained.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from analytics import order_exports
from analytics.wording import Wording
from ml import (
    contest,
    effects,
    estimators,
    evaluation,
    features,
    lines,
    model_files,
    predictors,
    propensity,
    provenance,
    quality,
    registry,
    splits,
    stability,
    unfinished,
    untrained,
)
from ml.artefacts import pack
from ml.codes import day_of, recoded
from ml.contest import Entrant
from ml.effects import Effect
from ml.estimators import Candidate
from ml.features import Context
from ml.models import PROPENSITY, UNTRAINED, TrainedModel, TrainingRun
from ml.splits import Plan, Split, Splits

SEARCH_SECONDS = 60.0
"""CPU seconds that all candidates' searches may take together."""

SAID = ("winner", "reason", "untrained")
"""What a report says of rates that took charge after a contest without a winner."""

Report = Callable[[str, int, int], None]
"""(step, done, total): told before each step, so that an operator sees progress."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What the candidates compete on."""

    plan: Plan
    parts: Splits
    categories: tuple[str, ...]
    context: Context
    summary: stability.Summary


def train(
    *,
    run: TrainingRun,
    at: datetime,
    report: Report,
    exclude: frozenset[str] = frozenset(),
    seed: int = 0,
) -> dict[str, Any]:
    """Train on the log before `at`, store every candidate, promote the winner.

    Returns the run's report. Without a champion that was trained, purchase rates take
    charge when the log cannot carry a training, or no candidate beats the baselines.

    :raises splits.TooLittleHistory: and nothing is stored.
    :raises quality.BadData: a gate before training failed; nothing is stored.
    """
    # Log, features, baselines, each candidate, storing.
    steps = len(estimators.CANDIDATES) + 4
    report(Wording("Reading the log"), 0, steps)
    try:
        world, findings = _world(at=at, exclude=exclude, report=report, steps=steps)
    except splits.TooLittleHistory as young:
        # Rates never take the place of what was trained: the champion of before goes
        # on.
        if _reigning() not in (None, UNTRAINED):
            raise
        return untrained.enter(run=run, at=at, why=str(young), exclude=exclude)
    report(Wording("Measuring the baselines"), 2, steps)
    baselines = {
        name: contest.measured(candidate, world.parts, seed=seed)
        for name, candidate in estimators.BASELINES.items()
    }
    known = unfinished.data(world.parts, world.categories)
    entrants = _entrants(world, known=known, seed=seed, report=report, steps=steps)
    choice = contest.choose(entrants, baselines, champion=_reigning())
    report(Wording("Storing the models"), steps - 1, steps)
    packed = {n: _packed(one, world, seed=seed) for n, one in entrants.items()}
    _store(run, at=at, world=world, entrants=entrants, packed=packed, choice=choice)
    # Only now: until the rows are stored a killed training starts from these files.
    unfinished.forget(known)
    rates: dict[str, Any] = {}
    if choice.winner is None and _reigning() in (None, UNTRAINED):
        rates = untrained.enter(run=run, at=at, why=choice.reason, exclude=exclude)
    return {
        **_seen(world, findings),
        "baselines": {name: _told(one) for name, one in baselines.items()},
        "candidates": {name: _told(one) for name, one in entrants.items()},
        **asdict(choice),
        **{name: rates[name] for name in SAID if rates},
    }


def _world(
    *, at: datetime, exclude: frozenset[str], report: Report, steps: int
) -> tuple[World, list[quality.Finding]]:
    history = lines.arrays(lines.read(until=at))
    plan = splits.plan(history.purchases, horizon_days=settings.HORIZON_DAYS)
    # First of all: in a shop with few customers, days without orders are no fault.
    splits.insist(history, plan=plan)
    findings = quality.of_lines(
        history.purchases,
        since=day_of(plan.since),
        until=day_of(plan.as_of),
    )
    newest = day_of(plan.cuts[-1])
    findings.append(quality.of_currencies(order_exports.order_currencies(until=at)))
    findings.append(
        quality.of_labels(day=newest, horizon=plan.horizon, known_until=day_of(at))
    )
    quality.insist(findings)
    categories = splits.most_bought(
        history,
        # By what was bought before any cut-off that is foretold: what sells later is
        # not known.
        at=plan.before(plan.rolling[0])[-1],
        exclude=exclude,
        most=splits.CATEGORIES,
    )
    report(Wording("Building features"), 1, steps)
    parts = splits.split(history, plan=plan, categories=categories)
    rows = parts.newest()
    findings += quality.of_rows(rows.x, rows.y, features.COLUMNS)
    findings += _drift(parts.rows[plan.cuts[-1]], young=bool(plan.lacking))
    quality.insist(findings)
    past = recoded(history.purchases, categories=(history.categories, categories))
    # As of now, not of a cut-off: this one goes into the model's file.
    context = features.context(past, day=day_of(plan.as_of), categories=len(categories))
    world = World(
        plan=plan,
        parts=parts,
        categories=tuple(categories),
        context=context,
        summary=stability.summary(parts.rows[plan.cuts[-1]].x, features.COLUMNS),
    )
    return world, findings


def _entrants(
    world: World, *, known: str, seed: int, report: Report, steps: int
) -> dict[str, Entrant]:
    entrants = {}
    for done, (name, candidate) in enumerate(estimators.CANDIDATES.items(), start=3):
        report(Wording("Fitting %(name)s", name=name), done, steps)
        entrants[name] = _entered(name, candidate, known=known, world=world, seed=seed)
    return entrants


def _entered(
    name: str, candidate: Candidate, *, known: str, world: World, seed: int
) -> Entrant:
    """Fit a candidate, unless a training that was killed had done so on these rows."""
    one = unfinished.name(known, name, seed=seed)
    found = unfinished.find(one, world.parts)
    if found is None:
        seconds = SEARCH_SECONDS / len(estimators.CANDIDATES)
        found = contest.entered(candidate, world.parts, seed=seed, seconds=seconds)
        unfinished.keep(one, found)
    return found


def _drift(rows: Split, *, young: bool) -> list[quality.Finding]:
    """Compare with the last training on the same features, if there was one.

    Over a young log all counts grow, so that drift is told and stops nothing.
    """
    done = TrainingRun.objects.filter(state=TrainingRun.State.SUCCEEDED)
    last = done.order_by("-finished_at").first()
    known = (last.report or {}).get("summary", {}) if last else {}
    found = stability.drift(known, rows.x, features.COLUMNS)
    return [replace(one, hard=one.hard and not young) for one in found]


def _reigning() -> str | None:
    """Name the estimator in service, unless it knows other features."""
    try:
        champion = registry.champion(PROPENSITY)
    except registry.NoChampion:
        return None
    # One of other features cannot score these rows, so there is nobody to beat.
    same = champion.features_version == features.FEATURES_VERSION
    return champion.estimator if same else None


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A candidate's file and what it goes by."""

    file: bytes
    effects: list[Effect]


def _packed(one: Entrant, world: World, *, seed: int) -> Packed:
    newest = world.parts.rows[world.plan.cuts[-1]].sampled(effects.ROWS, seed=seed)
    told = effects.explained(
        predictors.read(one.arrays), newest, categories=len(world.categories)
    )
    model = propensity.artefact(
        predictor=one.arrays,
        categories=world.categories,
        context=world.context,
        average=told.average,
    )
    return Packed(file=pack(model), effects=told.effects)


def _store(
    run: TrainingRun,
    *,
    at: datetime,
    world: World,
    entrants: Mapping[str, Entrant],
    packed: Mapping[str, Packed],
    choice: evaluation.Choice,
) -> None:
    """Write files first: one without a row is harmless, a row without one is not."""
    rows = {
        name: TrainedModel(
            task=PROPENSITY,
            estimator=name,
            checksum=model_files.save(packed[name].file),
            created_at=at,
            cutoff=world.plan.cuts[-1],
            window_start=world.plan.cuts[0],
            code=provenance.code(),
            parameters=dict(one.settings),
            features_version=features.FEATURES_VERSION,
            metrics={**one.metrics, "effects": packed[name].effects},
            size_bytes=len(packed[name].file),
            fit_seconds=one.seconds,
            run=run,
        )
        for name, one in entrants.items()
    }
    with transaction.atomic():
        TrainedModel.objects.bulk_create(rows.values())
        if choice.winner:
            registry.promote(rows[choice.winner], at=at, reason=choice.reason)


def _seen(world: World, findings: list[quality.Finding]) -> dict[str, Any]:
    """Say for the report what the candidates competed on."""
    return {
        "plan": _written(world.plan),
        "categories": world.categories,
        "rows": {cut.isoformat(): len(p.y) for cut, p in world.parts.rows.items()},
        "quality": [asdict(finding) for finding in findings],
        "summary": world.summary,
    }


def _written(plan: Plan) -> dict[str, Any]:
    return {
        "training": [cut.isoformat() for cut in plan.cuts],
        "measured": [cut.isoformat() for cut in plan.rolling[1:]],
        "as_of": plan.as_of.isoformat(),
        "lacking": plan.lacking,
    }


def _told(one: Entrant) -> dict[str, Any]:
    return {
        "settings": dict(one.settings),
        "fit_seconds": round(one.seconds, 2),
        "score_seconds": round(one.score_seconds, 3),
        **one.metrics,
    }
