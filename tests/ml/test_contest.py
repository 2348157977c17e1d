"""The rolling contest and protocol P1 on a shop with planted tastes."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ml import contest, estimators, lines, splits, trials
from ml.splits import Splits
from tests.ml.conftest import CATEGORIES, Shop

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def parts(shop: Shop) -> Splits:
    shop(signal=True)
    history = lines.arrays(lines.read(until=LATER))
    plan = splits.plan(history.purchases, horizon_days=28)
    return splits.split(history, plan=plan, categories=CATEGORIES)


def test_the_rolling_contest(parts: Splits) -> None:
    entrant = contest.entered(
        estimators.CANDIDATES["logistic"], parts, seed=0, seconds=30
    )

    assert len(entrant.cuts) == splits.MEASURED
    assert [cut["cut"] for cut in entrant.metrics["cuts"]] == [
        cut.isoformat() for cut in parts.plan.rolling[1:]
    ]
    assert entrant.metrics["validation"]["auc_within"] > 0.75
    assert entrant.metrics["test"] == {
        name: value
        for name, value in entrant.metrics["cuts"][-1].items()
        if name != "cut"
    }
    _a_later_label_changes_no_earlier_figure(parts, entrant)
    _no_budget_tries_the_first_setting_only(parts)


def _a_later_label_changes_no_earlier_figure(
    parts: Splits, entrant: contest.Entrant
) -> None:
    newest = parts.plan.cuts[-1]
    rows = dict(parts.rows)
    rows[newest] = splits.Split(x=rows[newest].x, y=1 - rows[newest].y)
    again = contest.measured(
        estimators.CANDIDATES["logistic"],
        splits.Splits(plan=parts.plan, rows=rows),
        seed=0,
        setting=entrant.settings,
    )

    for before, after in zip(entrant.cuts, again.cuts, strict=True):
        assert np.array_equal(before.chance, after.chance)


def _no_budget_tries_the_first_setting_only(parts: Splits) -> None:
    candidate = estimators.CANDIDATES["tree"]

    setting = contest.searched(candidate, parts, seed=0, seconds=0)

    assert setting == candidate.search[0]


def test_the_table_of_the_protocol(
    parts: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: estimators.CANDIDATES[name] for name in ("logistic", "tree")}
    monkeypatch.setattr(estimators, "CANDIDATES", few)
    apart = np.arange(60) % 5 == 0

    whole = trials.propensity(parts, seed=0, seconds=5)
    fifth = trials.propensity(parts, seed=0, seconds=5, apart=apart)

    models = len(estimators.BASELINES) + len(few)
    assert len(whole) == len(fifth) == models * (splits.MEASURED + 1)
    assert {row["model"] for row in whole} == {*estimators.BASELINES, *few}
    newest = [row for row in whole if row["model"] == "logistic"]
    assert newest[-1]["cut"] == "mean"
    assert newest[-1]["log_loss"] == pytest.approx(
        np.mean([row["log_loss"] for row in newest[:-1]])
    )
    assert 0 < newest[0]["bytes"] < 100_000
    assert fifth[0]["rows"] < whole[0]["rows"] / 3


def test_the_untouched_fifth_is_by_name() -> None:
    kept = trials.untouched([str(number) for number in range(2000)])

    assert 0.15 < kept.mean() < 0.25
    assert trials.untouched(["7"]).tolist() == [bool(kept[7])]


def test_a_winner_must_beat_the_champion_to_replace_it() -> None:
    chance = np.random.default_rng(0)
    part = splits.Split(
        x=np.repeat(np.arange(50), 8).reshape(-1, 1).astype(np.float32),
        y=(chance.random(400) < 0.3).astype(np.int8),
    )

    def entrant(p: float) -> contest.Entrant:
        told = contest.Foretold(part=part, raw=np.full(400, p), chance=np.full(400, p))
        return contest.Entrant(
            seconds=0,
            score_seconds=0,
            cuts=(told,) * 3,
            metrics={"cuts": [{"ece": 0.0}] * 3},
        )

    entrants = {"simple": entrant(0.301), "huge": entrant(0.3)}
    baselines = {"rate": entrant(0.7)}

    first = contest.choose(entrants, baselines, champion=None)
    kept = contest.choose(entrants, baselines, champion="huge")

    assert first.winner == "simple"
    assert kept.winner == "huge"
    assert "stays" in kept.reason
