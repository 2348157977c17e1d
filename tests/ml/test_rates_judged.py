"""A young shop's rates are measured on what followed, until something was trained."""

from pathlib import Path
from typing import Any

import pytest

from analytics import events, store
from ml import estimators, figures, lines, live, matured, registry, splits, untrained
from ml.models import TrainingRun
from tests.ml.young import after, opened, trained


def test_in_the_seventh_week_the_rates_are_measured_on_what_followed(
    db: None, models_dir: Path
) -> None:
    keys = opened(days=45)

    report = trained(45)

    champion = registry.champion("propensity")
    known = champion.metrics["validation"]
    assert known["log_loss"] < known["base_log_loss"] - 0.1
    assert known["auc"] > 0.8
    assert known["ece"] < 0.1
    assert "AUC" in report["untrained"]
    shown = figures.page(champion)
    assert shown["calibration"]
    assert {one.feature for one in shown["effects"]} == {
        *("category", "orders_91", "customer_orders_91"),
    }
    now = live.chances(keys[0], at=after(45))
    assert now is not None
    assert [one.fact.feature for one in now.why([0])[0].raised]


def test_the_first_winner_of_a_training_takes_the_rates_place(
    shop: Any, models_dir: Path
) -> None:
    shop(signal=True)
    early = TrainingRun.objects.create(requested_by="olga")
    untrained.enter(run=early, at=after(60), why="Young.")
    assert registry.champion("propensity").estimator == "rates"

    report = trained(41 * 7)

    assert report["winner"] == registry.champion("propensity").estimator
    assert report["winner"] in estimators.CANDIDATES
    assert "untrained" not in report


def test_what_was_trained_is_not_displaced_by_rates(
    shop: Any, models_dir: Path
) -> None:
    shop(signal=True)
    trained(41 * 7)
    first = registry.champion("propensity")

    with pytest.raises(splits.TooLittleHistory, match="112 full days"):
        trained(60)

    assert registry.champion("propensity") == first


def test_rates_are_judged_on_what_has_happened_since(
    db: None, models_dir: Path
) -> None:
    opened(days=150)
    trained(100)
    history = lines.arrays(lines.read(until=after(150)))

    (one,) = matured.judge(
        history, plan=splits.plan(history.purchases, horizon_days=28)
    )

    assert (one.estimator, one.champion) == ("rates", True)
    assert one.figures["auc"] > 0.7


def test_rates_are_promoted_with_their_reason(db: None, models_dir: Path) -> None:
    opened(days=15)
    trained(15)

    (said,) = store.read(until=store.high_water(), types=["model_promoted"])

    assert isinstance(said.event, events.ModelPromoted)
    assert said.event.estimator == "rates"
    assert "Until a training has a winner" in said.event.reason
