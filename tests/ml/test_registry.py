import hashlib
import os
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from analytics import events, glances
from ml import model_files, registry
from ml.artefacts import Artefact, pack
from ml.meanings import FEATURES_VERSION
from ml.models import PROPENSITY, RANKING, TrainedModel, TrainingRun


class Bomb:
    """Says so when it is unpickled."""

    gone_off = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (setattr, (Bomb, "gone_off", True))


def packed() -> bytes:
    return pack(
        Artefact(
            kind="propensity",
            header={"categories": ["tea"]},
            arrays={"weights": np.array([1.0, 2.0])},
        )
    )


def test_a_saved_model_is_found_by_its_checksum(models_dir: Path) -> None:
    model = packed()

    checksum = model_files.save(model)

    assert checksum == hashlib.sha256(model).hexdigest()
    assert [path.name for path in models_dir.iterdir()] == [f"{checksum}.npz"]
    assert model_files.load(checksum).header["categories"] == ["tea"]


def test_a_tampered_file_is_refused_and_never_run(models_dir: Path) -> None:
    checksum = model_files.save(packed())
    (models_dir / f"{checksum}.npz").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(model_files.Tampered):
        model_files.load(checksum)

    assert not Bomb.gone_off


def test_a_file_that_holds_no_model_is_refused(models_dir: Path) -> None:
    checksum = model_files.save(pickle.dumps([1, 2]))

    with pytest.raises(model_files.Tampered, match="no model"):
        model_files.load(checksum)


def stored(
    task: str, promoted_at: datetime | None, run: TrainingRun, *, salt: str = ""
) -> str:
    """Save a model with its row; return its file's name."""
    checksum = model_files.save(f"{task} {promoted_at}{salt}".encode())
    TrainedModel.objects.create(
        task=task,
        estimator=checksum[:8],
        checksum=checksum,
        cutoff=timezone.now(),
        features_version=1,
        metrics={},
        size_bytes=1,
        fit_seconds=1,
        promoted_at=promoted_at,
        run=run,
    )
    return f"{checksum}.npz"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_the_last_five_promoted_models_of_each_task_keep_their_files(
    db: None, models_dir: Path
) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    days = [now - timedelta(days) for days in range(7)]
    first = [stored("ranking", day, run) for day in days]
    second = [stored("response", day, run) for day in days[:2]]
    stored("ranking", None, run)
    model_files.save(b"a file without a row")

    later = now + timedelta(hours=2)
    assert registry.prune(at=later) == 4
    assert registry.prune(at=later) == 0

    assert names(models_dir) == {*first[:5], *second}
    assert TrainedModel.objects.count() == 10


def test_each_week_s_first_training_is_kept_to_be_judged_later(
    db: None, models_dir: Path
) -> None:
    monday = datetime(2026, 6, 1, 3, tzinfo=UTC)
    kept = set()
    for days in range(10):
        at = monday + timedelta(days=days)
        run = TrainingRun.objects.create(requested_by=f"night {days}")
        name = stored("propensity", None, run, salt=str(days))
        TrainedModel.objects.filter(run=run).update(created_at=at)
        kept |= {name} if days % 7 == 0 else set()

    assert registry.prune(at=timezone.now() + timedelta(hours=2)) == 10
    assert not names(models_dir)
    for days in range(10):
        model_files.save(f"propensity None{days}".encode())
    young = monday + timedelta(days=10)
    for path in list(models_dir.iterdir()):
        os.utime(path, (monday.timestamp(), monday.timestamp()))

    assert registry.prune(at=young) == 8
    assert names(models_dir) == kept


def test_a_file_that_was_just_written_is_not_pruned(db: None, models_dir: Path) -> None:
    model_files.save(b"of a training that has not stored its rows yet")

    assert registry.prune(at=timezone.now()) == 0

    assert len(names(models_dir)) == 1


def test_without_a_folder_there_is_nothing_to_prune(db: None, models_dir: Path) -> None:
    assert registry.prune(at=timezone.now()) == 0


def test_the_champion_is_the_model_promoted_last(db: None) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    for name, promoted_at in (("old", now - timedelta(1)), ("new", now), ("no", None)):
        TrainedModel.objects.create(
            estimator=name,
            checksum="0" * 64,
            cutoff=now,
            features_version=1,
            metrics={},
            size_bytes=1,
            fit_seconds=1,
            promoted_at=promoted_at,
            run=run,
        )

    assert registry.champion("propensity").estimator == "new"


def test_a_champion_s_broken_or_lost_file_is_told_of_at_once(
    db: None, models_dir: Path
) -> None:
    run = TrainingRun.objects.create(requested_by="olga")
    for task in (PROPENSITY, RANKING):
        stored(task, timezone.now(), run)
    TrainedModel.objects.update(features_version=FEATURES_VERSION)
    assert registry.doubts(at=timezone.now()) == []

    broken = models_dir / f"{registry.champion(RANKING).checksum}.npz"
    broken.write_bytes(b"half of it")
    (models_dir / f"{registry.champion(PROPENSITY).checksum}.npz").unlink()

    lost, changed = registry.doubts(at=timezone.now())
    assert lost.endswith("cannot be read (FileNotFoundError)")
    assert changed.endswith("is not the one that was saved")


def test_a_roll_back_puts_the_former_champion_in_charge_and_says_so(
    db: None, models_dir: Path
) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    stored("propensity", now - timedelta(2), run)
    stored("propensity", now - timedelta(1), run)
    newest = registry.champion("propensity")

    back = registry.roll_back("propensity", at=now, by="olga", comment="too warm")

    assert registry.champion("propensity") == back != newest
    (said,) = glances.read_stream("model:propensity")
    assert isinstance(said.event, events.ModelRolledBack)
    assert (said.event.model, said.event.was) == (back.pk, newest.pk)
    assert registry.roll_back("propensity", at=timezone.now(), by="olga") == newest


def test_there_is_no_going_back_behind_the_first(db: None, models_dir: Path) -> None:
    run = TrainingRun.objects.create(requested_by="olga")
    stored("propensity", timezone.now(), run)

    with pytest.raises(registry.NoChampion, match="go back"):
        registry.roll_back("propensity", at=timezone.now(), by="olga")

    assert glances.read_stream("model:propensity") == []


def test_without_a_promotion_there_is_no_champion(db: None) -> None:
    with pytest.raises(registry.NoChampion):
        registry.champion("propensity")


def test_champions_before_stand_in_for_a_broken_one_then_the_challengers(
    db: None, models_dir: Path
) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    other = TrainingRun.objects.create(requested_by="the night before")
    chain = [
        stored("ranking", now, run),
        stored("ranking", now - timedelta(1), other),
        stored("ranking", now - timedelta(2), other),
        stored("ranking", None, run),
    ]
    never = stored("ranking", None, other, salt="not of the newest run")

    def read(checksum: str) -> str:
        name = f"{checksum}.npz"
        if not (models_dir / name).exists():
            raise FileNotFoundError(name)
        return name

    for name in chain:
        assert registry.first_of("ranking", read)[1] == name
        (models_dir / name).unlink()
    assert (models_dir / never).exists()
    with pytest.raises(FileNotFoundError, match=chain[0]):
        registry.first_of("ranking", read)
