"""What a rule is worth on rows drawn by known odds, against what it truly earns."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from analytics import off_policy
from analytics.off_policy import Log
from promotions import policies
from promotions.policies import Floats, Rows

LABELS = ("5%", "10%")


@dataclass
class World:
    """Rows drawn by known odds, and what any rule truly earns."""

    rows: Rows
    truth: Floats
    chance: Floats


def world(seed: int, *, size: int = 3000) -> World:
    """Two segments, three actions, one covariate; the second variant helps one."""
    rng = np.random.default_rng(seed)
    segment = rng.integers(2, size=size)
    x = rng.gamma(2.0, 5.0, size)
    effect = np.array([[0.0, 4.0, -2.0], [0.0, -2.0, 4.0]])
    truth = x[:, None] + effect[segment]
    odds = np.array([[0.2, 0.5, 0.3], [0.2, 0.3, 0.5]])[segment]
    action = (rng.uniform(size=size)[:, None] > odds.cumsum(axis=1)).sum(axis=1)
    picked = np.arange(size), action
    log = Log(
        action=action,
        reward=truth[picked] + rng.normal(0, 5, size),
        propensity=odds[picked],
    )
    known = np.column_stack([x, segment])
    rows = Rows(
        log=log,
        actions=["", *LABELS],
        segment=segment,
        segments=["loyal", "new"],
        model=policies.foretold(known, log, 3),
    )
    return World(rows=rows, truth=truth, chance=odds)


SPLIT: Mapping[str, Mapping[str, float]] = {"loyal": {"5%": 1.0}, "new": {"10%": 1.0}}


def test_a_variant_that_is_better_for_one_segment_is_found() -> None:
    covered = 0
    for seed in range(40):
        made = world(seed, size=1500)
        policy = policies.by_segment(made.rows, SPLIT)
        truth = float((policy * made.truth).sum(axis=1).mean())

        found = policies.valued(made.rows, policy, rule="asked")

        covered += found.estimates["dr"].low < truth < found.estimates["dr"].high
        assert found.over_nothing
        assert found.over_nothing.low > 2  # truly 4 for everybody
    assert covered >= 34


def test_the_split_beats_each_variant_for_all() -> None:
    rows = world(1).rows
    split = policies.valued(rows, policies.by_segment(rows, SPLIT), rule="asked")
    alone = [policies.valued(rows, policies.only(rows, v), rule="all") for v in (1, 2)]

    for one in alone:
        assert split.estimates["dr"].low > one.estimates["dr"].high - 1


def test_the_ridge_makes_intervals_narrower() -> None:
    rows = world(2).rows
    found = policies.valued(rows, policies.only(rows, 1), rule="variant").estimates

    width = {name: one.high - one.low for name, one in found.items()}
    assert width["dr"] < 0.7 * width["ips"]


def test_switch_dr_tells_no_interval_where_the_model_answers() -> None:
    left, held = 0, 0
    for seed in range(60):
        rng, size = np.random.default_rng(seed), 208
        x, action = rng.normal(size=(size, 6)), rng.integers(0, 4, size)
        effect = np.array([0.0, 4.0, 2.0, -3.0])
        reward = 46 + 12 * x[:, 0] + effect[action] + rng.normal(0, 33, size)
        log = Log(action=action, reward=reward, propensity=np.full(size, 0.25))
        rows = Rows(
            log=log,
            actions=["", *"abc"],
            segment=np.zeros(size, np.int64),
            segments=[""],
            model=policies.foretold(x, log, 4),
        )

        found = policies.valued(rows, policies.only(rows, 0), rule="nothing")

        assert found.switch_dr
        if found.switch_dr.ends is None:
            left += 1
        else:
            assert found.switch_dr.ends == found.estimates["dr"]
        held += found.estimates["dr"].low < 46 < found.estimates["dr"].high
    assert left > 30
    assert held >= 52


def test_switch_dr_has_an_interval_where_no_row_is_left_to_the_model() -> None:
    made = world(3)

    found = policies.valued(made.rows, made.chance, rule="asked")

    assert found.switch_dr
    assert found.switch_dr.ends == found.estimates["dr"]


def test_nobody_s_own_reward_foretells_it() -> None:
    rng = np.random.default_rng(8)
    known, reward = rng.normal(size=(200, 3)), rng.normal(size=200)
    action = rng.integers(2, size=200)

    def model(first: float) -> Floats:
        changed = np.concatenate([[first], reward[1:]])
        log = Log(action=action, reward=changed, propensity=np.full(200, 0.5))
        return policies.foretold(known, log, 2)

    usual, wild = model(0.0), model(1e6)
    assert np.array_equal(usual[0], wild[0])
    assert not np.array_equal(usual[1], wild[1])


def test_the_rule_that_ran_is_worth_what_was_observed() -> None:
    made = world(3)
    found = policies.valued(made.rows, made.chance, rule="asked")

    seen = off_policy.observed(made.rows.log)
    for name in ("ips", "snips"):
        assert found.estimates[name].value == pytest.approx(seen.value)
        assert found.estimates[name].low == pytest.approx(seen.low)
    assert found.effective == pytest.approx(len(made.rows))


def test_what_nobody_got_cannot_be_told() -> None:
    rows = world(4).rows
    never = Rows(
        log=rows.log,
        actions=[*rows.actions, "15%"],
        segment=rows.segment,
        segments=rows.segments,
        model=np.column_stack([rows.model, rows.model[:, 0]]),
    )

    for policy in (policies.only(never, 3), policies.equal(never)):
        found = policies.valued(never, policy, rule="variant")
        assert (found.why, found.estimates, found.over_nothing) == (
            "no_overlap",
            {},
            None,
        )
    assert policies.valued(never, policies.only(never, 1), rule="variant").estimates


def test_what_only_another_segment_got_cannot_be_told() -> None:
    rows = world(5).rows
    kept = ~((rows.segment == 0) & (rows.log.action == 1))
    less = Rows(
        log=Log(
            action=rows.log.action[kept],
            reward=rows.log.reward[kept],
            propensity=rows.log.propensity[kept],
        ),
        actions=rows.actions,
        segment=rows.segment[kept],
        segments=rows.segments,
        model=rows.model[kept],
    )

    all_of_it = policies.valued(less, policies.only(less, 1), rule="variant")
    new_alone = policies.by_segment(less, {"new": {"5%": 1.0}})

    assert all_of_it.why == "no_overlap"
    assert all_of_it.covered < 0.95
    assert policies.valued(less, new_alone, rule="asked").estimates


def test_few_customers_are_told_with_a_warning_and_fewer_not_at_all() -> None:
    found = [
        policies.valued(rows, policies.only(rows, 2), rule="variant")
        for rows in (world(6, size=size).rows for size in (40, 150, 2000))
    ]

    assert [one.why for one in found] == ["too_few", "", ""]
    assert [one.thin for one in found] == [False, True, False]
    assert [bool(one.estimates) for one in found] == [False, True, True]


def test_odds_that_leave_something_leave_it_to_nothing() -> None:
    rows = world(7, size=50).rows
    policy = policies.by_segment(
        rows, {"loyal": {"5%": 0.25}, policies.OTHERS: {"10%": 0.5}}
    )

    assert policy[rows.segment == 0][0] == pytest.approx([0.75, 0.25, 0])
    assert policy[rows.segment == 1][0] == pytest.approx([0.5, 0, 0.5])
    nothing = policies.by_segment(rows, {"loyal": {"5%": 1.0}})
    assert nothing[rows.segment == 1][0] == pytest.approx([1, 0, 0])
