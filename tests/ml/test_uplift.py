import numpy as np
import pytest
from sklearn.base import clone

from ml.uplift import ClassTransformation, Learner, TooFew, coded
from ml.uplift_scores import robust_scores
from ml.uplift_selection import LEARNERS, NOBODY
from ml.uplift_shrunk import ShrunkSLearner
from tests.ml.trials import CATEGORIES, Trial, trial

pytestmark = pytest.mark.usefixtures("one_thread")
UNMOVED = {NOBODY, "response, logistic", "response, boosted"}
FINDERS = [name for name in LEARNERS if name not in UNMOVED]


def made(name: str, seed: int = 0) -> Learner:
    return LEARNERS[name](control="none", categories=CATEGORIES, seed=seed)


def fitted(name: str, drawn: Trial) -> Learner:
    return made(name).fit(drawn.x, drawn.y, drawn.treatment)


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.mark.parametrize("name", FINDERS)
def test_every_learner_finds_a_planted_effect(name: str) -> None:
    drawn = trial("line", rows=12_000)

    uplift = fitted(name, drawn).predict(drawn.x)

    assert uplift.shape == (12_000, 1)
    assert likeness(uplift, drawn.true) > 0.6


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_is_what_its_seed_makes_it(name: str) -> None:
    drawn = trial("line", rows=2000)

    learner = fitted(name, drawn)
    again = clone(learner).fit(drawn.x, drawn.y, drawn.treatment)

    assert np.array_equal(learner.predict(drawn.x), again.predict(drawn.x))


@pytest.mark.parametrize("name", FINDERS)
def test_each_arm_goes_to_whom_it_is_for(name: str) -> None:
    drawn = trial("arms", rows=12_000)

    learner = fitted(name, drawn)
    uplift = learner.predict(drawn.x)

    assert learner.arms_.tolist() == ["a", "b"]
    right = uplift.argmax(axis=1) == drawn.true.argmax(axis=1)
    assert right.mean() > 0.7


@pytest.mark.parametrize("name", LEARNERS)
def test_missing_numbers_and_levels_never_seen_are_foretold_too(name: str) -> None:
    drawn = trial("line", rows=3000)
    drawn.x[::3, 0] = np.nan
    drawn.x[::7, 4] = np.nan
    strange = drawn.x[:50].copy()
    strange[:, 4] = 99
    strange[:, 1] = np.nan  # never missing in training

    uplift = fitted(name, drawn).predict(strange)

    assert np.isfinite(uplift).all()


@pytest.mark.parametrize("name", ["S shrunk, bends", "T boosted", "DR linear"])
def test_a_spend_is_an_outcome_too(name: str) -> None:
    drawn = trial("line", rows=12_000, spend=True)

    uplift = fitted(name, drawn).predict(drawn.x)

    assert likeness(uplift, drawn.true) > 0.3
    assert np.mean(uplift) == pytest.approx(30 * drawn.true.mean(), abs=0.7)


def test_crossed_effects_are_found_by_pairs_and_not_by_a_line() -> None:
    drawn, fresh = trial("crossed", rows=12_000), trial("crossed", seed=1)

    line = fitted("S shrunk", drawn).predict(fresh.x)
    pairs = fitted("S shrunk, pairs", drawn).predict(fresh.x)

    assert likeness(pairs, fresh.true) > 0.7
    assert abs(likeness(line, fresh.true)) < 0.2


def test_a_common_shift_ranks_as_the_response_does() -> None:
    """Shrinkage finds that nothing but the common shift is there."""
    drawn = trial("common")

    shrunk = fitted("S shrunk", drawn).predict(drawn.x)
    response = fitted("response, logistic", drawn).predict(drawn.x)

    assert likeness(shrunk, response) > 0.95


def test_class_transformation_is_refused_at_a_low_base_rate() -> None:
    drawn = trial("line", rows=20_000, rate=0.02)
    learner = ClassTransformation(control="none", categories=CATEGORIES)

    with pytest.raises(TooFew, match="base rate"):
        learner.fit(drawn.x, drawn.y, drawn.treatment)


def test_class_transformation_is_refused_for_a_spend() -> None:
    drawn = trial("line", spend=True)

    with pytest.raises(TooFew, match="0 and 1"):
        fitted("class transformation", drawn)


def test_class_transformation_knows_of_unequal_shares() -> None:
    drawn = trial("line", rows=20_000)
    kept = (drawn.treatment == "a") | (np.arange(20_000) % 5 == 0)
    learner = ClassTransformation(control="none", categories=CATEGORIES)

    learner.fit(drawn.x[kept], drawn.y[kept], drawn.treatment[kept])

    mean = float(learner.predict(drawn.x).mean())
    assert mean == pytest.approx(drawn.true.mean(), abs=0.03)


@pytest.mark.parametrize("name", FINDERS)
def test_an_arm_with_hardly_an_outcome_is_refused_by_name(name: str) -> None:
    drawn = trial("line", rows=2000)
    drawn.y[drawn.treatment == "a"] = 0
    drawn.y[np.flatnonzero(drawn.treatment == "a")[:5]] = 1

    with pytest.raises(TooFew, match=r"arm a has 5 outcomes|base rate"):
        fitted(name, drawn)


def test_shrinkage_can_do_with_few_outcomes() -> None:
    drawn = trial("line", rows=3000, rate=0.01)

    uplift = ShrunkSLearner(control="none", categories=CATEGORIES, bends=True).fit(
        drawn.x, drawn.y, drawn.treatment
    )
    with pytest.raises(TooFew):
        fitted("T boosted", drawn)

    assert np.isfinite(uplift.predict(drawn.x)).all()


def test_a_trial_needs_its_control_and_one_arm_more() -> None:
    drawn = trial("line")

    with pytest.raises(ValueError, match="control 'zero'"):
        coded(drawn.treatment, "zero")
    with pytest.raises(ValueError, match="one arm"):
        coded(np.array(["none", "none"]), "none")


def test_codes_put_control_first_whatever_its_name() -> None:
    arms, codes = coded(np.array(["m", "b", "z", "m"]), "m")

    assert arms.tolist() == ["b", "z"]
    assert codes.tolist() == [0, 1, 2, 0]


def test_robust_scores_have_the_mean_effect_whatever_the_model_says() -> None:
    """With means of zero they are the difference of the arms' means."""
    chance = np.random.default_rng(0)
    y, arm = chance.random(300), np.arange(300) % 3

    scores = robust_scores(y, arm, np.zeros((300, 3)))

    expected = [y[arm == n].mean() - y[arm == 0].mean() for n in (1, 2)]
    assert scores.mean(axis=0) == pytest.approx(expected)
