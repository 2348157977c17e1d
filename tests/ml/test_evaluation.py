import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from ml import evaluation

GROUP = np.repeat(np.arange(200), 5)


def noisy(mean: float, *, seed: int = 0, spread: float = 0.1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, spread, len(GROUP))
    return np.asarray(mean + noise - noise.mean())


def drawn(rows: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(1)
    p = chance.beta(1, 4, rows)
    return (chance.random(rows) < p).astype(int), p


def test_the_figures_are_scikit_learn_s() -> None:
    y, p = drawn()
    group = category = np.arange(len(y)) % 50

    figures = evaluation.measure(y, p, group=group, category=category)

    assert figures["log_loss"] == pytest.approx(log_loss(y, p))
    assert figures["auc"] == pytest.approx(roc_auc_score(y, p))
    assert figures["brier"] == pytest.approx(brier_score_loss(y, p))
    assert figures["ece"] < 0.02
    assert figures["rows"] == 5000


def test_a_certain_miss_costs_a_finite_loss() -> None:
    assert np.isfinite(evaluation.losses(np.array([1, 0]), np.array([0.0, 1.0]))).all()


def test_the_error_counts_groups_not_rows() -> None:
    values = np.random.default_rng(0).normal(size=200)

    alone = evaluation.clustered(values, np.arange(200))
    copied = evaluation.clustered(np.repeat(values, 5), GROUP)

    assert alone.error == pytest.approx(values.std(ddof=1) / 200**0.5)
    assert copied.error == pytest.approx(alone.error)


def test_auc_within_ignores_how_popular_categories_are() -> None:
    category = np.repeat([0, 1], 500)
    y = np.concatenate([np.arange(500) % 10 == 0, np.arange(500) % 10 != 0]).astype(int)
    popularity = np.where(category == 0, 0.1, 0.9)

    assert evaluation.auc(y, popularity) > 0.85
    assert evaluation.auc_within(y, popularity, category) == 0.5


def test_ece_is_the_mean_gap_between_promised_and_happened() -> None:
    y, p = drawn(30_000)

    honest = evaluation.ece(evaluation.calibration(y, p))
    boastful = evaluation.ece(evaluation.calibration(y, p + 0.1))

    assert honest < 0.01
    assert boastful == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize(
    ("losses", "winner"),
    [
        ({"simple": 0.50, "middle": 0.50, "complex": 0.499}, "simple"),
        ({"simple": 0.55, "middle": 0.501, "complex": 0.50}, "middle"),
        ({"simple": 0.55, "middle": 0.52, "complex": 0.50}, "complex"),
        ({"simple": 0.60, "middle": 0.60, "complex": 0.60}, None),
        ({"simple": 0.70, "middle": 0.65, "complex": 0.61}, None),
        ({"simple": 0.599, "middle": 0.599, "complex": 0.598}, None),
    ],
)
def test_the_simplest_within_one_standard_error_of_the_best_wins(
    losses: dict[str, float], winner: str | None
) -> None:
    choice = evaluation.choose(
        ["simple", "middle", "complex"],
        candidates={name: noisy(mean, seed=1) for name, mean in losses.items()},
        baselines={"rate": noisy(0.6, seed=2), "poor": noisy(0.9, seed=3)},
        group=GROUP,
    )

    assert choice.winner == winner
    assert choice.reason


@pytest.mark.parametrize(
    ("gains", "ece", "won", "word"),
    [
        ((0.02, 0.02, 0.02), 0.01, True, "beats"),
        ((0.02, 0.02), 0.01, False, "3 cut-offs"),
        ((0.0, 0.0, 0.0), 0.01, False, "chance"),
        ((0.09, 0.09, -0.03), 0.01, False, "worse"),
        ((0.02, 0.02, 0.02), 0.05, False, "ECE"),
    ],
)
def test_a_champion_falls_only_to_a_sure_gain_at_no_cut_off_s_cost(
    gains: tuple[float, ...], ece: float, won: bool, word: str
) -> None:
    champion = [noisy(0.5, seed=spot) for spot in range(len(gains))]
    challenger = [
        one - gain + noisy(0, seed=9 + spot, spread=0.05)
        for spot, (one, gain) in enumerate(zip(champion, gains, strict=True))
    ]

    verdict = evaluation.beats(
        challenger=challenger,
        champion=champion,
        groups=[GROUP] * len(gains),
        ece=[ece] * len(gains),
    )

    assert verdict.won is won
    assert word in verdict.reason


def test_the_lift_of_a_perfect_order_is_one_over_the_rate() -> None:
    y = np.arange(1000) < 200

    assert evaluation.lift(y, -np.arange(1000.0)) == pytest.approx(5)
    assert evaluation.lift(y, np.arange(1000.0)) == 0
