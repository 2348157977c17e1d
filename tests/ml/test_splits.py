from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from analytics import store
from ml import lines, splits
from tests.ml.conftest import CATEGORIES, START, Shop, key, order

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def test_cut_offs_lie_a_horizon_apart_and_every_label_is_closed(shop: Shop) -> None:
    shop(signal=True, customers=3)
    history = lines.read(until=LATER)

    plan = splits.plan(history, horizon_days=28)

    cuts = [*plan.training, plan.tuning, plan.validation, plan.test, plan.as_of]
    gaps = {later - cut for cut, later in pairwise(cuts)}
    assert gaps == {timedelta(days=28)}
    assert history.filter(pl.col("at") >= plan.as_of).height > 0
    assert plan.training[0] >= START + timedelta(days=splits.WARM_UP_DAYS)


def test_a_short_log_is_refused_with_the_days_it_lacks(shop: Shop) -> None:
    shop(signal=True, customers=3, weeks=20)

    with pytest.raises(splits.TooLittleHistory, match="needs 196 days"):
        splits.plan(lines.read(until=LATER), horizon_days=28)


def test_an_empty_log_is_refused(db: None) -> None:
    with pytest.raises(splits.TooLittleHistory, match="no orders"):
        splits.plan(lines.read(until=LATER), horizon_days=28)


def test_few_customers_are_refused(shop: Shop) -> None:
    shop(signal=True, customers=5)
    history = lines.read(until=LATER)
    plan = splits.plan(history, horizon_days=28)

    with pytest.raises(splits.TooLittleHistory, match="regular customers, not 5"):
        splits.split(history, plan=plan, categories=CATEGORIES, seed=0)


def test_categories_are_ranked_by_buyers_without_the_nameless(db: None) -> None:
    ana, ben = key("ana"), key("ben")
    store.append_new(
        [
            order(ana, START, ["tea", "milk", "", "wine"]),
            order(ben, START, ["tea", "wine", ""]),
            order(ben, START, ["bread"] * 9),
            order(ben, START + timedelta(days=2), ["milk"]),
        ]
    )

    ranked = splits.most_bought(
        lines.read(until=LATER),
        at=START + timedelta(days=1),
        exclude=frozenset({"wine"}),
        most=2,
    )

    assert ranked == ["tea", "bread"]


def test_regulars_have_three_orders_and_came_lately(db: None) -> None:
    at = START + timedelta(days=100)
    loyal, lapsed, new = key("loyal"), key("lapsed"), key("new")
    days = {loyal: (1, 40, 99), lapsed: (1, 2, 3), new: (98, 99)}
    store.append_new(
        [
            order(customer, START + timedelta(days=day), ["tea"])
            for customer, when in days.items()
            for day in when
        ]
    )

    assert splits.regulars(lines.read(until=LATER), at=at) == [loyal]


def test_a_sample_takes_rows_or_whole_entities() -> None:
    x = np.repeat(np.arange(10, dtype=np.float32), 4).reshape(-1, 1)
    split = splits.Split(x=x, y=np.zeros(40, np.int8))

    whole = split.sampled(12, whole=True, seed=1)
    single = split.sampled(12, whole=False, seed=1)

    assert len(whole.y) == len(single.y) == 12
    assert set(np.unique(whole.entity, return_counts=True)[1]) == {4}
    assert len(np.unique(single.entity)) > 3
