"""The response is learnt from lots: planted effects are found, noise is not."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import lifts
from ml.lifts import Floats, Group, Prior, What, Who

PRIOR = Prior(lift=0.4, error=0.3, depth=0.1, basis="assumed", leaning={})
SEGMENTS = ("deal_seeker", "loyal", "lost")
Truth = Callable[[Who, What], Floats]


def who(rng: np.random.Generator, size: int) -> Who:
    p0 = rng.beta(1.5, 6, size)
    traits = np.column_stack([lifts.logit(p0) / 2 + 1, rng.normal(size=size)])
    return Who(p0=p0, segment=rng.choice(SEGMENTS, size).tolist(), traits=traits)


def what(depth: float = 0.1, scope: str = "TEA") -> What:
    return What(kind="percentage", scope=[scope], depth=depth)


def arms(truth: Truth, *, size: int, seed: int, off: float = 0.0) -> list[Group]:
    """Draw a menu of three depths, and a holdout, for two categories."""
    rng = np.random.default_rng(seed)
    made = []
    for scope in ("TEA", "WINE"):
        for depth, share in ((0.05, 0.3), (0.10, 0.3), (0.15, 0.3), (None, 0.1)):
            some, offer = who(rng, int(size * share)), what(depth or 0.1, scope)
            b = truth(some, offer) if depth else 0.0
            p = 1 / (1 + np.exp(-(lifts.logit(some.p0) + off + b)))
            made.append(
                Group(
                    who=some,
                    what=offer,
                    treated=depth is not None,
                    chance=some.p0,
                    bought=rng.random(len(p)) < p,
                )
            )
    return made


def by_segment(**levels: float) -> Truth:
    return lambda some, _: np.array([levels[name] for name in some.segment])


def one(segment: str) -> Who:
    return Who(p0=np.array([0.2]), segment=[segment], traits=np.zeros((1, 2)))


def test_before_any_lot_the_prior_is_believed_with_its_doubt() -> None:
    found = lifts.untaught(PRIOR)
    some = Who(p0=np.array([0.2]), segment=["loyal"], traits=np.zeros((1, 0)))

    drawn = found.drawn(some, what(), found.sample(4000, seed=1))

    assert found.lift(some, what()) == pytest.approx([0.4])
    assert found.lift(some, what(0.05)) == pytest.approx([0.4 * 0.7])
    assert found.basis == "assumed"
    # A category of which nothing was seen has a doubt of its own.
    own = 2 * lifts.BLOCKS["scope"] ** 2
    assert drawn.std() == pytest.approx((0.3**2 + own) ** 0.5, rel=0.05)


def test_planted_differences_between_segments_are_found() -> None:
    truth = by_segment(deal_seeker=1.2, loyal=0.0, lost=-0.6)

    found = lifts.learn(arms(truth, size=4000, seed=1), PRIOR)

    learnt = {name: found.lift(one(name), what())[0] for name in SEGMENTS}
    assert learnt["deal_seeker"] == pytest.approx(1.2, abs=0.3)
    assert learnt["loyal"] == pytest.approx(0.0, abs=0.3)
    assert learnt["lost"] == pytest.approx(-0.6, abs=0.3)
    assert (found.basis, found.seen) == ("randomised", 8000)


def test_a_slope_in_the_discount_is_found() -> None:
    steep = lifts.learn(
        arms(lambda some, w: np.full(len(some.p0), 8 * w.depth), size=6000, seed=2),
        PRIOR,
    )

    less, more = (steep.lift(one("loyal"), what(d))[0] for d in (0.05, 0.15))
    assert more - less == pytest.approx(0.8, abs=0.3)


def test_where_all_answer_alike_no_differences_are_believed() -> None:
    found = lifts.learn(
        arms(lambda some, _: np.full(len(some.p0), 0.3), size=4000, seed=3), PRIOR
    )

    learnt = [found.lift(one(name), what())[0] for name in SEGMENTS]
    assert max(learnt) - min(learnt) < 0.25


def test_what_chances_get_wrong_for_all_is_not_taken_for_an_effect() -> None:
    found = lifts.learn(
        arms(lambda some, _: np.zeros(len(some.p0)), size=8000, seed=4, off=0.4), PRIOR
    )

    assert found.lift(one("loyal"), what())[0] == pytest.approx(0.0, abs=0.2)


def test_intervals_cover_what_was_planted_as_often_as_they_say() -> None:
    covered = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = by_segment(**dict(zip(SEGMENTS, rng.normal(0.4, 0.4, 3), strict=True)))
        found = lifts.learn(arms(truth, size=1500, seed=seed), PRIOR)
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
    found = lifts.untaught(leaning)
    some = Who(p0=np.array([0.2]), segment=[""], traits=np.zeros((1, 0)))

    tea, wine = (found.lift(some, what(scope=scope))[0] for scope in ("TEA", "WINE"))

    assert wine - tea == pytest.approx(0.2)


@given(st.integers(0, 50), st.floats(0.01, 0.5))
def test_draws_agree_with_the_expectation(seed: int, depth: float) -> None:
    found = lifts.learn(
        arms(by_segment(deal_seeker=1, loyal=0, lost=0), size=80, seed=seed), PRIOR
    )
    some = who(np.random.default_rng(seed), 5)
    offer = what(depth)

    drawn = found.drawn(some, offer, found.sample(3000, seed=seed))

    spread = drawn.std(axis=0) / 3000**0.5
    assert (
        np.abs(drawn.mean(axis=0) - found.lift(some, offer)) < 6 * spread + 1e-9
    ).all()


def test_who_is_driven_away_shows_in_their_own_answers() -> None:
    """Nothing that is known tells the two kinds apart but what they did before."""
    rng, people = np.random.default_rng(5), 600
    hidden = np.where(np.arange(people) < 150, -1.2, 0.8)

    def offered(own: Floats | None, *, treated: bool = True) -> Group:
        rows = rng.permutation(people)[: people // 2]
        p0 = rng.beta(2, 6, len(rows))
        some = Who(
            p0=p0,
            segment=["loyal"] * len(rows),
            traits=rng.normal(size=(len(rows), 2)),
            own=np.zeros(len(rows)) if own is None else own[rows],
        )
        p = 1 / (1 + np.exp(-(lifts.logit(p0) + hidden[rows] * treated)))
        persons.append(rows)
        return Group(
            who=some,
            what=what(),
            treated=treated,
            chance=p0,
            bought=rng.random(len(rows)) < p,
        )

    persons: list[np.ndarray] = []
    first = [offered(None, treated=n % 10 > 0) for n in range(30)]
    found = lifts.taught(first, PRIOR)
    rows = [n for n in range(30) if first[n].treated]
    own = lifts.answers(
        np.concatenate([first[n].bought for n in rows]),
        np.concatenate([found.expected[n] for n in rows]),
        np.concatenate([persons[n] for n in rows]),
    )
    again = [*first, *(offered(own, treated=n % 10 > 0) for n in range(20))]
    learnt = lifts.learn(again, PRIOR)

    everybody = Who(
        p0=np.full(people, 0.2),
        segment=["loyal"] * people,
        traits=np.zeros((people, 2)),
        own=own,
    )
    b = learnt.lift(everybody, what())
    assert b[:150].mean() < -0.1
    assert b[150:].mean() > 0.4
    assert (b[:150] < 0).mean() > 0.7
    assert (b[150:] > 0).mean() > 0.8


def test_where_all_answer_alike_own_answers_are_luck_and_count_for_little() -> None:
    rng = np.random.default_rng(6)
    bought, expected = rng.random(4000) < 0.2, np.full(4000, 0.2)

    own = lifts.answers(bought, expected, np.arange(4000) % 400)

    assert abs(own.mean()) < 0.05
    assert own.std() < 0.4
