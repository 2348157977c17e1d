"""What a treatment's spend brought back: incremental gain for each unit of it spent.

By intention to treat: both are differences between all who were assigned, never among
those who redeemed. A quotient of two estimates has an interval by Fieller (1954), which
is endless where the spend's difference is not sure to be other than zero: then
nothing can be said, and no number is given.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from analytics import tails
from analytics.moments import Floats, Moments


@dataclass(frozen=True, kw_only=True)
class Return:
    """Gain for each unit of spend, with its interval; all None if not estimable."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


def fieller(
    treatment: Moments,
    control: Moments,
    gain: str,
    spend: str,
    *,
    covariate: str | None = None,
    confidence: float = 0.95,
) -> Return:
    """Return Δ gain / Δ spend: the r for which Δ gain − r Δ spend may be zero.

    These lie between the roots of
    (Δc² − z² v_c) r² − 2 (Δy Δc − z² v_yc) r + (Δy² − z² v_y), with Δy, Δc the
    differences of means, v their variances and covariance, z the normal's quantile.
    With a `covariate` both differences are adjusted by it (CUPED).
    """
    if min(treatment.n, control.n) < 2:
        return Return()
    both = treatment + control
    # [2, k]: each row makes a unit's gain, or spend, out of its k numbers.
    change = np.stack([_adjusted(both, one, covariate) for one in (gain, spend)])
    # All who were assigned: redeemers against others showed 3.0 where 0.8 was true.
    y, c = change @ (treatment.means - control.means)
    squares = treatment.spread / treatment.n + control.spread / control.n
    (v_y, v_yc), (_, v_c) = change @ squares @ change.T
    z2 = tails.quantile((1 + confidence) / 2) ** 2
    square, middle, rest = c * c - z2 * v_c, y * c - z2 * v_yc, y * y - z2 * v_y
    # Δ spend may be zero: the quotient's interval has no end.
    if square <= 0:
        return Return()
    # Negative by rounding only: the value itself lies between the roots.
    half = sqrt(max(0.0, middle**2 - square * rest))
    return Return(
        value=float(y / c),
        low=float(middle - half) / float(square),
        high=float(middle + half) / float(square),
    )


def _adjusted(both: Moments, metric: str, covariate: str | None) -> Floats:
    """Return the weights of a unit's metric less what the covariate foretells of it."""
    weights = both.vector({metric: 1.0})
    if covariate is None:
        return weights
    return weights - both.vector({covariate: both.slope(weights, covariate)})
