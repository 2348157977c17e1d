"""A shop that has just connected is scored by its rates, as soon as there are any."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from analytics import store
from analytics.models import Customer
from catalog import feeds
from ml import (
    customers,
    estimators,
    lines,
    live,
    registry,
    scores,
    scoring,
    splits,
    tasks,
    untrained,
)
from ml.codes import day_of
from ml.models import CustomerProfile, Score, Scoring, TrainedModel, TrainingRun
from promotions import strategies, targeting
from tests.ml.conftest import CATEGORIES, START, Sent, key, order
from tests.ml.young import OFTEN, after, opened, trained


def test_fifteen_days_of_sixty_customers_are_scored(db: None, models_dir: Path) -> None:
    keys = opened(days=15)
    Customer.objects.create(external_id="cold")

    report = trained(15)
    written = scoring.score(at=after(15))

    champion = registry.champion("propensity")
    assert report["winner"] == champion.estimator == "rates"
    assert "needs 112 full days of orders; the log holds 13" in report["reason"]
    assert "until 2025-04-29 will do" in report["reason"]
    assert "has not been measured" in report["untrained"]
    assert champion.metrics["validation"] == {}
    assert champion.metrics["log_days"] == 15
    assert written == 61 * len(CATEGORIES)
    _the_frequent_are_likelier(keys)
    _spend_is_of_the_shelf()
    _a_live_customer_is_scored_alike(keys[0], after(15))


def _the_frequent_are_likelier(keys: list[UUID]) -> None:
    matrix = scores.matrix()
    often = np.array([one in keys[:OFTEN] for one in matrix.customers])
    rare = ~often & np.array([one in keys for one in matrix.customers])
    column = matrix.categories.index(CATEGORIES[1])

    chance = matrix.probability

    assert (chance[often].mean(axis=0) > chance[rare].mean(axis=0) + 0.2).all()
    assert chance[often].mean(axis=1).min() > np.median(chance[rare].mean(axis=1))
    assert chance[often, column].mean() > 0.9
    assert chance[rare, column].mean() < 0.6


def _spend_is_of_the_shelf() -> None:
    assert (scores.matrix().spend > 0).all()


def _a_live_customer_is_scored_alike(person: UUID, at: datetime) -> None:
    now = live.chances(person, at=at)
    assert now is not None
    stored = dict(
        Score.objects.filter(customer=person).values_list("category", "probability")
    )
    assert dict(zip(now.categories, now.probability, strict=True)) == pytest.approx(
        stored, rel=0.05
    )


@pytest.mark.parametrize(
    ("days", "people", "told"),
    [
        (13, 60, "need 14 days of orders; the log holds 13. Orders until 2025-01-19"),
        (14, 4, "from 5 customers"),
        (14, 0, "holds no orders"),
    ],
)
def test_too_small_a_log_says_what_is_missing(
    db: None, models_dir: Path, days: int, people: int, told: str
) -> None:
    opened(days=days, people=people)

    with pytest.raises(splits.TooLittleHistory, match=told):
        trained(days)

    assert not TrainedModel.objects.exists()
    assert not models_dir.exists()


def test_a_log_without_categories_is_too_small(db: None, models_dir: Path) -> None:
    ana = key("ana")
    store.append_new(
        [order(ana, START + timedelta(days=day), [""]) for day in range(20)]
    )

    with pytest.raises(splits.TooLittleHistory, match="names a category"):
        trained(20)


def test_a_handful_of_customers_is_scored(db: None, models_dir: Path) -> None:
    opened(days=14, people=5)

    assert trained(14)["winner"] == "rates"
    assert scoring.score(at=after(14)) == 5 * len(CATEGORIES)


def test_as_many_buy_as_were_promised(db: None, models_dir: Path) -> None:
    """Within a tenth of some 700 purchases in 28 days, who never ordered included."""
    opened(days=60, people=120)
    trained(28)
    scoring.score(at=after(28))
    past, day = lines.arrays(lines.read(until=after(60))).purchases, day_of(after(28))
    kept = past.where(past.bought(day, day + 28))
    bought = {*zip(kept.customer.tolist(), kept.category.tolist(), strict=True)}
    promised = scores.matrix().probability

    assert len(np.unique(past.before(day).customer)) < len(promised) == 120
    assert promised.sum() == pytest.approx(len(bought), rel=0.1)


def test_130_days_are_trained_on_with_fewer_cut_offs(
    db: None, models_dir: Path
) -> None:
    opened(days=130, people=120)

    report = trained(130)

    assert set(report["candidates"]) == set(estimators.CANDIDATES)
    assert len(report["plan"]["measured"]) == 1
    assert "1 of 3 cut-offs could be measured" in report["plan"]["lacking"]
    for one in report["candidates"].values():
        assert [cut["cut"] for cut in one["cuts"]] == report["plan"]["measured"]


@pytest.mark.parametrize(("days", "people"), [(3, 2), (15, 5), (15, 60), (35, 60)])
def test_the_night_of_a_young_shop_goes_on_to_offers_and_proposals(
    db: None, models_dir: Path, sent: Sent, monkeypatch: Any, days: int, people: int
) -> None:
    at = after(days)
    opened(days=days, people=people)
    feeds.take(
        [
            feeds.Listed(
                sku=f"{name}-1",
                name=name,
                category=name,
                currency="USD",
                price=Decimal("2.50"),
            )
            for name in CATEGORIES
        ],
        at=at,
    )
    monkeypatch.setattr("analytics.clock.now", lambda: at)
    run = TrainingRun.objects.create(requested_by="olga")

    tasks.retrain(run=str(run.pk))
    for name, arguments in list(sent):
        getattr(tasks, name.rpartition(".")[2])(**arguments)

    run.refresh_from_db()
    assert CustomerProfile.objects.count() == people
    assert customers.segment_totals()
    if days < untrained.LEAST_DAYS:
        assert "need 14 days" in run.error
        assert ("promotions.tasks.refresh_offers", {}) not in sent
        return
    assert (run.state, run.error) == ("succeeded", "")
    assert "no past campaign" in run.report["response"]
    assert "Ranking needs" in run.report["recommendations"]
    assert ("promotions.tasks.refresh_offers", {}) in sent
    made = strategies.propose(at=at)
    assert made or people < 60
    assert targeting.refresh(at=at).customers >= 0


def test_a_shop_without_regulars_is_scored_though_nothing_can_be_judged(
    db: None, models_dir: Path
) -> None:
    chance = np.random.default_rng(3)
    keys = [key(number) for number in range(30)]
    Customer.objects.bulk_create(
        Customer(key=one, external_id=str(one)) for one in keys
    )
    days = [0, 150, *chance.integers(1, 150, 58)]
    store.append_new(
        [
            order(keys[spot % 30], START + timedelta(days=int(day)), CATEGORIES[:2])
            for spot, day in enumerate(days)
        ]
    )
    trained(100)
    trained(151)

    assert scoring.score(at=after(151)) == 30 * 2
    assert Scoring.objects.get().watch["matured"] == []
