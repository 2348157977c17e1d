from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from analytics import events, store
from ml import features, lines
from ml.codes import day_of, recoded
from ml.context import Context
from ml.purchases import Purchases
from tests.ml.conftest import CATEGORIES, Shop, key, order

AT = datetime(2026, 6, 1, tzinfo=UTC)
ANA, BEN = key("ana"), key("ben")


def built(
    frame: pl.DataFrame,
    at: datetime = AT,
    *,
    customers: Sequence[UUID] = (ANA, BEN),
    categories: Sequence[str] = ("tea", "milk"),
    context: Context | None = None,
) -> np.ndarray:
    """Build customers × categories × FEATURES from a frame of the log."""
    history = lines.arrays(frame)
    kinds = (history.categories, categories)
    everybody = recoded(history.purchases, categories=kinds)
    names = (history.customers, [str(one) for one in customers])
    past = recoded(history.purchases, customers=names, categories=kinds)
    count, day = len(categories), day_of(at)
    if context is None:
        context = features.context(everybody, day=day, categories=count)
    rows = features.build(
        past, day=day, customers=len(customers), categories=count, context=context
    )
    return rows.reshape(len(customers), count, len(features.FEATURES))


def ago(days: float) -> datetime:
    return AT - timedelta(days=days)


def named(row: np.ndarray) -> dict[str, float]:
    return dict(zip(features.FEATURES, row.tolist(), strict=True))


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


def test_every_feature_is_built_and_has_a_meaning_and_a_missing_rule(log: None) -> None:
    rows = built(lines.read(until=AT))

    assert rows.shape == (2, 2, len(features.FEATURES))
    assert rows.dtype == np.float32
    assert np.isfinite(rows).all()
    assert all(one.meaning and one.rule for one in features.FEATURES.values())


def test_a_customer_s_rhythm_is_counted_by_hand(log: None) -> None:
    tea = named(built(lines.read(until=AT))[0, 0])

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
    milk = named(built(lines.read(until=AT))[1, 1])

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

    assert np.array_equal(built(lines.read(until=AT)), before)
    assert np.array_equal(built(lines.read(until=AT + timedelta(days=9))), before)


def test_one_live_customer_gets_the_row_of_the_batch(shop: Shop) -> None:
    keys = shop(signal=True, customers=20, weeks=20)
    at = datetime(2026, 5, 1, tzinfo=UTC)
    everybody = lines.read(until=at)
    batch = built(everybody, at, customers=keys, categories=CATEGORIES)
    known = lines.arrays(everybody)
    past = recoded(known.purchases, categories=(known.categories, CATEGORIES))
    context = features.context(past, day=day_of(at), categories=len(CATEGORIES))
    kept = Context.of(context.arrays())

    for spot, one in enumerate(keys[:5]):
        own = lines.read(until=at, customers=[one])
        live = built(own, at, customers=[one], categories=CATEGORIES, context=kept)
        assert np.allclose(live[0], batch[spot], rtol=1e-6, atol=1e-6)


def test_chunks_of_customers_are_built_like_all_at_once(shop: Shop) -> None:
    shop(signal=True, customers=7, weeks=20)
    history = lines.arrays(lines.read(until=AT))
    past = recoded(history.purchases, categories=(history.categories, CATEGORIES))
    day, count = day_of(AT), len(CATEGORIES)
    context = features.context(past, day=day, categories=count)

    def rows(some: Purchases, customers: int) -> np.ndarray:
        return features.build(
            some, day=day, customers=customers, categories=count, context=context
        )

    whole = rows(past, 7)
    parts = [
        rows(part.past, part.stop - part.start)
        for part in features.chunks(past, customers=7, size=3)
    ]

    assert [len(part) for part in parts] == [24, 24, 8]
    assert np.allclose(np.concatenate(parts), whole, rtol=1e-6, atol=1e-6)


def test_sister_categories_are_learnt_from_closed_windows(db: None) -> None:
    """Who buys tea buys milk in the month after; bread says nothing."""
    chance = np.random.default_rng(2)
    facts = []
    for number in range(200):
        for month in range(8):
            at = ago(28 * (8 - month) - int(chance.integers(1, 27)))
            kind = "tea" if number % 2 else "bread"
            bought = [kind] + ["milk"] * (number % 2 and chance.random() < 0.8)
            facts.append(order(key(number), at, bought))
    new = [order(ANA, ago(3), ["tea"]), order(BEN, ago(3), ["bread"])]
    store.append_new([*facts, *new])

    rows = built(lines.read(until=AT))

    tea_buyer, bread_buyer = named(rows[0, 1]), named(rows[1, 1])
    assert tea_buyer["orders_all"] == bread_buyer["orders_all"] == 0
    assert tea_buyer["affinity"] > 1.3 * bread_buyer["affinity"]


def test_a_gap_that_outlasted_today_s_wait_counts_for_the_hazard(log: None) -> None:
    tea = named(built(lines.read(until=AT))[0, 0])

    assert (tea["gaps_held"], tea["gaps_ending"]) == (2, 2)
    assert tea["hazard"] > tea["chance"]


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

    history = lines.arrays(lines.read(until=end + timedelta(days=1)))
    past = recoded(
        history.purchases,
        customers=(history.customers, [str(ANA), str(BEN)]),
        categories=(history.categories, ["tea", "milk"]),
    )

    labels = features.labels(
        past, day=day_of(AT), horizon=28, customers=2, categories=2
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
    rows = built(lines.read(until=AT))
    recency = list(features.FEATURES).index("recency")
    assert rows[:, :, recency].ravel().tolist() == [365] * 4


def test_what_is_missing_is_the_number_that_the_catalogue_names(db: None) -> None:
    row = named(built(lines.read(until=AT))[0, 0])

    told = {name: one.missing for name, one in features.FEATURES.items()}
    known = ("chance", "hazard", "week_sin", "week_cos")
    for name in known:
        del told[name], row[name]
    assert row == pytest.approx(told)


def test_the_matrix_numbers_entities_and_categories(log: None) -> None:
    rows = built(lines.read(until=AT)).reshape(4, -1)

    x = features.matrix(rows, categories=2, first_entity=5)

    assert x.shape == (4, len(features.COLUMNS))
    assert x[:, 0].tolist() == [5, 5, 6, 6]
    assert x[:, 1].tolist() == [0, 1, 0, 1]
