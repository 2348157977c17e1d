"""A quarter's plan: parts add up, nothing is over its budget, the past is no plan."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions import quarter_weeks, quarters
from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Shared
from tests.promotions.quarter_lines import (
    FIRST,
    FLAT,
    SPRING,
    curve,
    drawn,
    line,
    lines,
)


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)))
def test_every_day_is_in_one_quarter_of_whole_weeks(day: date) -> None:
    found = quarter_weeks.quarter_of(day)

    assert found.first <= day < found.after.first
    assert found.first.weekday() == 0
    assert found.weeks in (13, 14)
    assert found.after.before == found
    assert found.before.after == found
    assert quarter_weeks.quarter_of(found.first) == found


def test_a_long_year_ends_with_a_long_quarter() -> None:
    assert Quarter(year=2026, number=4).weeks == 14
    assert Quarter(year=2027, number=4).weeks == 13
    assert Quarter(year=2026, number=4).first == date(2026, 9, 28)


@pytest.mark.parametrize(
    ("money", "bought"), [(0, 0), (25, 40), (50, 80), (75, 100), (200, 140), (999, 140)]
)
def test_a_curve_is_straight_between_its_points_and_ends(
    money: float, bought: float
) -> None:
    assert line().curve.at(money) == pytest.approx(bought)  # type: ignore[union-attr]


def test_a_line_gives_evenly_in_its_time_and_more_where_more_is_wanted() -> None:
    demand = FLAT.copy()
    demand[1] = 3.0

    found = quarters.outlook([line(demand=demand)], [], SPRING, now=FIRST)

    costs = [week.cost for week in found.weeks]
    assert costs[1] == pytest.approx(3 * costs[0])
    assert sum(costs) == pytest.approx(100)
    assert costs[4:] == [0] * 9
    # At 3/2 of the usual demand the same money meets less of it: each coin brings more.
    assert found.total.margin == pytest.approx(1.5 * (80 + 100 / 1.5 * 0.8 - 40))


@given(lines, st.floats(-3, 16))
def test_weeks_and_lines_add_up_to_the_sum_and_the_past_is_no_plan(
    some: list[tuple[float, float, float, bool, list[float]]], at: float
) -> None:
    now = FIRST + at * WEEK
    mine = drawn(some)
    pairs = [
        Shared(first="0", second="1", customers=9, first_loses=30, second_loses=10)
    ]

    found = quarters.outlook(mine, pairs, SPRING, now=now)

    for name in ("cost", "margin", "taken"):
        total = getattr(found.total, name)
        assert sum(getattr(one, name) for one in found.weeks) == pytest.approx(total)
        parts = found.lines.values()
        assert sum(getattr(one, name) for one in parts) == pytest.approx(total)
    for one in mine:
        assert found.lines[one.key].cost <= one.money + 1e-6
        assert found.lines[one.key].taken >= 0
    over = [
        week.cost
        for week, monday in zip(found.weeks, SPRING.mondays, strict=True)
        if monday + WEEK <= now
    ]
    assert not any(over)
    assert found.total.low <= found.total.high + 1e-9


def test_two_lines_about_the_same_goods_gain_there_once() -> None:
    pair = Shared(first="a", second="b", customers=5, first_loses=12, second_loses=28)
    whole: dict[str, Any] = {"money": 200.0}

    together = quarters.outlook(
        [line("a", **whole), line("b", **whole)], [pair], SPRING, now=FIRST
    )
    half = quarters.outlook(
        [line("a", **whole), line("b", start=2, **whole)], [pair], SPRING, now=FIRST
    )
    apart = quarters.outlook(
        [line("a", **whole), line("b", start=4, **whole)], [pair], SPRING, now=FIRST
    )

    assert together.total.margin == pytest.approx(280 - 40)
    assert together.lines["a"].taken == pytest.approx(12)
    assert half.total.margin == pytest.approx(280 - 20)
    assert apart.total.margin == pytest.approx(280)


def test_what_nobody_knows_costs_but_brings_nothing() -> None:
    unknown = line(curve=None, cost=60.0)

    found = quarters.outlook([unknown], [], SPRING, now=FIRST)

    assert found.total.cost == pytest.approx(60)
    assert found.total.margin == found.total.low == found.total.high == 0


def test_what_demand_may_be_widens_the_interval() -> None:
    sure = quarters.outlook([line()], [], SPRING, now=FIRST).total
    unsure = quarters.outlook(
        [line(doubt=FLAT / 2, curve=curve((50, 80), (100, 120)))],
        [],
        SPRING,
        now=FIRST,
    ).total

    assert sure.low == pytest.approx(sure.high)
    assert unsure.low < sure.low < unsure.high
    assert unsure.margin == pytest.approx(sure.margin)


@given(
    st.floats(0, 1e6),
    st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=13, max_size=13),
)
def test_weeks_share_what_is_not_fixed(more: float, fixed: list[float | None]) -> None:
    total = more + sum(one for one in fixed if one is not None)

    found = quarter_weeks.budgets(total, fixed)

    for week, one in zip(found, fixed, strict=True):
        assert one is None or week == one
    if None in fixed:
        assert sum(found) == pytest.approx(total)


def test_a_moment_within_a_week_counts_what_is_left_of_it() -> None:
    now = FIRST + timedelta(days=3.5)
    running = line(start=-1, weeks=2, movable=False, money=30.0)

    found = quarters.outlook([running], [], SPRING, now=now)

    assert found.weeks[0].cost == pytest.approx(30)
    assert found.total.cost == pytest.approx(30)
    assert datetime(2026, 3, 30, tzinfo=UTC) == FIRST
