from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from analytics import events, store
from ml import features, lines
from tests.ml.conftest import CATEGORIES, Shop, key, order

AT = datetime(2026, 6, 1, tzinfo=UTC)
ANA, BEN = key("ana"), key("ben")


def built(
    history: pl.DataFrame,
    at: datetime = AT,
    *,
    customers: Sequence[UUID] = (ANA, BEN),
    categories: Sequence[str] = ("tea", "milk"),
    context: pl.DataFrame | None = None,
) -> pl.DataFrame:
    if context is None:
        context = features.context(history, at=at, categories=categories)
    return features.build(
        history, at=at, customers=customers, categories=categories, context=context
    )


def ago(days: float) -> datetime:
    return AT - timedelta(days=days)


def row(frame: pl.DataFrame, customer: object, category: str) -> dict[str, float]:
    found = frame.filter(
        pl.col("customer") == str(customer), pl.col("category") == category
    )
    return found.row(0, named=True)


@pytest.fixture
def log(db: None) -> None:
    store.append_new(
        [
            order(ANA, ago(50), ["tea"]),
            order(ANA, ago(30), ["tea", "milk"]),
            order(ANA, ago(10), ["tea"], paid="4.00"),
            order(BEN, ago(5), [""]),
        ]
    )


def test_every_feature_is_built_and_every_built_one_has_a_meaning(log: None) -> None:
    frame = built(lines.read(until=AT))

    assert frame.columns == ["customer", "category", *features.FEATURES]
    assert frame.null_count().sum_horizontal().item() == 0


def test_a_customer_s_rhythm_is_counted_by_hand(log: None) -> None:
    tea = row(built(lines.read(until=AT)), ANA, "tea")

    assert (tea["orders_7"], tea["orders_28"], tea["orders_56"]) == (0, 1, 3)
    assert (tea["recency"], tea["gap_mean"], tea["gap_sd"]) == (10, 20, 0)
    assert tea["cadence"] == pytest.approx(0.5)
    assert tea["spend_91"] == pytest.approx(2.5 + 2.5 + 4.5)
    assert tea["discount_share"] == pytest.approx(1.5 / 9.5)
    assert tea["windows_3"] == 2
    assert tea["basket_share"] == 1
    assert tea["customer_orders_all"] == 3
    assert tea["category_rate_28"] == pytest.approx(0.5)


def test_what_was_never_bought_follows_the_missing_rule(log: None) -> None:
    milk = row(built(lines.read(until=AT)), BEN, "milk")

    assert (milk["orders_all"], milk["recency"], milk["gap_mean"]) == (0, 365, 365)
    assert (milk["cadence"], milk["discount_share"]) == (1, 0)
    assert milk["customer_orders_28"] == 1


def test_an_event_at_or_after_the_cut_off_changes_no_feature(log: None) -> None:
    before = built(lines.read(until=AT))
    store.append_new(
        [
            order(ANA, AT, ["tea", "milk"]),
            order(BEN, AT + timedelta(microseconds=1), ["tea"]),
            order(key("new"), AT + timedelta(days=3), ["tea"]),
        ]
    )

    assert built(lines.read(until=AT)).equals(before)
    assert built(lines.read(until=AT + timedelta(days=9))).equals(before)


def test_one_live_customer_gets_the_row_of_the_batch(shop: Shop) -> None:
    keys = shop(signal=True, customers=20, weeks=20)
    at = datetime(2026, 5, 1, tzinfo=UTC)
    categories = list(CATEGORIES)
    everybody = lines.read(until=at)
    context = features.context(everybody, at=at, categories=categories)
    batch = built(everybody, at, customers=keys, categories=categories)

    for one in keys[:5]:
        own = lines.read(until=at, customers=[one])
        live = built(own, at, customers=[one], categories=categories, context=context)
        of_batch = batch.filter(pl.col("customer") == str(one))
        numbers = [*features.FEATURES]
        assert np.allclose(live.select(numbers), of_batch.select(numbers), rtol=1e-5)


def test_labels_are_what_happens_from_the_cut_off_until_the_horizon(db: None) -> None:
    end = AT + timedelta(days=28)
    store.append_new(
        [
            order(ANA, AT - timedelta(microseconds=1), ["milk"]),
            order(ANA, AT, ["tea"]),
            order(BEN, end, ["tea"]),
            order(BEN, end - timedelta(microseconds=1), ["milk"]),
        ]
    )

    labels = features.labels(
        lines.read(until=end + timedelta(days=1)),
        at=AT,
        horizon_days=28,
        customers=[ANA, BEN],
        categories=["tea", "milk"],
    )

    assert labels.tolist() == [1, 0, 0, 1]


def test_the_log_s_lines_survive_the_export(db: None) -> None:
    line = events.OrderLine(
        sku='5" pan, "red"\nnew',
        category="pots\\pans, é",
        quantity=3,
        paid=Decimal("12.3456"),
        coupon_discount=Decimal("0.10"),
    )
    happened = events.OrderCompleted(order_id="x", currency="EUR", lines=(line, line))
    store.append_new([store.Fact(event=happened, at=ago(1), customer=ANA)])

    history = lines.read(until=AT)

    assert history.schema == lines.HISTORY
    assert len(history) == 2
    assert history.select("at", "sku", "category", "quantity", "paid").row(0) == (
        ago(1),
        line.sku,
        line.category,
        3,
        12.3456,
    )


def test_an_empty_log_is_an_empty_history(db: None) -> None:
    assert lines.read(until=AT).schema == lines.HISTORY
    assert built(lines.read(until=AT))["recency"].to_list() == [365] * 4


def test_the_matrix_numbers_entities_and_categories(log: None) -> None:
    frame = built(lines.read(until=AT))

    x = features.matrix(frame, categories=["tea", "milk"], first_entity=5)

    assert x.shape == (4, len(features.COLUMNS))
    assert x[:, 0].tolist() == [5, 5, 6, 6]
    assert x[:, 1].tolist() == [0, 1, 0, 1]
