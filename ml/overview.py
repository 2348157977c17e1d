"""What the page of models shows of each task: who is in charge, why, and how well.

Look-ups: all figures were stored by trainings and scorings. The gain curve is computed
from the calibration's bins, which hold equally many rows: how many of those who bought
are among the rows that were rated highest (Ling and Li, KDD 1998).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from analytics.models import StoredEvent
from ml import figures, registry
from ml.models import PROPENSITY, RANKING, Scoring, TrainedModel, TrainingRun

CHANGES = ("model_promoted", "model_rolled_back")
MOST = 12
"""Changes of who is in charge, and effects, that are listed."""
SIDE = figures.SIDE


@dataclass(frozen=True, kw_only=True)
class Step:
    """A bin of the gain curve, highest first: `lift` is its own, `gain` with all above.

    `x` and `y` are where `gain` is drawn, in a square of SIDE.
    """

    share: float
    gain: float
    lift: float
    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Rival:
    """A candidate or a baseline; `at`, `left` and `right` are where it is drawn."""

    name: str
    loss: float
    error: float
    baseline: bool
    at: float
    left: float
    right: float


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bin of a column's values: heights then and now, in a picture of SIDE."""

    at: float
    width: float
    then: float
    now: float
    top_then: float
    top_now: float


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A column now against the training; `rows` are (from, to, then, now)."""

    name: str
    meaning: str
    index: float
    far: bool
    bars: Sequence[Bar]
    rows: Sequence[tuple[str, str, float, float]]


@dataclass(frozen=True, kw_only=True)
class Change:
    """Who took charge, when, by whom and why; no `by`: the training's contest."""

    at: datetime
    task: str
    model: str
    by: str
    why: str
    back: bool


@dataclass(frozen=True, kw_only=True)
class Part:
    """One task's part of the page; `others` may take charge in its champion's place."""

    task: str
    title: str
    says: str
    champion: TrainedModel | None
    since: Change | None
    others: Sequence[TrainedModel]
    rivals: Sequence[Rival]
    report: Mapping[str, Any]
    calibration: Sequence[figures.Point]
    gains: Sequence[Step]
    effects: Sequence[figures.Effect]
    cuts: Sequence[Mapping[str, Any]]


def page() -> dict[str, Any]:
    """Return what the page shows, in seven queries."""
    champions, told = registry.champions(), changes()
    newest = list(_newest())
    run = TrainingRun.objects.order_by("-requested_at").defer("report").first()
    watch = Scoring.objects.values_list("watch", flat=True).first() or {}
    return {
        "run": run,
        "parts": [
            _part(task, champions.get(task), newest, told)
            for task in (PROPENSITY, RANKING)
        ],
        "changes": told[:MOST],
        "findings": watch.get("findings", []),
        "matured": watch.get("matured", []),
        "drifts": [drift(one) for one in watch.get("drift", [])],
    }


def _newest() -> Iterable[TrainedModel]:
    """Return the models of each task's newest training."""
    last = TrainedModel.objects.order_by("task", "-created_at").distinct("task")
    runs = last.values_list("run_id", flat=True)
    return TrainedModel.objects.filter(run__in=set(runs)).select_related("run")


def _part(
    task: str,
    champion: TrainedModel | None,
    newest: Sequence[TrainedModel],
    told: Sequence[Change],
) -> Part:
    titles = {
        PROPENSITY: (_("Propensity"), _("Will this customer buy of this category?")),
        RANKING: (_("Ranking"), _("Will this product be in the next basket?")),
    }
    mine = [one for one in newest if one.task == task]
    report = mine[0].run.report if mine and task == PROPENSITY else {}
    return Part(
        task=task,
        title=titles[task][0],
        says=titles[task][1],
        champion=champion,
        since=next((one for one in told if one.task == task), None),
        others=[one for one in mine if champion and one.pk != champion.pk],
        rivals=rivals(report),
        report=report,
        calibration=figures.calibration(champion) if champion else [],
        gains=gains(champion.metrics.get("calibration", []) if champion else []),
        effects=figures.effects(champion)[:MOST] if champion else [],
        cuts=champion.metrics.get("cuts", []) if champion else [],
    )


