"""Who is in which arm, and what the difference between arms is worth.

Assignment is GrowthBook's hash version 2, so that any SDK of that family gives the same
arm. It hashes UTF-16 code units, not UTF-8 bytes: the published vectors are all ASCII
and do not show it. Statistics work on sums, never on rows, so days can be added up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist
from struct import unpack


def bucket(unit: str, *, seed: str) -> float:
    """Return the unit's place in [0, 1), in steps of 0.0001."""
    return _fnv1a32(str(_fnv1a32(seed + unit))) % 10000 / 10000


def choose(unit: str, *, seed: str, weights: Mapping[str, float]) -> str:
    """Return the arm whose range holds the unit's bucket; the weights add up to 1."""
    place, start = bucket(unit, seed=seed), 0.0
    for arm, weight in weights.items():
        if start <= place < start + weight:
            return arm
        start += weight
    return next(reversed(list(weights)))


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Sufficient sums of one arm's metric: customers, Σy, Σy²."""

    n: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    @property
    def variance(self) -> float:
        """Unbiased sample variance; 0 below two customers."""
        if self.n < 2:
            return 0.0
        return max(0.0, (self.squares - self.total**2 / self.n) / (self.n - 1))


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Treatment minus holdout in a customer's mean, with its 95 % interval.

    `low` and `high` are None where nothing can be estimated: an arm is too small, or
    nobody differs from anybody yet, which is not the same as a certain zero.
    """

    value: float
    low: float | None
    high: float | None


def difference(
    treatment: Sums, holdout: Sums, *, confidence: float = 0.95
) -> Difference:
    """Return Δ = m_T − m_C with SE² = s²_T/n_T + s²_C/n_C (Welch, large samples)."""
    value = treatment.mean - holdout.mean
    if min(treatment.n, holdout.n) < 2:
        return Difference(value=value, low=None, high=None)
    error = sqrt(treatment.variance / treatment.n + holdout.variance / holdout.n)
    if error == 0:
        return Difference(value=value, low=None, high=None)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Difference(value=value, low=value - half, high=value + half)


def mismatch(counts: Mapping[str, int], weights: Mapping[str, float]) -> float:
    """Return the p-value that two arms' sizes fit their weights (χ², 1 degree)."""
    n = sum(counts.values())
    if n == 0:
        return 1.0
    chi2 = sum(
        (counts.get(arm, 0) - n * share) ** 2 / (n * share)
        for arm, share in weights.items()
        if share > 0
    )
    return erfc(sqrt(chi2 / 2))


def _fnv1a32(text: str) -> int:
    """FNV-1a over UTF-16 code units, as both GrowthBook SDKs do."""
    raw = text.encode("utf-16-le", "surrogatepass")
    value = 0x811C9DC5
    for unit in unpack(f"<{len(raw) // 2}H", raw):
        value = (value ^ unit) * 0x01000193 & 0xFFFFFFFF
    return value
