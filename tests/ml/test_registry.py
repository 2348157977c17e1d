import hashlib
import pickle
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from django.utils import timezone

from ml import registry
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
        context=pl.DataFrame({"category": ["tea"]}),
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
