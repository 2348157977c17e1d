"""A reason is true of the customer, and moved the chance the way it is listed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ml import reasons, wordings
from ml.meanings import FEATURES
from ml.reasons import Average, Why
from ml.wordings import FACTS, SAID, TOPICS, Fact

NAMES = list(FEATURES)
MISSING = np.array([[one.missing for one in FEATURES.values()]], np.float32)
EMPTY = np.zeros((1, len(NAMES)))
Row = NDArray[Any]


def row(base: Row, **given: float) -> Row:
    out = base.copy()
    for name, value in given.items():
        out[0, NAMES.index(name)] = value
    return out


def why(values: Row, shares: Row, average: Row | None = None, *, most: int = 9) -> Why:
    return reasons.why(
        values, shares, EMPTY if average is None else average, most=most
    )[0]


def words(told: Any) -> list[str]:
    return [one.fact.words for one in told]


def test_every_feature_has_words_or_is_left_out_on_purpose() -> None:
    worded = {fact.feature for fact in FACTS}

    assert worded | wordings.LEFT_OUT == set(FEATURES)
    assert not worded & wordings.LEFT_OUT
    assert {fact.topic for fact in FACTS} == set(TOPICS)
    assert {fact.needs for fact in FACTS} <= {"", *FEATURES}


def test_what_is_left_out_is_the_same_for_all_customers_of_a_category() -> None:
    levels = {FEATURES[name].level for name in wordings.LEFT_OUT}

    assert levels == {"category", "calendar"}


def test_shoppers_hear_one_thing_of_a_feature_and_of_a_topic() -> None:
    topics: dict[str, set[str]] = {}
    for fact in SAID:
        topics.setdefault(fact.shopper, set()).add(fact.topic)

    assert len({fact.feature for fact in SAID}) == len(SAID)
    assert all(len(some) == 1 for some in topics.values()), topics
    assert all(fact.side != "none" for fact in SAID)


def test_a_shopper_is_told_in_words_fit_to_read() -> None:
    assert wordings.said("orders_182", "DAIRY") == "You often buy from Dairy"
    dinners = wordings.said("cadence", "KID'S MEAT/MEAT DINNERS")
    assert dinners == "It may be time for Kid's Meat/Meat Dinners again"
    assert wordings.said("cadence", "Bio-Käse") == "It may be time for Bio-Käse again"
    assert wordings.said("customer_spend", "DAIRY") is None
    assert wordings.said("gone", "DAIRY") is None


def test_what_raised_and_what_lowered_are_told_apart() -> None:
    values = row(MISSING, orders_182=9, customer_orders_28=1)
    shares = row(EMPTY, orders_182=0.8, customer_orders_28=-0.4)
    average = row(EMPTY, orders_182=1.2, customer_orders_28=6)

    told = why(values, shares, average)

    assert words(told.raised) == ["bought often in half a year"]
    assert words(told.lowered) == ["came less in four weeks than average"]
    detail = "orders with the category, last 182 days: 9 (average 1.2)"
    assert told.raised[0].detail == detail


def test_near_synonyms_are_told_once_by_the_strongest() -> None:
    values = row(MISSING, orders_182=9, orders_91=5, basket_share=0.6)
    shares = row(EMPTY, orders_182=0.2, orders_91=0.5, basket_share=0.3)

    assert words(why(values, shares).raised) == ["bought often in three months"]


def test_a_feature_is_not_told_against_its_topic() -> None:
    """Learners play near-synonyms off: one gets too much, another takes it back."""
    values = row(MISSING, orders_182=9, orders_91=5)
    shares = row(EMPTY, orders_182=-0.2, orders_91=0.5)

    told = why(values, shares)

    assert words(told.raised) == ["bought often in three months"]
    assert words(told.lowered) == []


def test_what_is_not_known_is_told_as_absent() -> None:
    shares = row(EMPTY, orders_all=-0.5, recency=-0.3, gap_mean=-0.2)

    told = why(MISSING, shares, row(EMPTY, gap_mean=30, recency=90, orders_all=3))

    assert words(told.lowered) == ["never bought"]
    assert told.raised == []


def test_a_gap_s_hazard_is_no_reason_without_a_gap() -> None:
    shares = row(EMPTY, hazard=0.5)
    values = row(MISSING, hazard=3000)

    assert words(why(values, shares).raised) == []
    held = row(values, gaps_held=2)
    assert words(why(held, shares).raised) == ["gaps like today's ended soon"]
    assert "75.0%" in why(held, shares).raised[0].detail


def test_trifles_are_not_told() -> None:
    values = row(MISSING, orders_182=9, customer_orders_28=9)
    shares = row(EMPTY, orders_182=5.0, customer_orders_28=0.1)

    assert words(why(values, shares).raised) == ["bought often in half a year"]


numbers = st.sampled_from([-3.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 30.0, 365.0, 2e3])
filled = st.lists(numbers, min_size=len(NAMES), max_size=len(NAMES))


@given(filled, filled, filled, st.lists(st.booleans(), min_size=49, max_size=49))
def test_no_reason_says_what_the_model_does_not(
    values: list[float], shares: list[float], average: list[float], gone: list[bool]
) -> None:
    absent = np.resize(np.array(gone), len(NAMES))
    mine = np.where(absent, MISSING[0], values)[None].astype(np.float32)
    told = why(mine, np.array([shares]), np.array([average]))

    for sign, side in ((1, told.raised), (-1, told.lowered)):
        topics = [one.fact.topic for one in side]
        assert len(topics) == len(set(topics))
        for one in side:
            spot = NAMES.index(one.fact.feature)
            assert one.share == shares[spot]
            assert sign * one.share > 0
            assert sign * topic_share(one.fact, shares) > 0
            assert true_of(one.fact, float(mine[0, spot]), average[spot])


def topic_share(fact: Fact, shares: list[float]) -> float:
    same = {other.feature for other in FACTS if other.topic == fact.topic}
    return sum(shares[NAMES.index(name)] for name in same)


def true_of(fact: Fact, value: float, average: float) -> bool:
    missing = np.float32(FEATURES[fact.feature].missing)
    if fact.side == "none":
        return bool(value == missing)
    if value == missing:
        return False
    high = fact.side == "high"
    return (
        value > average and value >= fact.bound
        if high
        else (value < average and value <= fact.bound)
    )


def test_a_shopper_hears_only_what_raised_the_chance() -> None:
    values = np.concatenate(
        [
            row(MISSING, orders_182=9, orders_28=2),
            row(MISSING, orders_182=9),
            MISSING,
        ]
    )
    shares = np.concatenate(
        [
            row(EMPTY, orders_182=0.5, orders_28=-0.1),
            row(EMPTY, orders_182=-0.5),
            row(EMPTY, orders_182=0.5),
        ]
    )

    found = reasons.found(
        values, shares, np.ones_like(values), sign=1, most=2, facts=SAID
    )

    said = [[SAID[number].feature for number in some if number >= 0] for some in found]
    assert said == [["orders_182"], [], []]


def test_the_average_is_of_each_category() -> None:
    values = np.array([[0.0], [np.expm1(2)], [5.0], [5.0]])
    shares = np.array([[1.0], [3.0], [-1.0], [-1.0]])

    average = Average.measured(
        values,
        shares,
        np.array([0.1, 0.3, 0.5, 0.5]),
        category=np.array([0.0, 0.0, 1.0, 1.0]),
        categories=2,
    )

    assert average.values[:, 0] == pytest.approx([np.expm1(1), 5])
    assert average.shares[:, 0].tolist() == [2, -1]
    assert average.chance.tolist() == [0.2, 0.5]


def test_an_average_outlives_its_file() -> None:
    average = Average(
        values=np.ones((2, 3)), shares=np.zeros((2, 3)), chance=np.ones(2)
    )

    again = Average.of(average.arrays())

    assert (again.values == average.values).all()
    assert (again.shares == average.shares).all()
    assert (again.chance == average.chance).all()
    assert not len(Average.of({}).chance)
