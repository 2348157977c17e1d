"""Who is in charge of a task, who stands in, and whose files are kept.

Promotion and roll-back are events of the stream "model:TASK"; the champion is the model
promoted last. `prune` deletes the files (ml.model_files) that nobody will load again,
and their rows keep the figures. The web process asks here too, so no learning library
may be imported.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction

from analytics import events, glances, lookup, store
from analytics.wording import Wording
from ml import model_files
from ml.meanings import FEATURES_VERSION
from ml.models import PROPENSITY, RANKING, Scoring, TrainedModel

UNFINISHED = "unfinished"
"""The folder of what a training has made so far; see ml.unfinished."""
KEPT = 5
"""Promotions of a task whose files stay: the champion, and some to go back to."""
STALE_DAYS = 3
WITNESSED_WEEKS = 9
"""A horizon of four weeks, and the time until the next training looks back."""
GRACE = timedelta(hours=1)
"""A younger file may be of a training that has not stored its rows yet."""


log = logging.getLogger(__name__)
Read = TypeVar("Read")


class NoChampion(Exception):
    """No model has been promoted for the task yet."""


class NotServable(Exception):
    """A model cannot take charge: its file is gone, or it knows other features."""


def champion(task: str) -> TrainedModel:
    """Return the model in charge of the task: the one promoted last.

    :raises NoChampion: there is none yet.
    """
    promoted = TrainedModel.objects.filter(task=task, promoted_at__isnull=False)
    newest = promoted.order_by("-promoted_at").first()
    if newest is None:
        raise NoChampion(task)
    return newest


def champions() -> dict[str, TrainedModel]:
    """Return who is in charge, by task, of the tasks that have somebody."""
    promoted = TrainedModel.objects.filter(promoted_at__isnull=False)
    newest = promoted.order_by("task", "-promoted_at").distinct("task")
    return {model.task: model for model in newest}


def serving(task: str) -> tuple[UUID, str]:
    """Return the champion's id and checksum in one prepared look-up.

    :raises NoChampion: there is none yet.
    """
    row = lookup.row(
        "SELECT id, checksum FROM ml_trainedmodel WHERE task = %s"
        " AND promoted_at IS NOT NULL ORDER BY promoted_at DESC LIMIT 1",
        [task],
    )
    if row is None:
        raise NoChampion(task)
    return row[0], row[1]


def chain(task: str) -> Iterator[TrainedModel]:
    """Yield the champion, then who stands in, should its file be broken.

    Champions before it first, newest first, then the others of the newest training,
    lowest log-loss first. A file may be gone: `load` says so.

    :raises NoChampion: there is none yet.
    """
    first = champion(task)
    yield first
    known = TrainedModel.objects.filter(task=task).exclude(pk=first.pk)
    # So many: `prune` has taken the files of those before.
    yield from known.filter(promoted_at__isnull=False).order_by("-promoted_at")[:KEPT]
    others = known.filter(run=first.run, promoted_at__isnull=True)
    yield from others.order_by("metrics__validation__log_loss")


def first_of(task: str, read: Callable[[str], Read]) -> tuple[TrainedModel, Read]:
    """Return the first model of the chain that `read` can make out of its checksum.

    :raises NoChampion: there is none yet.
    """
    broken: Exception | None = None
    for model in chain(task):
        try:
            return model, read(model.checksum)
        except model_files.UNREADABLE as error:
            broken = broken or error
            log.error("%s cannot be used: %s: %s", model, type(error).__name__, error)
    raise broken or NoChampion(task)


def doubts(*, at: datetime, watched: Sequence[str] | None = None) -> list[str]:
    """Name what is doubtful about the champions: files, age, features, drift, promises.

    The night trains; who has not been fitted anew for three nights is told of.
    `watched` are the doubts that the scoring kept, None if they have to be read.
    """
    found, known = [], champions()
    for task in (PROPENSITY, RANKING):
        if (model := known.get(task)) is None:
            continue
        if fault := model_files.fault(model.checksum):
            found.append(
                Wording(
                    "%(task)s: the file of %(model)s %(fault)s",
                    task=task,
                    model=model.estimator,
                    fault=fault,
                )
            )
        days = (at - model.created_at).days
        if days >= STALE_DAYS:
            found.append(
                Wording("%(task)s: trained %(days)s days ago", task=task, days=days)
            )
        if task == PROPENSITY and model.features_version != FEATURES_VERSION:
            found.append(
                Wording(
                    "%(task)s: knows features %(version)s",
                    task=task,
                    version=model.features_version,
                )
            )
    if watched is None:
        kept = Scoring.objects.values_list("watch", flat=True).first() or {}
        watched = kept.get("doubts", [])
    return [*found, *watched]


def choose(model: TrainedModel, *, at: datetime, by: str, comment: str) -> None:
    """Put a model in charge because an operator says so, whatever the contest said.

    :raises NotServable: its file is gone, or it knows features of another version.
    """
    if not model_files.path(model.checksum).exists():
        raise NotServable(Wording("the file of %(model)s is gone", model=str(model)))
    if model.task == PROPENSITY and model.features_version != FEATURES_VERSION:
        raise NotServable(Wording("%(model)s knows other features", model=str(model)))
    promote(model, at=at, reason=comment, by=by)


def promote(model: TrainedModel, *, at: datetime, reason: str, by: str = "") -> None:
    """Put a model in charge of its task; the append ends its transaction.

    No `by`: the training did, by its contest.
    """
    with transaction.atomic():
        TrainedModel.objects.filter(pk=model.pk).update(promoted_at=at)
        _append(
            events.ModelPromoted(
                model=model.id,
                task=model.task,
                estimator=model.estimator,
                checksum=model.checksum,
                validation=model.metrics.get("validation", {}),
                reason=str(reason),
                by=by,
            ),
            at=at,
        )


def roll_back(task: str, *, at: datetime, by: str, comment: str = "") -> TrainedModel:
    """Put the model that was in charge before back in charge.

    Twice in a row therefore swaps the two: what is undone can be undone.

    :raises NoChampion: nobody was in charge before, or its file is gone.
    """
    with transaction.atomic():
        # Locked: of two who roll back at once the second sees what the first did.
        promoted = TrainedModel.objects.select_for_update().filter(
            task=task, promoted_at__isnull=False
        )
        newest = list(promoted.order_by("-promoted_at")[:2])
        if len(newest) < 2 or not model_files.path(newest[1].checksum).exists():
            raise NoChampion(Wording("%(task)s has no model to go back to", task=task))
        now, before = newest
        before.promoted_at = at
        before.save(update_fields=["promoted_at"])
        _append(
            events.ModelRolledBack(
                model=before.id, was=now.id, task=task, by=by, comment=comment
            ),
            at=at,
        )
    return before


def _append(
    event: events.ModelPromoted | events.ModelRolledBack, *, at: datetime
) -> None:
    stream = f"model:{event.task}"
    # After the version that was read: a promotion in between is a conflict.
    store.append([event], at=at, stream=stream, after=glances.version(stream))


def prune(*, at: datetime) -> int:
    """Delete the files that no recent promotion names; return how many.

    Also what killed processes left: half-written files, and what unfinished trainings
    kept, once a day has passed.
    """
    folder = Path(settings.MODELS_DIR)
    files = [*folder.glob("*.npz"), *folder.glob(f"**/{model_files.TMP}*")]
    # Files come before their rows: a young one may be a training's that is not done.
    old = [file for file in files if _changed(file) < at - GRACE]
    kept_back = (folder / UNFINISHED).glob("*.npz")
    old += [file for file in kept_back if _changed(file) < at - timedelta(days=1)]
    kept = {
        model_files.path(checksum)
        for checksum in (*_promoted_lately(), *_witnesses(at))
    }
    gone = [file for file in old if file not in kept]
    for file in gone:
        # Two workers may sweep at once.
        file.unlink(missing_ok=True)
    return len(gone)


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _promoted_lately() -> Iterator[str]:
    promoted = TrainedModel.objects.filter(promoted_at__isnull=False)
    for task in promoted.order_by().values_list("task", flat=True).distinct():
        newest = promoted.filter(task=task).order_by("-promoted_at")
        yield from newest.values_list("checksum", flat=True)[:KEPT]


def _witnesses(at: datetime) -> Iterator[str]:
    """Keep each week's first training, to be judged when its labels have matured."""
    young = TrainedModel.objects.filter(
        task=PROPENSITY, created_at__gte=at - timedelta(weeks=WITNESSED_WEEKS)
    )
    first: dict[tuple[int, int], UUID] = {}
    for model in young.order_by("created_at"):
        year, week, _ = model.created_at.isocalendar()
        # All candidates of the week's first run: the challengers are judged beside it.
        if first.setdefault((year, week), model.run_id) == model.run_id:
            yield model.checksum
