"""The best of a quarter's plan: within its budgets, and as good as can be."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions import quarter_best, quarters
from promotions.quarter_best import Limits
from promotions.quarter_weeks import WEEK
from promotions.quarters import Shared
from tests.promotions.quarter_lines import FIRST, SPRING, curve, drawn, line, lines


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
