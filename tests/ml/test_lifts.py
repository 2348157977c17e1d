"""The response is learnt from lots: planted effects are found, noise is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import lift_fits, lifts
from ml.lifts import Prior, Who
from tests.ml.lots import PRIOR, SEGMENTS, arms, by_segment, lift, one, what, who


def test_before_any_lot_the_prior_is_believed_with_its_doubt() -> None:
    found = lift_fits.untaught(PRIOR)
    some = Who(p0=np.array([0.2]), segment=["loyal"], traits=np.zeros((1, 0)))

    drawn = found.drawn(some, what(), found.sample(4000, seed=1))

    assert lift(found, some, what()) == pytest.approx([0.4])
    assert lift(found, some, what(0.05)) == pytest.approx([0.4 * 0.7])
    assert found.basis == "assumed"
    # A category of which nothing was seen has a doubt of its own.
    own = 2 * lifts.BLOCKS["scope"] ** 2
    assert drawn.std() == pytest.approx((0.3**2 + own) ** 0.5, rel=0.05)


def test_planted_differences_between_segments_are_found() -> None:
    truth = by_segment(deal_seeker=1.2, loyal=0.0, lost=-0.6)

    found = lift_fits.learn(arms(truth, size=4000, seed=1), PRIOR)

    learnt = {name: lift(found, one(name), what())[0] for name in SEGMENTS}
    assert learnt["deal_seeker"] == pytest.approx(1.2, abs=0.3)
    assert learnt["loyal"] == pytest.approx(0.0, abs=0.3)
    assert learnt["lost"] == pytest.approx(-0.6, abs=0.3)
    assert (found.basis, found.seen) == ("randomised", 8000)


def test_a_slope_in_the_discount_is_found() -> None:
    steep = lift_fits.learn(
        arms(lambda some, w: np.full(len(some.p0), 8 * w.depth), size=6000, seed=2),
        PRIOR,
    )

    less, more = (lift(steep, one("loyal"), what(d))[0] for d in (0.05, 0.15))
    assert more - less == pytest.approx(0.8, abs=0.3)


def test_where_all_answer_alike_no_differences_are_believed() -> None:
    found = lift_fits.learn(
        arms(lambda some, _: np.full(len(some.p0), 0.3), size=4000, seed=3), PRIOR
    )

    learnt = [lift(found, one(name), what())[0] for name in SEGMENTS]
    assert max(learnt) - min(learnt) < 0.25


def test_what_chances_get_wrong_for_all_is_not_taken_for_an_effect() -> None:
    found = lift_fits.learn(
        arms(lambda some, _: np.zeros(len(some.p0)), size=8000, seed=4, off=0.4), PRIOR
    )

    assert lift(found, one("loyal"), what())[0] == pytest.approx(0.0, abs=0.2)


def test_intervals_cover_what_was_planted_as_often_as_they_say() -> None:
    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = by_segment(**dict(zip(SEGMENTS, rng.normal(0.4, 0.4, 3), strict=True)))
        found = lift_fits.learn(arms(truth, size=1500, seed=seed), PRIOR)
        some = who(rng, 60)
        drawn = found.drawn(some, what(), found.sample(200, seed=seed))
        low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
        real = truth(some, what())
        covered.append(((low < real) & (real < high)).mean())

    assert 0.7 < np.mean(covered) < 0.92


def test_categories_lean_as_their_prices_suggest_until_lots_say_otherwise() -> None:
    leaning = Prior(
        lift=0.4, error=0.3, depth=0.1, basis="observational", leaning={"WINE": 0.2}
    )
    found = lift_fits.untaught(leaning)
    some = Who(p0=np.array([0.2]), segment=[""], traits=np.zeros((1, 0)))

    tea, wine = (lift(found, some, what(scope=scope))[0] for scope in ("TEA", "WINE"))

    assert wine - tea == pytest.approx(0.2)


@settings(deadline=None)
@given(st.integers(0, 50), st.floats(0.01, 0.5))
def test_draws_agree_with_the_expectation(seed: int, depth: float) -> None:
    found = lift_fits.learn(
        arms(by_segment(deal_seeker=1, loyal=0, lost=0), size=80, seed=seed), PRIOR
    )
    some = who(np.random.default_rng(seed), 5)
    offer = what(depth)

    drawn = found.drawn(some, offer, found.sample(3000, seed=seed))

    spread = drawn.std(axis=0) / 3000**0.5
    assert (
        np.abs(drawn.mean(axis=0) - lift(found, some, offer)) < 6 * spread + 1e-9
    ).all()
