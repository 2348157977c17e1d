"""Lines of a quarter's plan whose curves are drawn by hand or by lot."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Curve, Line

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
