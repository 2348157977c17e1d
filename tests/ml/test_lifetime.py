"""Published figures are those of Fader, Hardie & Lee (2005) and Fader & Hardie (2013).

data/cdnow.csv is their CDNOW sample (2,357 customers, weeks), out of the package
lifetimes 0.11.3 (MIT, Copyright 2015 Cameron Davidson-Pilon).
"""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from ml import lifetime
from ml.lifetime import Numbers, Rhythm, Visits, Worth

TABLE = np.loadtxt(Path(__file__).parent / "data/cdnow.csv", delimiter=",", skiprows=1)
CDNOW = Visits(repeats=TABLE[:, 0], recency=TABLE[:, 1], age=TABLE[:, 2])
MEAN = TABLE[:, 3]
PUBLISHED = Rhythm(0.243, 4.414, 0.793, 2.426)


def lived(one: Rhythm, count: int, days: float) -> tuple[Visits, Numbers]:
    """Live the model's story: what is seen after `days`, and how often they come then.

    The second is counted over as many days again.
    """
    chance = np.random.default_rng(5)
    rate = chance.gamma(one.r, 1 / one.alpha, count)
    leave = chance.beta(one.a, one.b, count)
    repeats, recency, later = np.zeros(count), np.zeros(count), np.zeros(count)
    for who in range(count):
        at = chance.exponential(1 / rate[who])
        while at < 2 * days:
            if at < days:
                repeats[who], recency[who] = repeats[who] + 1, at
            else:
                later[who] += 1
            if chance.random() < leave[who]:
                break
            at += chance.exponential(1 / rate[who])
    seen = Visits(repeats=repeats, recency=recency, age=np.full(count, days))
    return seen, later


def test_the_published_rhythm_of_cdnow_is_found() -> None:
    found = lifetime.fit_rhythm(CDNOW)

    assert astuple(found) == pytest.approx(astuple(PUBLISHED), abs=0.0015)


def test_the_published_worth_of_cdnow_is_found() -> None:
    found = lifetime.fit_worth(CDNOW.repeats, MEAN)

    assert astuple(found) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)


def test_the_published_expectation_of_a_customer_is_found() -> None:
    one = Visits(
        repeats=np.array([2.0]), recency=np.array([30.43]), age=np.array([38.86])
    )

    assert lifetime.expected(PUBLISHED, one, 39.0) == pytest.approx(1.226, abs=0.001)


def test_planted_parameters_are_found_and_foretell_what_comes() -> None:
    truth = Rhythm(1.2, 20.0, 0.8, 4.0)
    seen, later = lived(truth, 4000, 200.0)

    found = lifetime.fit_rhythm(seen)

    assert astuple(found) == pytest.approx(astuple(truth), rel=0.25)
    foretold = lifetime.expected(found, seen, 200.0)
    assert foretold.sum() == pytest.approx(later.sum(), rel=0.05)
    silent = lifetime.no_order(found, seen, 200.0)
    assert silent.mean() == pytest.approx((later == 0).mean(), abs=0.02)
    for low, high in ((0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        band = (silent >= low) & (silent < high)
        assert silent[band].mean() == pytest.approx((later[band] == 0).mean(), abs=0.05)


def test_the_unit_of_time_and_of_money_does_not_matter() -> None:
    days = Visits(repeats=CDNOW.repeats, recency=CDNOW.recency * 7, age=CDNOW.age * 7)

    weeks, found = lifetime.fit_rhythm(CDNOW), lifetime.fit_rhythm(days)

    assert (found.r, found.alpha) == pytest.approx((weeks.r, 7 * weeks.alpha), rel=1e-3)
    cents = lifetime.fit_worth(CDNOW.repeats, 100 * MEAN)
    assert cents.gamma == pytest.approx(1544.0, rel=2e-3)


def test_who_comes_a_hundred_times_is_counted_without_overflow() -> None:
    often = Visits(
        repeats=np.array([300.0]), recency=np.array([364.0]), age=np.array([365.0])
    )
    one = Rhythm(1.4, 9.5, 0.03, 28.0)

    assert lifetime.expected(one, often, 365.0)[0] == pytest.approx(294, rel=0.05)
    gone = Visits(repeats=often.repeats, recency=often.recency, age=np.array([2000.0]))
    assert lifetime.alive(one, gone)[0] < 1e-9
    assert lifetime.no_order(one, gone, 90.0)[0] == pytest.approx(1.0)


def test_an_order_s_worth_lies_between_the_own_mean_and_everybody_s() -> None:
    one = Worth(6.25, 3.74, 15.44)
    everybody = 6.25 * 15.44 / 2.74

    few, many = lifetime.order_value(one, np.array([1.0, 50.0]), np.array([90.0, 90.0]))

    assert everybody < few < many < 90.0
    assert lifetime.order_value(one, np.zeros(1), np.zeros(1)) == pytest.approx(
        everybody
    )


def test_too_few_customers_are_nothing_to_learn_from() -> None:
    few = Visits(repeats=np.ones(9), recency=np.ones(9), age=np.full(9, 9.0))

    with pytest.raises(lifetime.TooFewCustomers):
        lifetime.fit_rhythm(few)
    with pytest.raises(lifetime.TooFewCustomers):
        lifetime.fit_worth(np.zeros(99), np.zeros(99))
