import hashlib
import pickle
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from ml import registry
from ml.context import Context
from ml.models import TrainedModel, TrainingRun


class Bomb:
    """Says so when it is unpickled."""

    gone_off = False

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (setattr, (Bomb, "gone_off", True))


def bundle() -> registry.Bundle:
    return registry.Bundle(
        estimator={"weights": [1, 2]},
        categories=("tea",),
        context=Context(
            day=0, measures=np.zeros((1, 8)), weights=np.zeros((7, 1), np.float32)
        ),
        features_version=1,
    )


def test_a_saved_model_is_found_by_its_checksum(models_dir: Path) -> None:
    model = registry.packed(bundle())

    checksum = registry.save(model)

    assert checksum == hashlib.sha256(model).hexdigest()
    assert [path.name for path in models_dir.iterdir()] == [f"{checksum}.joblib"]
    assert registry.load(checksum).categories == ("tea",)


def test_a_tampered_file_is_refused_before_it_is_unpickled(models_dir: Path) -> None:
    checksum = registry.save(registry.packed(bundle()))
    (models_dir / f"{checksum}.joblib").write_bytes(pickle.dumps(Bomb()))

    with pytest.raises(registry.Tampered):
        registry.load(checksum)

    assert not Bomb.gone_off


def test_a_file_that_holds_no_model_is_refused(models_dir: Path) -> None:
    checksum = registry.save(pickle.dumps([1, 2]))

    with pytest.raises(registry.Tampered, match="no model"):
        registry.load(checksum)


def stored(task: str, promoted_at: datetime | None, run: TrainingRun) -> str:
    """Save a model with its row; return its file's name."""
    checksum = registry.save(f"{task} {promoted_at}".encode())
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
    return f"{checksum}.joblib"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_only_the_last_five_promoted_models_of_each_task_keep_their_files(
    db: None, models_dir: Path
) -> None:
    now = timezone.now()
    run = TrainingRun.objects.create(requested_by="olga")
    days = [now - timedelta(days) for days in range(7)]
    first = [stored("propensity", day, run) for day in days]
    second = [stored("response", day, run) for day in days[:2]]
    stored("propensity", None, run)
    registry.save(b"a file without a row")

    later = now + timedelta(hours=2)
    assert registry.prune(at=later) == 4
    assert registry.prune(at=later) == 0

    assert names(models_dir) == {*first[:5], *second}
    assert TrainedModel.objects.count() == 10


def test_a_file_that_was_just_written_is_not_pruned(db: None, models_dir: Path) -> None:
    registry.save(b"of a training that has not stored its rows yet")

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


def test_without_a_promotion_there_is_no_champion(db: None) -> None:
    with pytest.raises(registry.NoChampion):
        registry.champion("propensity")
