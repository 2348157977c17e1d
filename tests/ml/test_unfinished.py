import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.utils import timezone

from analytics import store
from analytics.models import Customer, StoredEvent
from ml import contest, estimators, model_files, registry, training, unfinished
from ml.models import TrainedModel, TrainingRun
from tests.ml.conftest import START, Shop, key, order

Entered = list[str]
AT = START + timedelta(weeks=42)
CHILD = """
import sys, django
django.setup()
from datetime import datetime
from django.conf import settings
from django.db import connection
settings.MODELS_DIR = sys.argv[1]
connection.settings_dict["NAME"] = sys.argv[2]
from ml import training
from ml.models import TrainingRun
training.train(
    run=TrainingRun.objects.get(pk=sys.argv[3]),
    at=datetime.fromisoformat(sys.argv[4]),
    report=lambda *_: None,
)
"""


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> Entered:
    """Name who is fitted; learners that need no fitting twice are left out."""
    few = {n: estimators.CANDIDATES[n] for n in ("logistic", "tree")}
    monkeypatch.setattr(estimators, "CANDIDATES", few)
    names = {id(candidate): name for name, candidate in few.items()}
    told: Entered = []
    was = contest.entered

    def enter(candidate: Any, *args: Any, **how: Any) -> Any:
        told.append(names[id(candidate)])
        return was(candidate, *args, **how)

    monkeypatch.setattr(contest, "entered", enter)
    return told


def train() -> TrainingRun:
    run = TrainingRun.objects.create(requested_by="olga")
    training.train(run=run, at=AT, report=lambda *_: None)
    return run


def files(folder: Path) -> list[Path]:
    return sorted((folder / registry.UNFINISHED).glob("*"))


def stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop a training once the logistic is finished."""
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "keep", _kept_then_stopped)
        with pytest.raises(KeyboardInterrupt):
            train()


_keep = unfinished.keep


def _kept_then_stopped(*args: Any) -> None:
    _keep(*args)
    raise KeyboardInterrupt


def test_what_was_finished_is_not_fitted_again_and_is_the_same(
    shop: Shop, models_dir: Path, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop(signal=True)
    whole = train()
    assert entered == ["logistic", "tree"]
    assert files(models_dir) == []

    stopped(monkeypatch)
    assert len(files(models_dir)) == 1
    Customer.objects.create(key=key("new"), external_id="new")
    last = StoredEvent.objects.filter(type="order_completed").latest("occurred_at")
    store.append_new([order(key("new"), last.occurred_at, ["tea"])])
    del entered[:]
    again = train()

    assert entered == ["tree"]
    assert files(models_dir) == []
    for name in ("logistic", "tree"):
        first, second = (
            TrainedModel.objects.get(run=run, estimator=name) for run in (whole, again)
        )
        assert first.metrics == second.metrics
        assert first.parameters == second.parameters
    old, new = (
        model_files.load(
            TrainedModel.objects.get(run=run, estimator="logistic").checksum
        )
        for run in (whole, again)
    )
    for part, values in old.arrays.items():
        if not part.startswith("context"):
            assert np.array_equal(values, new.arrays[part]), part


def test_with_another_past_everything_is_fitted_anew(
    shop: Shop, models_dir: Path, entered: Entered, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = shop(signal=True)
    stopped(monkeypatch)
    late = [order(keys[0], START + timedelta(weeks=30), ["tea", "soap"])]
    store.append_new(late)
    del entered[:]

    train()

    assert entered == ["logistic", "tree"]


def test_what_nobody_came_back_for_is_swept(db: None, models_dir: Path) -> None:
    folder = models_dir / registry.UNFINISHED
    model_files.write(folder / "a-tree-0.npz", b"finished")
    (folder / "tmpabc").write_bytes(b"half of a candidate")
    (models_dir / "tmpdef").write_bytes(b"half of a model")

    assert registry.prune(at=timezone.now()) == 0
    assert registry.prune(at=timezone.now() + timedelta(hours=2)) == 2
    assert [file.name for file in files(models_dir)] == ["a-tree-0.npz"]
    assert registry.prune(at=timezone.now() + timedelta(hours=25)) == 1
    assert files(models_dir) == []


def test_a_broken_file_is_as_good_as_none(models_dir: Path) -> None:
    model_files.write(models_dir / registry.UNFINISHED / "x-tree-0.npz", b"no arrays")

    assert unfinished.find("x-tree-0", None) is None  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_a_training_killed_by_the_kernel_leaves_nothing_broken(
    models_dir: Path, entered: Entered, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("shop")(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")
    name = connection.settings_dict["NAME"]
    arguments = [str(models_dir), str(name), str(run.pk), AT.isoformat()]
    with Popen([sys.executable, "-c", CHILD, *arguments], env=os.environ) as child:
        deadline = time.monotonic() + 200
        while not [one for one in files(models_dir) if one.suffix == ".npz"]:
            assert child.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)

    assert not TrainedModel.objects.exists()
    kept = [one for one in files(models_dir) if one.suffix == ".npz"]
    train()

    assert len(kept) + len(entered) >= len(estimators.CANDIDATES)
    assert "logistic" not in entered
    assert TrainedModel.objects.count() == len(estimators.CANDIDATES)
    for model in TrainedModel.objects.all():
        model_files.load(model.checksum)
