"""A model's page and the catalogue show what training stored."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from ml import (
    baskets,
    effects,
    estimators,
    exports,
    features,
    figures,
    meanings,
    predictors,
    product_meanings,
    redemption,
)
from ml.models import TrainedModel, TrainingRun
from ml.splits import Split
from tests.ml.test_admin import REPORT

AT = datetime(2026, 6, 1, tzinfo=UTC)
EFFECTS = [
    {"feature": "affinity", "strength": 0.5, "direction": "raises"},
    {"feature": "recency", "strength": 0.25, "direction": "lowers"},
    {"feature": "category", "strength": 0.1, "direction": "both"},
]
CALIBRATION = [
    {"rows": 90, "promised": 0.1, "happened": 0.2},
    {"rows": 91, "promised": 0.4, "happened": 0.3},
]


def model(task: str = "propensity", **metrics: Any) -> TrainedModel:
    return TrainedModel.objects.create(
        task=task,
        estimator="logistic",
        checksum="0" * 64,
        cutoff=AT,
        features_version=meanings.FEATURES_VERSION,
        metrics=metrics,
        size_bytes=1,
        fit_seconds=0,
        promoted_at=AT,
        run=TrainingRun.objects.create(requested_by="olga", report=REPORT),
    )


def page(client: Client, one: TrainedModel) -> str:
    url = reverse("admin:ml_trainedmodel_change", args=[one.pk])
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_feature_of_the_ranker_has_a_meaning() -> None:
    assert tuple(product_meanings.PRODUCTS) == baskets.FEATURES


def test_what_the_ranker_takes_for_not_known_is_what_is_said() -> None:
    for name, missing in baskets.MISSING.items():
        if name in product_meanings.PRODUCTS:
            said = product_meanings.PRODUCTS[name].missing
            assert said == pytest.approx(missing, abs=1e-5)


def test_a_model_s_page_shows_what_it_goes_by(db: None, admin_client: Client) -> None:
    html = page(admin_client, model(effects=EFFECTS, calibration=CALIBRATION))

    assert html.index("<code>affinity</code>") < html.index("<code>recency</code>")
    assert meanings.FEATURES["recency"].meaning in html
    assert figures.CATEGORY in html
    assert 'class="raises" style="width: 100%"' in html
    assert 'class="lowers" style="width: 50%"' in html
    assert "25.0,50.0 100.0,25.0" in html
    assert "frequency (baseline)" in html
    assert REPORT["reason"] in html


def test_an_older_model_s_page_says_that_nothing_was_measured(
    db: None, admin_client: Client
) -> None:
    assert "Not measured" in page(admin_client, model())


def test_a_ranker_has_figures_in_the_list_and_on_its_page(
    db: None, admin_client: Client
) -> None:
    own = {"recall": 0.13, "ndcg": 0.12, "phr": 0.5}
    cut = {"recall": 0.1477, "ndcg": 0.2, "phr": 0.6, "own": own, "customers": 1200}
    ranker = model(
        "ranking",
        validation={"recall": 0.1477, "own_recall": 0.1321},
        cuts=[cut],
        effects=[{"feature": "share", "strength": 0.7, "direction": "raises"}],
    )

    listed = admin_client.get(reverse("admin:ml_trainedmodel_changelist"))
    html = page(admin_client, ranker)

    assert "recall at ten 0.1477</span>" in listed.content.decode()
    assert "own favourites 0.1321</span>" in listed.content.decode()
    assert "1,200" in html
    assert product_meanings.PRODUCTS["share"].meaning in html
    assert "Brier" not in html


def test_the_catalogue_lists_every_feature_with_its_rule(
    db: None, admin_client: Client
) -> None:
    model(effects=EFFECTS)
    url = reverse("features")

    html = admin_client.get(url).content.decode()

    for known in (meanings.FEATURES, product_meanings.PRODUCTS, redemption.FEATURES):
        for name in known:
            assert f"<code>{name}</code>" in html
    assert "365 under three orders" in html
    assert "yes, 0.500" in html
    assert url in admin_client.get(reverse("admin:index")).content.decode()


def test_the_catalogue_works_before_any_training(
    db: None, admin_client: Client
) -> None:
    html = admin_client.get(reverse("features")).content.decode()

    assert html.count("No model is in charge.") == 3


def test_the_catalogue_is_for_who_may_see_models(db: None, client: Client) -> None:
    client.force_login(User.objects.create_user("cleo", is_staff=True))

    assert client.get(reverse("features")).status_code == 403


def test_the_planted_cause_has_the_strongest_effect() -> None:
    chance = np.random.default_rng(3)
    x = np.zeros((3000, len(features.COLUMNS)), np.float32)
    x[:, 0], x[:, 1] = np.arange(3000) // 3, np.arange(3000) % 3
    x[:, 2:] = chance.normal(0, 1, x[:, 2:].shape)
    spots = [features.COLUMNS.index(name) for name in ("orders_91", "recency")]
    odds = 3 * x[:, spots[0]] - x[:, spots[1]]
    share = predictors.expit(odds.astype(np.float64))
    y = (chance.random(3000) < share).astype(np.int8)
    pipeline = estimators.CANDIDATES["logistic"].make(features.COLUMNS, 0).fit(x, y)
    predictor = predictors.read(exports.arrays(pipeline))

    told = effects.explained(predictor, Split(x=x, y=y), categories=3)

    first, second = told.effects[:2]
    assert (first["feature"], first["direction"]) == ("orders_91", "raises")
    assert (second["feature"], second["direction"]) == ("recency", "lowers")
    assert "entity" not in {one["feature"] for one in told.effects}
    for code in range(3):
        mine = x[:, 1] == code
        rest = predictor.contributions(x[mine])[:, 2:] - told.average.shares[code]
        assert np.abs(rest.mean(axis=0)).max() < 1e-9
