import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import off_policy
from analytics.off_policy import Draft, Floats, Log, Malformed

OPEN_BANDIT = Path(__file__).parent / "fixtures" / "open_bandit.json"
ROWS, ACTIONS = 1000, 6


def test_the_published_ratio_of_the_open_bandit_data_is_met_to_six_digits() -> None:
    """obp's README: 1.198126, of BernoulliTS over the random policy."""
    told = json.loads(OPEN_BANDIT.read_text())
    item, position = np.array(told["clicked"]).T
    clicks, rows = len(item), told["rows"]
    shown = np.zeros(rows, np.int64)  # of rows without a click it does not matter
    shown[:clicks] = item
    reward = (np.arange(rows) < clicks).astype(float)
    log = Log(action=shown, reward=reward, propensity=np.full(rows, told["propensity"]))
    places = np.zeros(rows, np.int64)
    places[:clicks] = position

    policy = thompson(told["alpha"], told["beta"])[places]
    estimate = off_policy.ips(Draft(log=log, policy=policy))

    assert estimate.value / reward.mean() == pytest.approx(1.198126, abs=5e-7)


def thompson(alpha: list[int], beta: list[int]) -> Floats:
    """Each place's chance of each item, [3, items], in 100,000 draws as obp's."""
    chance = np.random.RandomState(12345)
    count = np.zeros((3, len(alpha)))
    for _ in range(100):
        draws = chance.beta(alpha, beta, size=(1000, len(alpha)))
        best = draws.argsort(axis=1)[:, ::-1][:, :3]
        for place in range(3):
            count[place] += np.bincount(best[:, place], minlength=len(alpha))
    return count / 100_000


def small(model: bool = True) -> Draft:
    """Three rows, two actions: all can be worked out by hand."""
    log = Log(
        action=np.array([0, 1, 0]),
        reward=np.array([1.0, 2.0, 0.0]),
        propensity=np.array([0.5, 0.25, 0.8]),
    )
    policy = np.array([[1.0, 0.0], [0.5, 0.5], [0.4, 0.6]])
    foretold = np.array([[0.5, 1.0], [1.0, 1.0], [0.5, 2.0]])
    return Draft(log=log, policy=policy, model=foretold if model else None)


def test_estimates_are_those_of_the_hand() -> None:
    """w = 2, 2, ½; the model foretells ½, 1, 1.4; residuals ½, 1, −½."""
    draft = small()

    assert off_policy.ips(draft).value == pytest.approx(6 / 3)
    assert off_policy.snips(draft).value == pytest.approx(6 / 4.5)
    assert off_policy.dm(draft).value == pytest.approx(2.9 / 3)
    assert off_policy.dr(draft).value == pytest.approx((2.9 + 1 + 2 - 0.25) / 3)
    assert off_policy.sndr(draft).value == pytest.approx(2.9 / 3 + 2.75 / 4.5)
    assert off_policy.switch_dr(draft, most=1).value == pytest.approx(2.65 / 3)
    # λ = 2: w becomes 4/6, 4/6 and 1/2.25
    shrunk = (2.9 + 1 / 3 + 2 / 3 - 0.5 / 2.25) / 3
    assert off_policy.dr_os(draft, shrinkage=2).value == pytest.approx(shrunk)
    assert draft.effective == pytest.approx(4.5**2 / 8.25)


def test_errors_are_those_of_the_hand() -> None:
    """IPS has the parts 2, 4, 0: a standard deviation of 2 over √3."""
    estimate = off_policy.ips(small())

    assert estimate.error == pytest.approx(2 / 3**0.5)
    assert estimate.high - estimate.value == pytest.approx(1.959964 * 2 / 3**0.5)
    assert estimate.low == pytest.approx(4 - estimate.high)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_policy_that_ran_is_estimated_by_the_mean_reward(seed: int) -> None:
    draft, _ = bandit(seed, rows=50, drawn_by_itself=True)

    mean = pytest.approx(draft.log.reward.mean())
    assert off_policy.ips(draft).value == mean
    assert off_policy.snips(draft).value == mean


def test_the_switch_and_shrinkage_have_their_ends() -> None:
    draft, _ = bandit(5)

    whole = off_policy.dr(draft)
    assert off_policy.switch_dr(draft, most=np.inf) == whole
    assert off_policy.dr_os(draft, shrinkage=np.inf) == whole
    assert off_policy.switch_dr(draft, most=0).value == pytest.approx(
        off_policy.dm(draft).value
    )
    assert off_policy.dr_os(draft, shrinkage=0).value == pytest.approx(
        off_policy.dm(draft).value
    )


