import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from analytics import tails

LOADED = """
import sys
from analytics import bandits, checks, experiments, power, spend_returns, tails
assert "scipy.special" not in sys.modules
tails.quantile(0.9)
print(*sys.modules)
"""
PLACES = (1e-12, 1e-4, 0.025, 0.5, 0.8, 0.975, 1 - 1e-9)


@pytest.mark.parametrize("df", [1.0, 2.5, 30.0, 20_023.6])
@pytest.mark.parametrize("place", PLACES)
def test_quantiles_of_t(place: float, df: float) -> None:
    assert tails.quantile(place, df) == pytest.approx(stats.t.ppf(place, df))


@pytest.mark.parametrize("place", PLACES)
def test_quantiles_of_the_normal(place: float) -> None:
    assert tails.quantile(place) == pytest.approx(stats.norm.ppf(place))


@pytest.mark.parametrize("z", [-40.0, -3.0, 0.0, 0.1, 1.96, 8.0])
def test_tails(z: float) -> None:
    assert tails.two_sided(z, 7.5) == pytest.approx(2 * stats.t.sf(abs(z), 7.5))
    assert tails.two_sided(z) == pytest.approx(2 * stats.norm.sf(abs(z)))
    assert float(tails.normal(z)) == pytest.approx(stats.norm.cdf(z))
    assert float(tails.density(z)) == pytest.approx(stats.norm.pdf(z))
    assert tails.chi_squared(abs(z), 3) == pytest.approx(stats.chi2.sf(abs(z), 3))


def test_arrays_keep_their_shape() -> None:
    z = np.arange(6.0).reshape(2, 3)

    assert tails.normal(z).shape == tails.density(z).shape == (2, 3)


def test_reports_load_only_the_light_part_of_scipy() -> None:
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    heavy = ("scipy.stats", "scipy.sparse", "scipy.optimize", "scipy.linalg", "pandas")
    assert "scipy.special" in done.stdout.split()
    assert not set(heavy) & set(done.stdout.split())
