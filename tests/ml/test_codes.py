from datetime import UTC, datetime, timedelta

import numpy as np

from ml.codes import day_of, moment_of, recoded
from tests.ml.test_quality import bought


def test_a_moment_is_a_day_and_back_to_the_microsecond() -> None:
    moment = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)

    assert moment_of(day_of(moment)) == moment
    assert day_of(moment) < day_of(moment + timedelta(microseconds=1))
    assert day_of(datetime(1970, 1, 2, tzinfo=UTC)) == 1


def test_unnamed_customers_go_and_unnamed_categories_come_last() -> None:
    past = bought()
    kinds = list("abcdefgh")
    people = [str(number) for number in range(100)]

    moved = recoded(
        past, customers=(people, ["7", "3", "nobody"]), categories=(kinds, ["c", "a"])
    )

    old = past.where(np.isin(past.customer, [3, 7]))
    assert np.array_equal(moved.customer, np.where(old.customer == 7, 0, 1))
    assert np.array_equal(moved.category == 0, old.category == 2)
    assert np.array_equal(moved.category == 1, old.category == 0)
    assert len(np.unique(moved.category)) == 8
