import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import Retry
from django.db import IntegrityError
from django.utils import timezone

from ml import model_files, tasks
from ml.models import Score, TrainedModel, TrainingRun
from tests.ml.conftest import Sent, Shop

State = TrainingRun.State


def running(**values: Any) -> TrainingRun:
    return TrainingRun.objects.create(
        requested_by="olga", state=State.RUNNING, **values
    )


def test_a_run_trains_once_however_often_it_is_delivered(
    shop: Shop, models_dir: Path, sent: Sent
) -> None:
    shop(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")
    old = models_dir / f"{model_files.save(b'nobody names it')}.npz"
    os.utime(old, (0, 0))

    tasks.retrain(run=str(run.pk))
    assert not old.exists()
    models = TrainedModel.objects.count()
    tasks.retrain(run=str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.error) == (State.SUCCEEDED, "")
    assert run.report["winner"]
    assert run.finished_at
    assert run.started_at
    assert run.finished_at > run.started_at
    assert TrainedModel.objects.count() == models > 0
    assert [name for name, _ in sent] == [
        "ml.tasks.score",
        "ml.tasks.recommend",
        "ml.tasks.profile",
        "ml.tasks.measure_demand",
    ]

    tasks.score()

    assert Score.objects.exists()
    assert sent[-1] == ("promotions.tasks.refresh_offers", {})


def test_a_run_on_an_empty_log_fails_with_the_reason(db: None, sent: Sent) -> None:
    run = TrainingRun.objects.create(requested_by="olga")

    tasks.retrain(run=str(run.pk))

    run.refresh_from_db()
    assert (run.state, run.error) == (State.FAILED, "The log holds no orders.")
    assert sent == [
        ("ml.tasks.recommend", {"run": str(run.pk)}),
        ("ml.tasks.profile", {}),
        ("ml.tasks.measure_demand", {}),
    ]


def test_a_killed_worker_s_run_is_marked_failed(db: None, sent: Sent) -> None:
    now = timezone.now()
    killed = running(heartbeat_at=now - timedelta(minutes=11))

    tasks.nightly()

    killed.refresh_from_db()
    assert killed.state == State.FAILED
    assert "stopped half-way" in killed.error
    waiting = TrainingRun.objects.get(state=State.QUEUED)
    assert sent == [
        ("ml.tasks.retrain", {"run": str(waiting.pk)}),
    ]


def test_a_run_with_a_pulse_is_left_alone_and_the_next_waits(
    db: None, sent: Sent
) -> None:
    alive = running(heartbeat_at=timezone.now() - timedelta(minutes=9))
    second = TrainingRun.objects.create(requested_by="ben")

    with pytest.raises(Retry):
        tasks.retrain(run=str(second.pk))

    alive.refresh_from_db()
    second.refresh_from_db()
    assert (alive.state, second.state) == (State.RUNNING, State.QUEUED)


def test_the_night_asks_again_for_a_run_that_waits(db: None, sent: Sent) -> None:
    waiting = TrainingRun.objects.create(requested_by="olga")

    tasks.nightly()

    assert TrainingRun.objects.count() == 1
    assert sent == [
        ("ml.tasks.retrain", {"run": str(waiting.pk)}),
    ]


@pytest.mark.parametrize(
    ("task", "about", "remark"),
    [
        (tasks.score, "scores", "no model has been promoted yet"),
        (tasks.measure_demand, "response", "no past campaign"),
    ],
)
def test_what_a_training_leads_to_says_what_it_lacks_and_fails_not(
    shop: Shop, sent: Sent, task: Any, about: str, remark: str
) -> None:
    shop(signal=True)
    run = TrainingRun.objects.create(requested_by="olga", state=State.SUCCEEDED)

    task.apply(kwargs={"run": str(run.pk)})

    run.refresh_from_db()
    assert remark in run.report[about]
    assert run.error == ""


def test_a_scoring_that_fails_says_so_in_the_trainings_row(
    trained: TrainedModel, models_dir: Path, sent: Sent
) -> None:
    TrainedModel.objects.update(promoted_at=timezone.now())  # and its file is gone

    tasks.score.apply(kwargs={"run": str(trained.run.pk)})

    trained.run.refresh_from_db()
    assert trained.run.error.startswith("ml.tasks.score: FileNotFoundError")
    assert sent == []


def test_two_runs_cannot_run_at_once(db: None) -> None:
    running(heartbeat_at=timezone.now())

    with pytest.raises(IntegrityError):
        running(heartbeat_at=timezone.now())


def test_without_a_champion_the_offers_are_not_formed_again(
    db: None, sent: Sent
) -> None:
    tasks.score()

    assert sent == []


def test_a_failed_training_leaves_the_night_s_scores_to_the_champion_before(
    db: None, sent: Sent
) -> None:
    run = TrainingRun.objects.create(requested_by="olga")
    TrainedModel.objects.create(
        estimator="logistic",
        checksum="0" * 64,
        cutoff=timezone.now(),
        features_version=1,
        metrics={},
        size_bytes=1,
        fit_seconds=1,
        promoted_at=timezone.now(),
        run=run,
    )

    tasks.retrain(run=str(run.pk))

    run.refresh_from_db()
    assert run.state == State.FAILED
    assert sent == [
        ("ml.tasks.recommend", {"run": str(run.pk)}),
        ("ml.tasks.score", {}),
        ("ml.tasks.profile", {}),
        ("ml.tasks.measure_demand", {}),
    ]


def test_a_message_that_comes_again_waits_while_its_run_has_a_pulse(
    db: None, sent: Sent
) -> None:
    mine = running(heartbeat_at=timezone.now() - timedelta(minutes=9))

    with pytest.raises(Retry):
        tasks.retrain(run=str(mine.pk))

    mine.refresh_from_db()
    assert mine.state == State.RUNNING


def test_a_message_that_comes_again_takes_up_its_dead_run(db: None, sent: Sent) -> None:
    mine = running(heartbeat_at=timezone.now() - timedelta(minutes=11))

    tasks.retrain(run=str(mine.pk))

    mine.refresh_from_db()
    assert mine.error == "The log holds no orders."
