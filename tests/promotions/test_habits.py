"""What buyers are given, and how their baskets stretch, by kind of offer."""

import numpy as np
import pytest

from promotions import habits
from promotions.habits import Baskets


def baskets(
    kind: str | None,
    size: int,
    *,
    stretch: float = 1.0,
    use: float = 0.0,
    seed: int = 1,
    scope: str = "TEA",
) -> Baskets:
    luck = np.random.default_rng(seed)
    usual = luck.uniform(5, 15, size)
    could = 0.1 * usual
    return Baskets(
        kind=kind,
        scope=frozenset([scope]),
        usual=usual,
        spent=stretch * usual * luck.lognormal(0, 0.3, size),
        could=could if kind else np.zeros(size),
        given=could * (luck.random(size) < use),
    )


def test_nothing_tried_leaves_what_was_assumed() -> None:
    usual, kinds = habits.learnt([], 0.8)

    assert usual.use == 0.8
    assert kinds == {}


def test_each_kind_is_used_in_its_own_way() -> None:
    found = [
        baskets("percentage", 2000, use=0.9),
        baskets("threshold", 2000, use=0.3, seed=2),
    ]

    usual, kinds = habits.learnt(found, 0.8)

    assert kinds["percentage"].use == pytest.approx(0.9, abs=0.03)
    assert kinds["threshold"].use == pytest.approx(0.3, abs=0.03)
    assert usual.use == pytest.approx(0.6, abs=0.03)


def test_of_a_kind_that_few_used_the_common_use_is_believed() -> None:
    found = [baskets("percentage", 2000, use=0.9), baskets("gift", 1, use=0.0)]

    _, kinds = habits.learnt(found, 0.8)

    assert kinds["gift"].use == pytest.approx(0.9 * 10 / 11, abs=0.06)


def test_a_planted_stretch_is_found_and_what_is_wrong_for_all_is_none() -> None:
    """Everybody spends a fifth more than scores say; thresholds add a third of it."""
    found = [
        baskets(None, 1500, stretch=1.2),
        baskets("threshold", 1500, stretch=1.6, use=0.5, seed=3),
        baskets("percentage", 1500, stretch=1.2, use=0.5, seed=4),
    ]

    _, kinds = habits.learnt(found, 0.8)

    assert kinds["threshold"].stretch == pytest.approx(1.33, abs=0.04)
    assert kinds["percentage"].stretch == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("size", [5, 30])
def test_noise_stretches_nothing(size: int) -> None:
    far = [
        habits.learnt(
            [baskets(None, size, seed=n), baskets("gift", size, seed=1000 + n)], 0.8
        )[1]["gift"].stretch
        - 1
        for n in range(200)
    ]

    assert abs(np.mean(far)) < 0.01
    assert np.std(far) < 0.05


def test_what_scores_get_wrong_in_one_scope_is_no_stretch_of_its_kind() -> None:
    """Tea is dearer than expected and wine cheaper, for who is held back as well."""
    found = [
        baskets(kind, 1500, stretch=wrong, seed=seed, scope=scope)
        for scope, kind, wrong, seed in (
            ("TEA", "percentage", 1.5, 1),
            ("TEA", None, 1.5, 2),
            ("WINE", "gift", 0.6, 3),
            ("WINE", None, 0.6, 4),
        )
    ]

    _, kinds = habits.learnt(found, 0.8)

    assert kinds["percentage"].stretch == pytest.approx(1.0, abs=0.03)
    assert kinds["gift"].stretch == pytest.approx(1.0, abs=0.03)
