"""What scoring notices, and who answers when a model's file is broken."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from analytics import alerts, store
from analytics.models import StoredEvent
from ml import (
    estimators,
    live,
    model_files,
    registry,
    scores,
    scoring,
    stability,
    training,
)
from ml.models import Score, Scoring, TrainedModel, TrainingRun
from tests.ml.conftest import CATEGORIES, START, Shop, order

LAST = START + timedelta(weeks=41)


@pytest.fixture
def taught(
    shop: Shop, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """A shop where two learners have been trained, and everybody scored."""
    few = {name: estimators.CANDIDATES[name] for name in ("logistic", "tree")}
    monkeypatch.setattr(estimators, "CANDIDATES", few)
    keys = shop(signal=True, customers=220)
    run = TrainingRun.objects.create(requested_by="olga")
    run.report = training.train(run=run, at=LAST, report=lambda *_: None)
    run.save()
    scoring.score(at=LAST)
    live._propensity.cache_clear()
    yield keys
    live._propensity.cache_clear()


def break_file(model: TrainedModel, folder: Path) -> None:
    (folder / f"{model.checksum}.npz").write_bytes(b"broken")
    live._propensity.cache_clear()


def doubts() -> list[str]:
    told: list[str] = Scoring.objects.get().watch["doubts"]
    return told


def test_at_the_newest_cut_off_itself_nothing_has_moved(taught: list[Any]) -> None:
    scoring.score(at=TrainedModel.objects.latest("created_at").cutoff)

    watch = Scoring.objects.get().watch

    assert doubts() == []
    assert {one["name"] for one in watch["findings"]} == {
        "drift",
        "drift of many",
        "drift of chances",
    }


def test_a_shop_where_everybody_buys_all_is_told_of(taught: list[Any]) -> None:
    now = LAST + timedelta(days=6)
    facts = [
        order(key, LAST + timedelta(days=day), CATEGORIES, paid="90.00")
        for key in taught
        for day in range(6)
    ]
    store.append_new(facts)

    scoring.score(at=now)

    told = "\n".join(doubts())
    assert "moved most since the last training" in told
    assert "The chances have moved" in told
    assert set(doubts()) <= set(registry.doubts(at=timezone.now()))
    codes = {one.code for one in alerts.current(timezone.now())}
    assert "model_doubtful" in codes


def test_chances_that_stay_do_not_count_as_moved() -> None:
    chance = np.random.default_rng(0).beta(1, 4, 4000)
    known = stability.tenths(chance[:2000])

    assert stability.moved_chances(known, chance[2000:]).ok
    assert not stability.moved_chances(known, np.sqrt(chance[2000:])).ok


def test_a_broken_champion_is_stood_in_for_and_then_last_night_s_scores_stand(
    taught: list[Any], models_dir: Path
) -> None:
    champion = registry.champion("propensity")
    (other,) = TrainedModel.objects.exclude(pk=champion.pk)
    last = StoredEvent.objects.filter(type="order_completed").latest("occurred_at")
    at = last.occurred_at + timedelta(seconds=1)

    break_file(champion, models_dir)
    scoring.score(at=LAST)
    assert set(Score.objects.values_list("model", flat=True)) == {other.pk}
    assert any("stands in" in one for one in doubts())
    assert live.chances(taught[0], at=at) is not None
    assert registry.champion("propensity") == champion

    night = scores.matrix()
    break_file(other, models_dir)
    with pytest.raises(model_files.Tampered):
        scoring.score(at=LAST)
    assert live.chances(taught[0], at=at) is None
    assert np.array_equal(scores.matrix().probability, night.probability)
    assert scores.matrix().model == other.pk