def test_the_doubly_robust_interval_holds_the_truth_in_19_of_20_logs() -> None:
    held = 0
    for seed in range(200):
        draft, truth = bandit(seed)
        estimate = off_policy.dr(draft)
        held += estimate.low <= truth <= estimate.high

    assert 186 <= held <= 194


def test_doubly_robust_is_nearer_than_the_model_and_the_weights_alone() -> None:
    found = {"ips": 0.0, "dm": 0.0, "dr": 0.0}
    for seed in range(50):
        draft, truth = bandit(seed)
        for name in found:
            away = getattr(off_policy, name)(draft).value - truth
            found[name] += float(away**2)

    assert found["dr"] < found["ips"]
    assert found["dr"] < found["dm"]


def test_a_tuned_switch_is_no_worse_than_its_worst_end() -> None:
    grid = (0.5, 1.0, 2.0, 5.0, 20.0, np.inf)
    away = {"tuned": 0.0, "all": 0.0, "none": 0.0}
    for seed in range(30):
        draft, truth = bandit(seed)
        most = off_policy.tuned(draft, off_policy.switched, grid)
        for name, value in (("tuned", most), ("all", np.inf), ("none", 0.0)):
            found = off_policy.switch_dr(draft, most=value).value
            away[name] += float((found - truth) ** 2)

    assert away["tuned"] < max(away["all"], away["none"])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"propensity": [0.5, 0.0, 0.5]}, "above 0"),
        ({"propensity": [0.5, 1.1, 0.5]}, "at most 1"),
        ({"reward": [1.0]}, "one length"),
        ({"action": [0, 1, 2]}, "does not know"),
        ({"policy": [[0.5, 0.6]] * 3}, "add up to 1"),
        ({"policy": [[1.0, 0.0]]}, "of the log"),
        ({"model": [[1.0]] * 3}, "shape"),
    ],
)
def test_what_is_no_log_or_policy_is_refused(
    changes: dict[str, list[float]], said: str
) -> None:
    whole = {
        "action": [0, 1, 0],
        "reward": [1.0, 0.0, 1.0],
        "propensity": [0.5] * 3,
        "policy": [[0.5, 0.5]] * 3,
        "model": [[0.0, 0.0]] * 3,
    }
    told = {name: np.array(value) for name, value in (whole | changes).items()}

    with pytest.raises(Malformed, match=said):
        Draft(
            log=Log(
                action=told["action"].astype(int),
                reward=told["reward"],
                propensity=told["propensity"],
            ),
            policy=told["policy"],
            model=told["model"],
        )


def test_without_a_model_only_weights_can_estimate() -> None:
    draft = small(model=False)

    assert off_policy.ips(draft).value == pytest.approx(2)
    with pytest.raises(Malformed, match="model"):
        off_policy.dr(draft)


def test_a_draft_that_never_does_what_was_done_is_refused() -> None:
    log = Log(action=np.array([0]), reward=np.ones(1), propensity=np.ones(1))

    with pytest.raises(Malformed, match="never"):
        off_policy.snips(Draft(log=log, policy=np.array([[0.0, 1.0]])))


def bandit(
    seed: int, *, rows: int = ROWS, drawn_by_itself: bool = False
) -> tuple[Draft, float]:
    """A log of one softmax policy, another as the draft, and its true value.

    The model is wrong: it knows 60 % of what the actions are worth.
    """
    taste, habit = np.random.default_rng(99).normal(size=(2, 3, ACTIONS))
    chance = np.random.default_rng(seed)
    x = chance.normal(size=(rows, 3))
    worth = 1 / (1 + np.exp(-(x @ taste) + 1))
    logged = softmax(x @ habit * 0.5)
    policy = logged if drawn_by_itself else softmax(x @ taste * 0.7)
    drawn = (logged.cumsum(axis=1) < chance.random((rows, 1))).sum(axis=1)
    action = drawn.clip(max=ACTIONS - 1)
    at = np.arange(rows), action
    log = Log(
        action=action,
        reward=(chance.random(rows) < worth[at]).astype(float),
        propensity=logged[at],
    )
    return Draft(log=log, policy=policy, model=0.6 * worth), truth()


@cache
def truth() -> float:
    taste, _ = np.random.default_rng(99).normal(size=(2, 3, ACTIONS))
    x = np.random.default_rng(7).normal(size=(200_000, 3))
    worth = 1 / (1 + np.exp(-(x @ taste) + 1))
    return float((softmax(x @ taste * 0.7) * worth).sum(axis=1).mean())


def softmax(score: Floats) -> Floats:
    shifted = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
