"""A quarter's plan: parts add up, nothing is over its budget, the past is no plan."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions import quarter_best, quarter_weeks, quarters
from promotions.quarter_best import Limits
from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Curve, Line, Shared

SPRING = Quarter(year=2026, number=2)
FIRST = SPRING.mondays[0]
FLAT = np.ones(13)
EXACT = np.zeros(13)


def curve(*points: tuple[float, float], spread: float = 0.0) -> Curve:
    """Return a curve through (0, 0) and these; its draws spread around them."""
    costs, means = zip((0.0, 0.0), *points, strict=True)
    luck = np.linspace(-1, 1, 9) * spread
    means_ = np.array(means)
    return Curve(cost=np.array(costs), margin=means_[:, None] * (1 + luck))


def line(key: str = "tea", start: float = 0, weeks: float = 4, **more: Any) -> Line:
    usual: dict[str, Any] = {
        "title": key,
        "state": "proposed",
        "scope": frozenset({"TEA"}),
        "starts_at": FIRST + start * WEEK,
        "ends_at": FIRST + (start + weeks) * WEEK,
        "money": 100.0,
        "demand": FLAT,
        "doubt": EXACT,
        "curve": curve((50, 80), (100, 120), (200, 140)),
        "movable": True,
    }
    return Line(key=key, **usual | more)


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


lines = st.lists(
    st.tuples(
        st.floats(-6, 15),
        st.floats(0.3, 16),
        st.floats(0, 400),
        st.booleans(),
        st.lists(st.floats(0.1, 3), min_size=13, max_size=13),
    ),
    min_size=1,
    max_size=5,
)


def drawn(some: list[tuple[float, float, float, bool, list[float]]]) -> list[Line]:
    return [
        line(
            str(n),
            start,
            weeks,
            money=money,
            movable=moves,
            demand=np.array(demand),
            doubt=np.array(demand) / 10,
            curve=curve((50, 80 - 9 * n), (100, 120 - 15 * n), spread=0.5),
        )
        for n, (start, weeks, money, moves, demand) in enumerate(some)
    ]


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


def limits(total: float, fixed: dict[int, float] | None = None) -> Limits:
    weeks = np.full(13, np.inf)
    for week, amount in (fixed or {}).items():
        weeks[week] = amount
    return Limits(total=total, weeks=weeks)


@given(
    lines,
    st.floats(0, 600),
    st.dictionaries(st.integers(0, 12), st.floats(0, 40), max_size=4),
    st.floats(-2, 8),
)
def test_the_best_is_never_over_a_budget_and_never_less_than_nothing(
    some: list[tuple[float, float, float, bool, list[float]]],
    total: float,
    fixed: dict[int, float],
    at: float,
) -> None:
    now, mine = FIRST + at * WEEK, drawn(some)

    chosen = quarter_best.best(mine, [], SPRING, now=now, limits=limits(total, fixed))

    found = quarters.outlook(chosen, [], SPRING, now=now)
    assert found.total.cost <= total + 1e-6
    for week, amount in fixed.items():
        assert found.weeks[week].cost <= amount + 1e-6
    assert found.total.margin >= -1e-9
    for before, after in zip(mine, chosen, strict=True):
        assert after.lasts == pytest.approx(before.lasts, abs=timedelta(seconds=1))
        if not before.movable:
            assert after.starts_at == before.starts_at
            assert found.lines[after.key].cost <= before.money + 1e-6


def test_a_proposal_is_placed_where_demand_is_highest_and_not_where_another_is() -> (
    None
):
    demand = 1 + np.arange(13) / 20
    same: dict[str, Any] = {"demand": demand, "money": 200.0}
    pair = Shared(first="a", second="b", customers=5, first_loses=0, second_loses=90)

    [alone] = quarter_best.best(
        [line("a", **same)], [], SPRING, now=FIRST, limits=limits(1e6)
    )
    first, second = quarter_best.best(
        [line("a", **same), line("b", **same)],
        [pair],
        SPRING,
        now=FIRST,
        limits=limits(1e6),
    )

    assert alone.starts_at == FIRST + 9 * WEEK
    starts = sorted(one.starts_at for one in (first, second))
    assert starts == [FIRST + 5 * WEEK, FIRST + 9 * WEEK]


def test_a_small_budget_goes_to_whoever_brings_more_for_it() -> None:
    rich = line("rich", curve=curve((50, 200), (100, 220)))
    poor = line("poor", curve=curve((50, 60), (100, 90)))

    found = quarter_best.best([poor, rich], [], SPRING, now=FIRST, limits=limits(80))

    # 50 at 4, then 30 at 1.2; the rest of either brings less.
    assert {one.key: round(one.money) for one in found} == {"rich": 50, "poor": 30}


def concave(slopes: np.ndarray) -> list[tuple[float, float]]:
    gains = 25 * np.cumsum(np.sort(slopes)[::-1])
    return [(25.0 * (n + 1), float(gain)) for n, gain in enumerate(gains)]


def exact(runs: dict[str, quarters.Run], within: Limits) -> float:
    """Return what the best amounts bring, by HiGHS."""
    import highspy

    pieces = [
        (one, slope, length)
        for one in runs.values()
        if one.line.curve
        for slope, length in quarter_best._slopes(one.line.curve)
    ]
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    for one, slope, length in pieces:
        solver.addVar(0, length)
        solver.changeColCost(solver.getNumCol() - 1, -slope * float(one.within.sum()))
    rows = [(within.total, [float(one.within.sum()) for one, *_ in pieces])]
    rows += [
        (float(amount), [float(one.within[week]) for one, *_ in pieces])
        for week, amount in enumerate(within.weeks)
        if np.isfinite(amount)
    ]
    for one in runs.values():
        if not one.line.movable:
            mine = [float(other is one) for other, *_ in pieces]
            rows.append((one.line.money / one.whole, mine))
    for most, row in rows:
        columns = [n for n, value in enumerate(row) if value]
        solver.addRow(
            -highspy.kHighsInf, most, len(columns), columns, [row[n] for n in columns]
        )
    solver.run()
    return -float(solver.getInfo().objective_function_value)


def test_amounts_are_the_optimum_without_fixed_weeks_and_near_it_with_some() -> None:
    rng = np.random.default_rng(5)
    free: list[float] = []
    with_weeks: list[float] = []
    for _ in range(60):
        mine = [
            line(
                str(n),
                float(rng.uniform(-2, 10)),
                float(rng.uniform(1, 6)),
                money=float(rng.uniform(20, 100)),
                movable=bool(rng.random() < 0.7),
                demand=rng.uniform(0.5, 1.5, 13),
                curve=curve(*concave(rng.uniform(0, 2, 4))),
            )
            for n in range(6)
        ]
        runs = {one.key: quarters.run(one, SPRING, now=FIRST) for one in mine}
        runs = {key: one for key, one in runs.items() if one.within.any()}
        fixed = {int(w): float(rng.uniform(0, 60)) for w in rng.integers(0, 13, 3)}
        for held, shares in ((limits(300), free), (limits(300, fixed), with_weeks)):
            given_ = quarter_best.fill(runs, held, steps=quarter_best.STEPS)
            got = sum(
                float(one.within.sum() * np.interp(given_[key], c.cost, c.mean))
                for key, one in runs.items()
                if (c := one.line.curve)
            )
            shares.append(got / exact(runs, held))

    assert np.median(free) > 0.9999
    assert min(free) > 0.99
    assert max(with_weeks) < 1.0001
    assert float(np.mean(with_weeks)) > 0.998
    assert min(with_weeks) > 0.95


def test_a_moment_within_a_week_counts_what_is_left_of_it() -> None:
    now = FIRST + timedelta(days=3.5)
    running = line(start=-1, weeks=2, movable=False, money=30.0)

    found = quarters.outlook([running], [], SPRING, now=now)

    assert found.weeks[0].cost == pytest.approx(30)
    assert found.total.cost == pytest.approx(30)
    assert datetime(2026, 3, 30, tzinfo=UTC) == FIRST
