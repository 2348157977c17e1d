"""Promotions and undercutting, read from histories of prices."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import episodes
from catalog.episodes import LONGEST, Step

AT = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def steps(*told: tuple[int, str] | tuple[int, str, str]) -> list[Step]:
    return [
        Step(
            at=AT + one[0] * DAY,
            price=D(one[1]),
            shelf=D(one[2]) if len(one) == 3 else None,
        )
        for one in told
    ]


def days(history: list[Step], at: int) -> list[tuple[int, int | None, str, float]]:
    """Return promotions as (first day, end, usual price, depth)."""
    return [
        (
            (one.start - AT).days,
            None if one.end is None else (one.end - AT).days,
            str(one.usual),
            round(one.depth, 3),
        )
        for one in episodes.promotions(history, at=AT + at * DAY)
    ]


@pytest.mark.parametrize(
    ("history", "at", "found"),
    [
        ([(0, "10"), (20, "8"), (27, "10")], 60, [(20, 27, "10", 0.2)]),
        ([(0, "10"), (20, "8")], 30, [(20, None, "10", 0.2)]),
        ([(0, "10"), (20, "8")], 63, []),  # it stayed: a new price
        ([(0, "10"), (20, "8"), (25, "7"), (30, "10.50")], 60, [(20, 30, "10", 0.3)]),
        ([(0, "10"), (20, "8"), (27, "9.60")], 60, [(20, 27, "10", 0.2)]),
        ([(0, "10"), (20, "9.60"), (27, "10")], 60, []),  # too little
        ([(0, "10"), (3, "8"), (6, "10")], 60, []),  # nothing was usual yet
        ([(0, "8", "10")], 5, [(0, None, "10", 0.2)]),  # struck through
        ([(0, "8", "10"), (9, "10")], 20, [(0, 9, "10", 0.2)]),
        ([(0, "10"), (5, "12"), (30, "15")], 60, []),
        (
            [(0, "10"), (10, "8"), (60, "10"), (80, "8"), (90, "10")],
            99,
            [(80, 90, "10", 0.2)],
        ),
        (
            [(0, "10"), (20, "8"), (27, "10"), (40, "9"), (47, "10")],
            60,
            [(20, 27, "10", 0.2), (40, 47, "10", 0.1)],
        ),
        ([(0, "0"), (20, "0")], 30, []),
        ([], 10, []),
    ],
)
def test_a_promotion_is_a_drop_that_comes_back(
    history: list[tuple[int, str]], at: int, found: list[tuple[object, ...]]
) -> None:
    assert days(steps(*history), at) == found


PLANTED = st.lists(
    st.tuples(st.integers(8, 60), st.integers(1, 41), st.integers(6, 80)), max_size=5
)


@given(PLANTED, st.integers(200, 9999))
def test_what_was_planted_is_found_and_nothing_else(
    planted: list[tuple[int, int, int]], cents: int
) -> None:
    usual = D(cents) / 100
    history, at, wanted = [Step(at=AT, price=usual)], AT, []
    for before, long, off in planted:
        start = at + before * DAY
        at = start + long * DAY
        low = (usual * (100 - off) / 100).quantize(D("0.01"))
        history += [Step(at=start, price=low), Step(at=at, price=usual)]
        wanted.append((start, at, usual, low))

    found = episodes.promotions(history, at=at + 365 * DAY)

    assert [(one.start, one.end, one.usual, one.price) for one in found] == wanted


HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 300),
        st.decimals(0, 20, places=2),
        st.none() | st.decimals(0, 30, places=2),
    ),
    max_size=25,
    unique_by=lambda one: one[0],
).map(
    lambda rows: [
        Step(at=AT + day * DAY, price=price, shelf=shelf)
        for day, price, shelf in sorted(rows, key=lambda row: row[0])
    ]
)


@given(HISTORIES, st.integers(0, 400))
def test_promotions_are_apart_short_and_lower(history: list[Step], day: int) -> None:
    at = AT + day * DAY
    found = episodes.promotions(history, at=at)

    for one, after in pairwise(found):
        assert one.end is not None
        assert one.end <= after.start
    for one in found:
        assert 0 < episodes.LEAST <= one.depth + 1e-9 <= 1 + 1e-9
        assert (one.end or at) - one.start <= LONGEST
        assert one.start <= at


@given(HISTORIES, st.integers(0, 400), st.integers(0, 400))
def test_what_has_ended_stays_as_it_was_told(
    history: list[Step], day: int, later: int
) -> None:
    early = episodes.promotions(history, at=AT + min(day, later) * DAY)
    late = episodes.promotions(history, at=AT + max(day, later) * DAY)

    over = [one for one in early if one.end is not None]
    assert late[: len(over)] == over


@pytest.mark.parametrize(
    ("ours", "theirs", "since"),
    [
        ([(0, "10")], [(2, "9")], 2),
        ([(0, "10")], [(2, "10")], None),
        ([(0, "8"), (5, "10")], [(2, "9")], 5),
        ([(0, "10"), (5, "8"), (7, "10")], [(2, "9")], 7),
        ([(0, "10")], [(2, "9"), (4, "11"), (6, "9.50"), (8, "9")], 6),
        ([], [(2, "9")], None),
        ([(0, "10")], [(30, "9")], None),  # after the moment asked for
    ],
)
def test_undercutting_is_since_it_began_without_a_break(
    ours: list[tuple[int, str]], theirs: list[tuple[int, str]], since: int | None
) -> None:
    found = episodes.undercut_since(
        steps(*ours), steps(*theirs), at=AT + timedelta(days=20)
    )

    assert found == (None if since is None else AT + since * DAY)


def test_what_cannot_be_had_undercuts_nobody() -> None:
    gone = [Step(at=AT, price=D(9)), Step(at=AT + DAY, price=D(9), available=False)]

    assert episodes.undercut_since(steps((0, "10")), gone, at=AT) == AT
    assert episodes.undercut_since(steps((0, "10")), gone, at=AT + DAY) is None
