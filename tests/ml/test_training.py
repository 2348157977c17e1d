from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from analytics import events, store
from analytics.models import StoredEvent
from ml import estimators, quality, registry, splits, training
from ml.models import TrainedModel, TrainingRun
from tests.ml.conftest import START, Shop, key, order

Steps = list[tuple[str, int, int]]


def trained(steps: Steps | None = None) -> dict[str, Any]:
    run = TrainingRun.objects.create(requested_by="olga")
    said = [] if steps is None else steps
    return training.train(
        run=run, at=timezone.now(), report=lambda *step: said.append(step)
    )


def test_a_planted_signal_is_found_and_the_winner_promoted(
    shop: Shop, models_dir: Path
) -> None:
    shop(signal=True)
    steps: Steps = []

    report = trained(steps)

    champion = registry.champion("propensity")
    assert champion.estimator == report["winner"]
    assert report["reason"]
    assert set(report["candidates"]) == set(estimators.CANDIDATES)
    assert TrainedModel.objects.count() == len(estimators.CANDIDATES)
    assert TrainedModel.objects.filter(promoted_at__isnull=False).count() == 1
    assert len(list(models_dir.rglob("*.npz"))) == len(estimators.CANDIDATES)

    figures = champion.metrics["test"]
    assert figures["auc_within"] > 0.8
    assert figures["ece"] < 0.1  # 32 rows a bin: chance alone makes 0.05
    assert (
        figures["log_loss"] < report["baselines"]["category_rate"]["test"]["log_loss"]
    )

    done = [step[1] for step in steps]
    assert done == sorted(done)
    assert steps[-1][1] < steps[-1][2]


def test_the_promotion_is_an_event_with_the_reason(
    shop: Shop, models_dir: Path
) -> None:
    shop(signal=True)

    trained()
    trained()

    log = StoredEvent.objects.filter(stream="model:propensity").order_by("version")
    assert [event.version for event in log] == [1, 2]
    last = list(store.read(until=store.high_water(), types=["model_promoted"]))[-1]
    assert isinstance(last.event, events.ModelPromoted)
    assert last.event.checksum == registry.champion("propensity").checksum
    assert last.event.validation["log_loss"] > 0


def test_noise_promotes_no_candidate(shop: Shop, models_dir: Path) -> None:
    shop(signal=False)

    report = trained()

    assert report["winner"] == "rates"
    assert "No candidate beats" in report["reason"]
    assert report["untrained"]
    (promoted,) = TrainedModel.objects.filter(promoted_at__isnull=False)
    assert promoted.estimator == "rates"
    assert promoted.metrics["validation"]["rows"] > 0
    assert StoredEvent.objects.filter(type="model_promoted").count() == 1


def test_noise_leaves_what_was_trained_in_charge(shop: Shop, models_dir: Path) -> None:
    shop(signal=False)
    trained()
    TrainedModel.objects.update(promoted_at=None)
    TrainedModel.objects.filter(estimator="forest").update(promoted_at=timezone.now())

    report = trained()

    assert report["winner"] is None
    assert registry.champion("propensity").estimator == "forest"


def test_too_few_regulars_are_scored_by_rates(shop: Shop, models_dir: Path) -> None:
    shop(signal=True, customers=10)

    report = trained()

    assert report["winner"] == "rates"
    assert "40 regular customers" in report["reason"]
    assert TrainedModel.objects.get().estimator == "rates"


def test_too_little_history_stores_nothing(shop: Shop, models_dir: Path) -> None:
    shop(signal=True, customers=4)

    with pytest.raises(splits.TooLittleHistory):
        trained()

    assert not TrainedModel.objects.exists()
    assert not models_dir.exists()


def test_a_second_training_keeps_a_champion_that_nobody_beats(
    shop: Shop, models_dir: Path
) -> None:
    shop(signal=True)
    first = trained()
    TrainedModel.objects.update(promoted_at=None)
    TrainedModel.objects.filter(estimator="forest").update(promoted_at=timezone.now())

    again = trained()

    assert first["winner"] == "logistic"
    assert again["winner"] == "forest"
    assert "stays" in again["reason"]


def test_bad_data_stops_the_training_with_the_reason(
    shop: Shop, models_dir: Path
) -> None:
    shop(signal=True)
    slip = order(key(1), START + timedelta(days=200), ["tea"], paid="900000.00")
    store.append_new([slip])

    with pytest.raises(quality.BadData, match="single order line"):
        trained()

    assert not TrainedModel.objects.exists()
    assert not models_dir.exists()


def test_excluded_categories_are_not_learnt(shop: Shop, models_dir: Path) -> None:
    shop(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")

    report = training.train(
        run=run,
        at=timezone.now(),
        report=lambda *_: None,
        exclude=frozenset({"wine"}),
    )

    assert "wine" not in report["categories"]
    assert "" not in report["categories"]
