from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml import demand, lines, scores
from ml.models import Elasticity

AT = datetime(2026, 6, 1, tzinfo=UTC)


def sold(
    values: dict[str, float], *, products: int = 20, weeks: int = 40
) -> pl.DataFrame:
    """A year of weekly sales that answer discounts with the given elasticities."""
    chance = np.random.default_rng(2)
    rows = []
    for category, value in values.items():
        for product in range(products):
            base = chance.uniform(20, 80)
            for week in range(weeks):
                depth = chance.choice([0, 0, 0.1, 0.2, 0.4])
                season = 1 + 0.5 * np.sin(week / 6)
                units = chance.poisson(base * season * (1 - depth) ** value)
                rows.append(
                    {
                        "customer": "a",
                        "order": 1,
                        "at": AT - timedelta(days=7 * week),
                        "sku": f"{category}{product}",
                        "category": category,
                        "quantity": max(int(units), 1),
                        "paid": max(int(units), 1) * 2.0 * (1 - depth),
                        "shelf_discount": max(int(units), 1) * 2.0 * depth,
                        "coupon_discount": 0.0,
                    }
                )
    return pl.DataFrame(rows, schema_overrides=lines.HISTORY)


def test_planted_elasticities_are_found() -> None:
    planted = {"beef": -2.5, "milk": -0.5, "tea": -1.5}

    found = demand.shrunk(demand.estimate(demand.panel(sold(planted))))

    for row in found.iter_rows(named=True):
        assert row["value"] == pytest.approx(planted[row["category"]], abs=0.15)
        assert row["low"] < row["value"] < row["high"]
        assert row["weeks"] == 40


def test_one_with_too_little_data_gets_the_mean_and_a_wide_interval() -> None:
    history = sold({"beef": -2.0, "milk": -1.0, "tea": -1.5})
    rare = sold({"saffron": -9.0}, products=1)

    found = demand.shrunk(demand.estimate(demand.panel(pl.concat([history, rare]))))

    saffron = found.row(by_predicate=pl.col("category") == "saffron", named=True)
    assert saffron["value"] == pytest.approx(-1.5, abs=0.3)
    assert saffron["high"] - saffron["low"] > 1


def test_a_noisy_estimate_is_pulled_further_than_a_sharp_one() -> None:
    measured = pl.DataFrame(
        {
            "category": ["a", "b", "c", "sharp", "noisy"],
            "value": [-1.0, -1.5, -2.0, -3.0, -3.0],
            "error": [0.1, 0.1, 0.1, 0.1, 2.0],
            "weeks": [50] * 5,
        }
    )

    found = demand.shrunk(measured)

    sharp, noisy = found["value"][3], found["value"][4]
    assert sharp == pytest.approx(-3.0, abs=0.1)
    assert noisy > sharp + 0.5


def test_an_empty_log_measures_nothing(db: None) -> None:
    assert demand.refresh(at=AT) == 0
    assert scores.elasticities() == {}


def test_others_read_what_was_measured(db: None) -> None:
    Elasticity.objects.create(
        category="tea", value=-1.5, low=-2, high=-1, weeks=50, computed_at=AT
    )

    assert scores.elasticities()["tea"] == scores.Elasticity(
        value=-1.5, low=-2, high=-1, weeks=50
    )
