from dataclasses import replace

import numpy as np
import pytest

from ml import segments
from ml.segments import SEGMENTS, Standing

CUTS = {
    "recency": [-90.0, -30.0, -14.0, -7.0],
    "orders": [4.0, 12.0, 24.0, 52.0],
    "spend": [100.0, 300.0, 600.0, 1000.0],
}
PLAIN = Standing(
    since_first=np.array([300.0]),
    late=np.array([0.5]),
    no_order=np.array([0.05]),
    spend=np.array([200.0]),
    orders=np.array([10.0]),
    deal_index=np.array([1.0]),
)


def name(before: str | None = None, /, **values: float) -> str:
    who = replace(PLAIN, **{k: np.array([v]) for k, v in values.items()})
    place = None if before is None else np.array([SEGMENTS.index(before)], np.int8)
    return SEGMENTS[segments.assign(who, CUTS, place)[0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "occasional"),
        ({"since_first": 5.0, "spend": 5000.0}, "new"),
        ({"no_order": 0.9, "late": 9.0, "spend": 5000.0}, "lost"),
        ({"late": 4.5, "spend": 5000.0}, "slipping"),
        ({"spend": 1000.0, "deal_index": 2.0}, "big_spender"),
        ({"deal_index": 1.2, "orders": 60.0}, "deal_seeker"),
        ({"orders": 30.0}, "loyal"),
    ],
)
def test_the_first_rule_that_fits_wins(values: dict[str, float], expected: str) -> None:
    assert name(**values) == expected


def test_nobody_flickers_at_an_edge() -> None:
    assert name(spend=999.0) == "occasional"
    assert name("big_spender", spend=999.0) == "big_spender"
    assert name("big_spender", spend=890.0) == "occasional"
    assert name("loyal", spend=999.0) == "occasional"


def test_assigning_again_changes_nobody() -> None:
    chance = np.random.default_rng(3)
    count = 5000
    who = Standing(
        since_first=chance.uniform(0, 400, count),
        late=chance.exponential(1.5, count),
        no_order=chance.random(count),
        spend=chance.uniform(0, 1500, count),
        orders=chance.uniform(0, 60, count),
        deal_index=chance.uniform(0.6, 1.4, count),
    )
    before = chance.integers(-1, len(SEGMENTS), count).astype(np.int8)

    first = segments.assign(who, CUTS, before)

    assert np.array_equal(segments.assign(who, CUTS, first), first)
    assert len(np.unique(first)) == 7


def test_cut_points_stay_until_the_customers_have_moved() -> None:
    values = np.random.default_rng(1).exponential(100.0, 5000)
    cuts = segments.cut_points(values)

    assert segments.cut_points(values * 1.1, cuts) == cuts
    assert segments.cut_points(values * 2.0, cuts) != cuts
    assert np.bincount(segments.bands(values, cuts))[1:].tolist() == [1000] * 5
