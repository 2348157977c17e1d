from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from analytics import store
from ml import matured, registry, scoring, training
from ml.models import Scoring, TrainedModel, TrainingRun
from tests.ml.conftest import CATEGORIES, START, Shop, order


def trained(at: datetime) -> TrainingRun:
    run = TrainingRun.objects.create(
        requested_by="olga", state="running", heartbeat_at=at
    )
    run.report = training.train(run=run, at=at, report=lambda *_: None)
    run.state, run.finished_at = "succeeded", at
    run.save()
    return run


def watched(at: datetime) -> dict[str, Any]:
    """Score, and return what was noticed."""
    scoring.score(at=at)
    found: dict[str, Any] = Scoring.objects.get().watch
    return found


def test_every_model_is_judged_on_what_happened_after_its_training(
    shop: Shop, models_dir: Path
) -> None:
    shop(signal=True, customers=150)
    early = START + timedelta(weeks=35)
    trained(early)
    assert watched(early)["matured"] == []

    told = watched(START + timedelta(weeks=41))["matured"]

    assert {one["estimator"] for one in told} == set(
        TrainedModel.objects.values_list("estimator", flat=True)
    )
    assert sum(one["champion"] for one in told) == 1
    for one in told:
        assert one["figures"]["auc_within"] > 0.75
        assert one["trained_at"] == early.isoformat()


def test_a_change_of_taste_is_told_of(shop: Shop, models_dir: Path) -> None:
    keys = shop(signal=True, customers=150)
    trained(START + timedelta(weeks=35))
    now = START + timedelta(weeks=41)
    taken = [now - timedelta(days=n) for n in (3, 9)]
    store.append_new([order(key, at, CATEGORIES) for key in keys for at in taken])

    told = watched(now)["matured"]

    champion = next(one for one in told if one["champion"])
    assert "promised" in champion["warning"]
    warned = registry.doubts(at=timezone.now())
    assert any("on what has happened" in one for one in warned)


def test_small_differences_are_not_told_of() -> None:
    promised = {"log_loss": 0.36, "log_loss_error": 0.004}
    fine = {"log_loss": 0.37, "log_loss_error": 0.004, "ece": 0.01}

    assert matured.warning(promised, fine) == ""
    assert "0.3800" in matured.warning(promised, fine | {"log_loss": 0.38})
    assert "0.040" in matured.warning(promised, fine | {"ece": 0.04})
