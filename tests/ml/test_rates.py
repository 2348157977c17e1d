"""Rates on planted counts: what was planted is found, and promises are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from numpy.typing import NDArray

from ml import evaluation, predictors, rates

HORIZON = 28.0
SHARES = np.array([0.6, 0.3, 0.1, 0.02])


def counted(
    chance: np.random.Generator, rate: NDArray[np.float64], days: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw visits, and how many of them hold each category: customers × categories."""
    visits = chance.poisson(rate * days)
    bought = chance.binomial(visits[:, None], SHARES)
    return visits.astype(float), bought.astype(float)


def matrix(
    visits: NDArray[np.float64], bought: NDArray[np.float64], days: float
) -> NDArray[np.float32]:
    """Lay out category, and READ."""
    count = len(SHARES)
    columns = [
        np.tile(np.arange(count), len(visits)),
        bought.ravel(),
        np.repeat(visits, count),
        np.full(len(visits) * count, days - 1),
    ]
    return np.column_stack(columns).astype(np.float32)


def fitted(x: NDArray[np.float32]) -> predictors.Calibrated:
    return predictors.read(rates.fit(x, category=0, counted=(1, 2, 3), horizon=HORIZON))


@pytest.mark.parametrize("days", [14.0, 21.0, 56.0])
@pytest.mark.parametrize("customers", [60, 2000])
def test_so_many_buy_as_was_promised(days: float, customers: int) -> None:
    """Within 15 % in each of 60 customers' shops on average, 5 % of 2,000 customers'.

    Rates differ eightfold between customers; who did not come is not in the log.
    """
    promised = happened = 0.0
    for seed in range(10 if customers < 100 else 2):
        chance = np.random.default_rng(seed)
        rate = chance.gamma(1.2, 0.06, customers)
        visits, bought = counted(chance, rate, days)
        came = visits > 0
        x = matrix(visits[came], bought[came], days)
        later = counted(chance, rate[came], HORIZON)[1] > 0
        told = fitted(x).probability(x)
        promised, happened = promised + told.sum(), happened + later.sum()

    assert promised == pytest.approx(happened, rel=0.15 if customers < 100 else 0.05)


def test_who_comes_often_is_likelier_and_tastes_count() -> None:
    chance = np.random.default_rng(0)
    visits, bought = counted(chance, chance.gamma(1.2, 0.1, 500), 21.0)
    x = matrix(visits[visits > 0], bought[visits > 0], 21.0)
    rows = np.array(
        [[0, 1, 1, 20], [0, 4, 4, 20], [0, 1, 4, 20], [3, 0, 4, 20], [3, 4, 4, 20]],
        np.float32,
    )

    rare, often, fickle, never, fond = fitted(x).probability(rows)

    assert rare < often
    assert never < fickle < often
    assert never < fond


def test_more_days_since_an_old_fit_are_not_taken_for_more_orders() -> None:
    chance = np.random.default_rng(0)
    rate = chance.gamma(1.2, 0.1, 500)
    visits, bought = counted(chance, rate, 21.0)
    old = fitted(matrix(visits[visits > 0], bought[visits > 0], 21.0))
    visits, bought = counted(chance, rate, 80.0)
    later = counted(chance, rate, HORIZON)[1] > 0

    told = old.probability(matrix(visits, bought, 80.0))

    assert told.sum() == pytest.approx(later.sum(), rel=0.1)


def test_what_a_chance_goes_by_points_where_the_counts_do() -> None:
    chance = np.random.default_rng(0)
    visits, bought = counted(chance, chance.gamma(1.2, 0.1, 500), 21.0)
    x = matrix(visits[visits > 0], bought[visits > 0], 21.0)
    rows = np.array([[1, 6, 6, 20], [1, 0, 1, 20]], np.float32)

    told = fitted(x).contributions(rows)

    assert (told[0, 1:3] > 0).all()
    assert (told[1, 1:3] < 0).all()


@given(
    visits=some.lists(some.integers(0, 60), min_size=1, max_size=8),
    days=some.integers(1, 400),
    seed=some.integers(0, 99),
)
def test_any_counts_give_chances(visits: list[int], days: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    came = np.array(visits)
    bought = chance.binomial(came[:, None], SHARES)
    x = matrix(came.astype(float), bought.astype(float), float(days))

    told = fitted(x).probability(x)

    assert ((told > 0) & (told < 1)).all()
    assert np.isfinite(fitted(x).contributions(x)).all()


def test_as_a_baseline_it_ranks_without_having_seen_a_label() -> None:
    columns = ("entity", "category", *rates.READ)
    chance = np.random.default_rng(1)
    rate = chance.gamma(1.2, 0.05, 800)
    visits, bought = counted(chance, rate, 56.0)
    x = np.column_stack(
        [np.repeat(np.arange(800), len(SHARES)), matrix(visits, bought, 56.0)]
    )
    y = (counted(chance, rate, HORIZON)[1] > 0).ravel().astype(int)

    one = rates.baseline(columns, 0).fit(x, y)
    turned = rates.baseline(columns, 0).fit(x, 1 - y)

    assert evaluation.auc(y, one.predict_proba(x)[:, 1]) > 0.75
    assert np.allclose(one.predict_proba(x), turned.predict_proba(x))