def gains(table: Sequence[Mapping[str, float]]) -> list[Step]:
    """Return the gain curve of a calibration table; none where nobody bought."""
    rows = sum(one["rows"] for one in table)
    bought = sum(one["rows"] * one["happened"] for one in table)
    if not bought:
        return []
    found, seen, caught = [], 0.0, 0.0
    for one in sorted(table, key=lambda one: -one["promised"]):
        seen += one["rows"]
        caught += one["rows"] * one["happened"]
        share, gain = seen / rows, caught / bought
        found.append(
            Step(
                share=share,
                gain=gain,
                lift=one["happened"] * rows / bought,
                x=round(SIDE * share, 1),
                y=round(SIDE - SIDE * gain, 1),
            )
        )
    return found


def rivals(report: Mapping[str, Any]) -> list[Rival]:
    """Lay candidates and baselines out by log-loss, the best first."""
    told = [
        (name, one["validation"], kind == "baselines")
        for kind in ("candidates", "baselines")
        for name, one in report.get(kind, {}).items()
        if "log_loss" in one.get("validation", {})
    ]
    if not told:
        return []
    ends = [
        (one["log_loss"] - _error(one), one["log_loss"] + _error(one))
        for _name, one, _kind in told
    ]
    low: float = min(a for a, _b in ends)
    high: float = max(b for _a, b in ends)
    # A single figure without an error spans nothing.
    spare = 0.03 * (high - low) or 1.0
    low, high = low - spare, high + spare

    def at(value: float) -> float:
        return round(SIDE * (value - low) / (high - low), 1)

    found = [
        Rival(
            name=name,
            loss=one["log_loss"],
            error=_error(one),
            baseline=baseline,
            at=at(one["log_loss"]),
            left=at(one["log_loss"] - _error(one)),
            right=at(one["log_loss"] + _error(one)),
        )
        for name, one, baseline in told
    ]
    return sorted(found, key=lambda one: one.loss)


def _error(figures: Mapping[str, float]) -> float:
    """Return the half-width of a 95 % interval."""
    return 1.96 * float(figures.get("log_loss_error", 0.0))


def drift(found: Mapping[str, Any]) -> Drift:
    """Lay a column's values out, as they were at the training and as they are now."""
    then, now = found["then"], found["now"]
    most = max(*then, *now) or 1.0
    width = SIDE / len(then)
    heights = [
        (SIDE * a / most, SIDE * b / most) for a, b in zip(then, now, strict=True)
    ]
    bars = [
        Bar(
            at=round(spot * width, 2),
            width=round(0.42 * width, 2),
            then=round(a, 1),
            now=round(b, 1),
            top_then=round(SIDE - a, 1),
            top_now=round(SIDE - b, 1),
        )
        for spot, (a, b) in enumerate(heights)
    ]
    edges = ["", *(f"{edge:.4g}" for edge in found["edges"]), ""]
    known = figures.MEANINGS[PROPENSITY].get(found["name"])
    return Drift(
        name=found["name"],
        meaning=_(known.meaning) if known else "",
        index=found["index"],
        far=found["index"] > FAR,
        bars=bars,
        rows=list(zip(edges, edges[1:], then, now, strict=False)),
    )


FAR = 0.25
"""A major shift (Siddiqi 2006), as ml.stability tells of it; web loads no learner."""


def changes() -> list[Change]:
    """Return who took charge of what, newest first, as the log tells it."""
    rows = StoredEvent.objects.filter(type__in=CHANGES).order_by("-position")
    # Of all tasks, and more than are listed: each task's own last change is among them.
    told = list(rows.values_list("type", "occurred_at", "data")[: 4 * MOST])
    keys = {data["model"] for _type, _at, data in told}
    names = {str(m.pk): str(m) for m in TrainedModel.objects.filter(pk__in=keys)}
    return [
        Change(
            at=at,
            task=data["task"],
            model=names.get(data["model"], data["model"]),
            by=data.get("by", ""),
            why=data.get("reason") or data.get("comment", ""),
            back=type_ == "model_rolled_back",
        )
        for type_, at, data in told
    ]
