import numpy as np
import pytest

from ml import forecasters, levels, panels, rolling
from ml.forecasters import METHODS, NAIVE, SEASONAL
from tests.ml.shops import AHEAD, counts, shop


def wrong(told: forecasters.Told, true: np.ndarray) -> float:
    ahead = told.quantiles[1, :, : true.shape[1]]
    return float(np.abs(ahead - true).sum() / true.sum())


def test_a_season_of_the_year_is_found() -> None:
    weeks = np.arange(156 + AHEAD)
    size = np.linspace(30, 120, 15)[:, None]
    mean = size * (1 + 0.5 * np.sin(2 * np.pi * weeks / 52))
    units = counts(mean)
    true = units[:, 156:]

    made = rolling.outlook(shop(units[:, :156]), AHEAD)

    naive = forecasters.forecast(shop(units[:, :156]), NAIVE, AHEAD)
    assert wrong(made.told, true) < 0.5 * wrong(naive, true)
    off = np.abs(made.told.mean - true).sum() / true.sum()
    assert off < 0.5 * wrong(naive, true)
    assert set(made.methods) - {"naive", "smoothing"}


def test_noise_is_no_season() -> None:
    units = counts(np.full((20, 70), 50.0))

    made = rolling.outlook(shop(units), AHEAD)

    middle = made.told.quantiles[1]
    assert np.abs(middle - 50).mean() < 4
    assert made.trials["naive"].pinball > 1.1 * min(
        one.pinball for one in made.trials.values()
    )
    assert "naive" not in set(made.methods)


def test_what_the_calendar_does_is_found_and_noise_is_not_its_doing() -> None:
    chance = np.random.default_rng(3)
    days = (chance.random((60 + AHEAD, 1)) < 0.25).astype(float)
    moved = 60 * np.exp(0.3 * days[:60, 0])[None] * np.ones((30, 1))
    still = np.full((30, 60), 60.0)

    found, none = (
        panels.effects(shop(counts(mean), calendar=days)) for mean in (moved, still)
    )

    lift = [
        one[:, days[:, 0] == 1].mean() - one[:, days[:, 0] == 0].mean()
        for one in (found, none)
    ]
    assert lift[0] == pytest.approx(0.3, abs=0.05)
    assert lift[1] == pytest.approx(0.0, abs=0.02)
    made = rolling.outlook(shop(counts(moved), calendar=days), AHEAD)
    assert all("calendar" in name for name in made.methods)


def test_a_naive_forecast_is_used_where_nothing_beats_it() -> None:
    chance = np.random.default_rng(5)
    walks = 500 * np.exp(chance.normal(0, 0.3, (5, 70)).cumsum(axis=1))
    season = np.tile(chance.uniform(20, 300, (6, 52)), 2)
    season *= chance.normal(1, 0.05, season.shape)

    walked = rolling.outlook(shop(np.round(walks)), 4)
    returned = rolling.outlook(shop(np.round(season)), 4)

    assert max(walked.methods, key=walked.methods.count) == NAIVE.name
    assert set(returned.methods) == {SEASONAL.name}


@pytest.mark.parametrize("size", [3.0, 40.0])
def test_intervals_hold_what_they_say(size: float) -> None:
    mean = np.full((150, 52 + 4), size)
    units = counts(mean, swing=0.1)

    told = rolling.outlook(shop(units[:, :52]), 4).told

    true = units[:, 52:]
    held = ((true >= told.quantiles[0]) & (true <= told.quantiles[2])).mean()
    # A count of three can only be held by more than it should.
    assert 0.75 <= held <= (0.85 if size > 10 else 0.92)


def test_what_sells_now_and_then_is_expected_by_its_mean() -> None:
    chance = np.random.default_rng(7)
    rare = (chance.random((60, 60)) < 0.2) * 2.0
    gone = rare[:10].copy()
    gone[:, 30:] = 0
    units = np.concatenate([rare, gone])

    told = rolling.outlook(shop(units), AHEAD).told

    assert told.mean[:60].mean() == pytest.approx(0.4, abs=0.1)
    assert told.mean[60:].mean() < 0.12
    assert (told.quantiles[0] < 0.001).all()


def test_a_level_knows_the_past_alone() -> None:
    chance = np.random.default_rng(9)
    units = chance.poisson(5, (4, 30)).astype(float)
    later = units.copy()
    later[:, 20:] = 99

    for of in (
        lambda u: levels.smoothed(u, 0.2),
        levels.intermittent,
        lambda u: levels.rolling(u, 4),
        lambda u: levels.seasonal(u, 4, 1),
    ):
        assert np.array_equal(of(units)[:, :20], of(later)[:, :20], equal_nan=True)


def test_forecasts_of_past_weeks_do_not_know_later_ones() -> None:
    units = counts(np.full((10, 60), 20.0))
    later = units.copy()
    later[:, 40:] *= 10

    for method in METHODS:
        one, other = (
            forecasters.forecast(shop(u).until(40), method, 4)
            for u in (units, np.concatenate([units[:, :40], later[:, 40:]], axis=1))
        )
        assert np.array_equal(one.mean, other.mean), method.name


@pytest.mark.parametrize("weeks", [1, 2, 3, 11, 12, 13, 17, 24])
@pytest.mark.parametrize("series", [1, 3])
def test_however_short_a_history_is_it_has_a_forecast(weeks: int, series: int) -> None:
    units = counts(np.full((series, weeks), 9.0))

    told = rolling.outlook(shop(units), AHEAD).told

    assert told.quantiles.shape == (3, series, AHEAD)
    assert np.isfinite(told.quantiles).all()
    assert (told.mean > 3).all()
    assert (told.mean < 20).all()
    assert (np.diff(told.quantiles, axis=0) >= 0).all()
