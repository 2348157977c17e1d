from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from analytics import store
from ml import lines, splits
from ml.codes import day_of
from ml.purchases import History
from tests.ml.conftest import CATEGORIES, START, Shop, key, order

LATER = datetime(2030, 1, 1, tzinfo=UTC)


def read() -> History:
    return lines.arrays(lines.read(until=LATER))


def test_cut_offs_lie_a_horizon_apart_and_every_label_is_closed(shop: Shop) -> None:
    shop(signal=True, customers=3)
    history = read()

    plan = splits.plan(history.purchases, horizon_days=28)

    gaps = {later - cut for cut, later in pairwise([*plan.cuts, plan.as_of])}
    assert gaps == {timedelta(days=28)}
    assert history.purchases.day.max() >= day_of(plan.as_of)
    assert plan.cuts[0] >= START + timedelta(days=splits.WARM_UP_DAYS)
    assert len(plan.rolling) == splits.MEASURED + 1


def test_a_learner_sees_only_labels_closed_before_its_cut_off(shop: Shop) -> None:
    shop(signal=True, customers=3)
    plan = splits.plan(read().purchases, horizon_days=28)

    for cut in plan.rolling:
        taught = plan.before(cut)
        assert 1 <= len(taught) <= splits.TRAINING_CUTS
        assert all(one + timedelta(days=28) <= cut for one in taught)


@pytest.mark.parametrize(
    ("weeks", "cuts", "measured"),
    [(17, 3, 1), (20, 3, 1), (24, 3, 1), (25, 4, 2), (33, 5, 3), (41, 7, 3)],
)
def test_a_young_log_has_fewer_cut_offs_and_a_shorter_warm_up(
    shop: Shop, weeks: int, cuts: int, measured: int
) -> None:
    shop(signal=True, customers=3, weeks=weeks)
    past = read().purchases

    plan = splits.plan(past, horizon_days=28)

    assert (len(plan.cuts), plan.measured) == (cuts, measured)
    assert len(plan.rolling) == measured + 1
    assert plan.before(plan.rolling[0])
    assert day_of(plan.since) >= past.day.min()
    warm = plan.cuts[0] - plan.since
    assert timedelta(days=28) <= warm
    assert bool(plan.lacking) == (weeks < 33)


def test_a_short_log_is_refused_with_the_days_it_lacks(shop: Shop) -> None:
    shop(signal=True, customers=3, weeks=16)

    told = "needs 112 full days of orders; the log holds 10.*until 2025-0[45]"
    with pytest.raises(splits.TooLittleHistory, match=told):
        splits.plan(read().purchases, horizon_days=28)


def test_an_empty_log_is_refused(db: None) -> None:
    with pytest.raises(splits.TooLittleHistory, match="no orders"):
        splits.plan(read().purchases, horizon_days=28)


def test_few_customers_are_refused(shop: Shop) -> None:
    shop(signal=True, customers=5)
    history = read()
    plan = splits.plan(history.purchases, horizon_days=28)

    with pytest.raises(splits.TooLittleHistory, match="regular customers, not 5"):
        splits.split(history, plan=plan, categories=CATEGORIES)


def test_a_customer_has_one_code_at_all_cut_offs(shop: Shop) -> None:
    shop(signal=True)
    history = read()
    plan = splits.plan(history.purchases, horizon_days=28)

    parts = splits.split(history, plan=plan, categories=CATEGORIES)

    newest = parts.newest()
    assert newest.entity.max() < len(history.customers)
    assert set(newest.category.tolist()) == set(range(len(CATEGORIES)))
    last = parts.rows[plan.cuts[-1]]
    assert len(parts.before(plan.cuts[-1]).y) > len(last.y)
    assert 0 < last.y.mean() < 1


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
        read(),
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

    history = read()
    found = splits.regulars(history.purchases, day=day_of(at), customers=3)
    assert [history.customers[code] for code in found] == [str(loyal)]


def test_a_sample_takes_rows_of_everybody() -> None:
    x = np.repeat(np.arange(10, dtype=np.float32), 4).reshape(-1, 1)
    split = splits.Split(x=x, y=np.zeros(40, np.int8))

    some = split.sampled(12, seed=1)

    assert len(some.y) == 12
    assert len(np.unique(some.entity)) > 3
    assert split.of(np.array([2, 3])).entity.tolist() == [2] * 4 + [3] * 4
