"""The response is learnt from lots: planted effects are found, noise is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import lift_fits, lifts
from ml.lift_rows import Group
from ml.lifts import Floats, Posterior, Prior, What, Who

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
    made: list[Group] = []
    count = 0
    for scope in ("TEA", "WINE"):
        for depth, share in ((0.05, 0.3), (0.10, 0.3), (0.15, 0.3), (None, 0.1)):
            some, offer = who(rng, int(size * share)), what(depth or 0.1, scope)
            b = truth(some, offer) if depth else 0.0
            bought, weeks = watched(rng, some.p0, off + b)
            made.append(
                Group(
                    who=some,
                    what=offer,
                    treated=depth is not None,
                    weeks=weeks,
                    bought=bought,
                    person=count + np.arange(len(bought)),
                    elsewhere=nothing(len(bought)),
                )
            )
            count += len(bought)
    return made


def nothing(size: int) -> tuple[Floats, Floats]:
    """Return what says nothing of purchases elsewhere."""
    return np.zeros(size), np.zeros(size)


def watched(
    rng: np.random.Generator, p0: Floats, b: Floats | float
) -> tuple[Floats, Floats]:
    """Draw each week anew, until somebody buys or a horizon is over."""
    w = lifts.expit(lifts.logit(lifts.weekly(p0)) + b)
    took = rng.geometric(w)
    return (took <= lifts.WEEKS).astype(float), np.minimum(took, lifts.WEEKS)


def by_segment(**levels: float) -> Truth:
    return lambda some, _: np.array([levels[name] for name in some.segment])


def one(segment: str) -> Who:
    return Who(p0=np.array([0.2]), segment=[segment], traits=np.zeros((1, 2)))


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


@pytest.mark.parametrize("seed", range(3))
def test_types_that_no_trait_shows_are_found_and_who_is_of_which(seed: int) -> None:
    """A quarter is driven away; half is moved, the more the deeper; others hardly."""
    rng, people = np.random.default_rng(seed), 500
    hidden = rng.permutation(np.repeat([0, 1, 2], [125, 250, 125]))
    level, slope = np.array([-1.2, 0.1, 0.1]), np.array([0.0, 1.2, 0.1])
    eager = np.exp(rng.normal(0, 0.4, people))  # buy more of all than is expected
    groups = []
    for _ in range(12):
        p0, deep = rng.beta(2, 5, people), rng.choice([0.5, 1.0, 2.0])
        treated = rng.random(people) < 0.9
        b = treated * (level[hidden] + deep * slope[hidden])
        some = who(rng, people)
        for taken in (True, False):
            rows = np.flatnonzero(treated == taken)
            bought, weeks = watched(rng, p0[rows], b[rows])
            expected = rng.uniform(1, 8, len(rows))
            found = rng.poisson(1.2 * expected * eager[rows]).astype(float)
            groups.append(
                Group(
                    who=replace(some[rows], p0=p0[rows]),
                    what=what(0.1 * deep),
                    treated=taken,
                    weeks=weeks,
                    bought=bought,
                    person=rows,
                    elsewhere=(found, expected),
                )
            )

    taught = lift_fits.taught(groups, PRIOR)

    known = taught.posterior
    assert len(known.types.share) > 1
    everybody = Who(
        p0=np.full(people, 0.2),
        segment=["loyal"] * people,
        traits=np.zeros((people, 2)),
        types=taught.types,
    )
    mild, deep_ = (lift(known, everybody, what(d)) for d in (0.1, 0.2))
    assert mild[hidden == 0].mean() < -0.2
    assert abs(mild[hidden == 2].mean()) < 0.4
    assert mild[hidden == 1].mean() > 0.8
    assert (deep_ - mild)[hidden == 1].mean() > 0.7
    assert (deep_ - mild)[hidden == 0].mean() < 0.4
    assert abs(np.corrcoef(mild, np.log(eager))[0, 1]) < 0.2
    of_two = (mild[hidden == 1][:, None] > mild[hidden == 0][None]).mean()
    assert of_two > 0.95


@pytest.mark.parametrize("seed", range(3))
def test_where_all_answer_alike_there_is_one_type(seed: int) -> None:
    found = lift_fits.taught(
        arms(by_segment(deal_seeker=0.3, loyal=0.3, lost=0.3), size=3000, seed=seed),
        PRIOR,
    )

    assert found.posterior.types.share == pytest.approx([1.0])
    assert found.types.shape[1] == 1


@pytest.mark.parametrize("seed", range(3))
def test_who_buys_more_of_everything_has_not_answered_an_offer(seed: int) -> None:
    rng, people = np.random.default_rng(seed), 600
    eager = np.exp(rng.normal(0, 0.5, people))
    groups = [
        crowd(rng, people, b=np.log(eager) + 0.3, elsewhere=eager) for _ in range(10)
    ]

    told = lift_fits.taught(groups, PRIOR)
    untold = lift_fits.taught(
        [replace(one, elsewhere=nothing(people)) for one in groups], PRIOR
    )

    assert spread(told, people) < 0.6 * spread(untold, people)


def test_what_addressing_does_elsewhere_is_learnt_from_who_is_never_addressed() -> None:
    rng, people = np.random.default_rng(1), 4000
    groups = [
        crowd(rng, people, b=0.3, elsewhere=np.exp(-0.2)),
        crowd(rng, people, b=0.0, treated=False, first=people),
    ]

    found = lift_fits.learn(groups, PRIOR)
    blind = lift_fits.learn(
        [replace(one, elsewhere=nothing(people)) for one in groups], PRIOR
    )

    assert found.address == pytest.approx(-0.2, abs=0.03)
    assert blind.address == 0


@pytest.mark.parametrize("seed", range(4))
def test_few_who_are_never_addressed_prove_nothing_by_their_own_habits(
    seed: int,
) -> None:
    """They differ by 40 % from each other, in all of their many rows."""
    rng = np.random.default_rng(seed)
    groups = []
    for treated, people in ((True, 500), (False, 25)):
        eager = np.exp(rng.normal(0, 0.4, people))
        first, b = (0, 0.3) if treated else (500, 0.0)
        groups += [
            crowd(rng, people, b=b, elsewhere=eager, treated=treated, first=first)
            for _ in range(12)
        ]

    assert abs(lift_fits.learn(groups, PRIOR).address) < 0.06


def crowd(
    rng: np.random.Generator,
    people: int,
    *,
    b: Floats | float,
    elsewhere: Floats | float = 1.0,
    treated: bool = True,
    first: int = 0,
) -> Group:
    """Draw customers, numbered from `first`; elsewhere they buy so much of what was
    expected."""
    p0, expected = rng.beta(2, 5, people), rng.uniform(1, 8, people)
    bought, weeks = watched(rng, p0, b)
    return Group(
        who=replace(who(rng, people), p0=p0),
        what=what(),
        treated=treated,
        weeks=weeks,
        bought=bought,
        person=first + np.arange(people),
        elsewhere=(rng.poisson(expected * elsewhere).astype(float), expected),
    )


def spread(found: lift_fits.Taught, people: int) -> float:
    """Return how far customers' believed answers differ."""
    everybody = Who(
        p0=np.full(people, 0.2),
        segment=["loyal"] * people,
        traits=np.zeros((people, 2)),
        types=found.types,
    )
    return float(lift(found.posterior, everybody, what()).std())


def lift(found: Posterior, some: Who, offer: What) -> Floats:
    """Return each customer's expected b."""
    theta = np.concatenate([found.mean, [0.0, 0.0]])[None]
    mean = found.drawn(some, offer, theta)[0]
    return np.asarray(mean + found.weights(some) @ found.shifts(offer))
