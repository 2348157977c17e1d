from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone

from analytics.models import Customer, StoredEvent
from ml import (
    features,
    live,
    model_files,
    propensity,
    registry,
    scores,
    scoring,
    training,
)
from ml.models import Score, TrainingRun
from ml.propensity import PropensityModel
from ml.wordings import SAID
from tests.ml.conftest import CATEGORIES, Shop


@pytest.fixture
def scored(one_learner: None, shop: Shop, models_dir: Path) -> int:
    """A trained shop, and one customer who has never ordered."""
    shop(signal=True)
    Customer.objects.create(external_id="cold")
    run = TrainingRun.objects.create(requested_by="olga")
    at = timezone.now()
    training.train(run=run, at=at, report=lambda *_: None)
    return scoring.score(at=at)


def test_scores(scored: int) -> None:
    matrix = scores.matrix()

    assert scored == Score.objects.count() == 61 * len(CATEGORIES)
    assert matrix.probability.shape == matrix.spend.shape == (61, len(CATEGORIES))
    assert matrix.categories == tuple(sorted(CATEGORIES))
    assert list(matrix.customers) == sorted(
        Customer.objects.values_list("pk", flat=True)
    )
    assert matrix.model == registry.champion("propensity").pk
    assert (matrix.spend > 0).all()
    _favourites_stand_out(matrix)
    _the_unknown_get_the_category_s_rate(matrix)
    _what_raised_a_chance_is_kept(matrix)
    _the_champion_says_what_it_goes_by()
    _scoring_twice_changes_nothing(matrix)
    _a_live_customer_is_scored_like_the_batch(matrix)


def _favourites_stand_out(matrix: scores.ScoreMatrix) -> None:
    cold = matrix.customers.index(Customer.objects.get(external_id="cold").pk)
    known = np.delete(np.sort(matrix.probability, axis=1), cold, axis=0)

    assert known[:, -2:].mean() > 0.5
    assert known[:, :-2].mean() < 0.2


def _the_unknown_get_the_category_s_rate(matrix: scores.ScoreMatrix) -> None:
    cold = matrix.customers.index(Customer.objects.get(external_id="cold").pk)

    everybody = matrix.probability.mean(axis=0)
    assert np.abs(matrix.probability[cold] - everybody).max() < 0.15


def _what_raised_a_chance_is_kept(matrix: scores.ScoreMatrix) -> None:
    told = scores.raised(matrix.customers, matrix.categories)
    champion = registry.champion("propensity")
    model = PropensityModel.of(model_files.load(champion.checksum))
    known = {fact.feature for fact in SAID}
    cold = Customer.objects.get(external_id="cold").pk

    assert told
    assert cold not in told
    usual = dict(zip(model.categories, model.average.chance, strict=True))
    for customer, by_category in told.items():
        for category, features_ in by_category.items():
            score = Score.objects.get(customer=customer, category=category)
            assert 1 <= len(features_) <= 2
            assert set(features_) <= known
            assert score.probability > usual[category]


def _the_champion_says_what_it_goes_by() -> None:
    effects = registry.champion("propensity").metrics["effects"]
    strengths = [one["strength"] for one in effects]

    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] > 0
    assert {one["feature"] for one in effects} <= {"category", *features.FEATURES}
    assert {one["direction"] for one in effects} <= {"raises", "lowers", "both"}


def _scoring_twice_changes_nothing(matrix: scores.ScoreMatrix) -> None:
    scoring.score(at=timezone.now())

    again = scores.matrix()
    assert np.allclose(again.probability, matrix.probability, atol=1e-6)
    assert np.array_equal(again.spend, matrix.spend)


def _a_live_customer_is_scored_like_the_batch(matrix: scores.ScoreMatrix) -> None:
    last = StoredEvent.objects.filter(type="order_completed").latest("occurred_at")
    at = last.occurred_at + timedelta(seconds=1)

    found = live.chances(matrix.customers[3], at=at)

    assert found is not None
    by_category = dict(zip(found.categories, found.probability, strict=True))
    batch = dict(zip(matrix.categories, matrix.probability[3], strict=True))
    assert by_category == pytest.approx(batch, abs=0.05)
    night = scores.raised([matrix.customers[3]], matrix.categories)
    live_ = {c: found.raised(i) for i, c in enumerate(found.categories)}
    assert {c: told for c, told in live_.items() if told} == night[matrix.customers[3]]


def test_a_champion_of_other_features_is_refused(
    scored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scores.matrix()
    monkeypatch.setattr(features, "FEATURES_VERSION", 99)

    with pytest.raises(propensity.Outdated):
        scoring.score(at=timezone.now())

    assert np.array_equal(scores.matrix().probability, before.probability)


def test_without_a_champion_nothing_is_scored(db: None) -> None:
    with pytest.raises(registry.NoChampion):
        scoring.score(at=timezone.now())

    assert scores.matrix().probability.size == 0
    assert scores.matrix().model is None
