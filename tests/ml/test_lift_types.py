"""Types that no trait shows are found; who buys more of everything has not answered."""

from dataclasses import replace

import numpy as np
import pytest

from ml import lift_fits
from ml.lift_rows import Group
from ml.lifts import Who
from tests.ml.lots import (
    PRIOR,
    arms,
    by_segment,
    crowd,
    lift,
    nothing,
    spread,
    watched,
    what,
    who,
)


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
