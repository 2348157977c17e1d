"""How well an order of customers finds those whom an offer changes: Qini and uplift.

`qini` is the area that scikit-uplift's `qini_auc_score` reports, digit for digit: what
papers compare. `robust_qini` is the same question asked of doubly robust scores, whose
noise is lower; it is a mean over rows, so that its bootstrap is cheap and two orders
can be compared in pairs. Ties count as a group, or share their mean place. Pure NumPy.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DRAWS = 1000
POISSON = np.repeat(np.arange(8, dtype=np.float32), [94, 94, 47, 16, 4, 1, 0, 0])
"""A Poisson(1) draw, to one part in 256."""
BLOCK = 4_000_000
"""So many random numbers of a bootstrap are held at once (bytes, as int8)."""


def curve(y: Floats, uplift: Floats, treated: Bools) -> tuple[Floats, Floats]:
    """Return the Qini curve: customers taken, best first, and responses gained.

    After each group of equal uplift: y_t − y_c · n_t / n_c of those taken so far
    (Radcliffe 2007).
    """
    order = np.argsort(-uplift, kind="stable")
    y, treated, uplift = y[order], treated[order], uplift[order]
    ends = np.r_[np.flatnonzero(np.diff(uplift)), len(uplift) - 1]
    count = (ends + 1).astype(np.float64)
    n_t = np.cumsum(treated)[ends]
    n_c = count - n_t
    y_t = np.cumsum(y * treated)[ends]
    y_c = np.cumsum(y * ~treated)[ends]
    # 0 before the first of control, as scikit-uplift has it.
    ratio = np.divide(n_t, n_c, out=np.zeros_like(n_c), where=n_c != 0)
    return np.r_[0.0, count], np.r_[0.0, y_t - y_c * ratio]


def qini(y: Floats, uplift: Floats, treated: Bools) -> float:
    """Return the Qini coefficient: area above a random order, over the ideal's.

    The ideal takes responders of the arm first and those of control last, as
    scikit-uplift does with `negative_effect=True`.
    """
    taken, gained = curve(y, uplift, treated)
    ideal = curve(y, np.where(treated, y, -y), treated)
    random = _area(taken[[0, -1]], gained[[0, -1]])
    best = _area(*ideal) - random
    return float((_area(taken, gained) - random) / best) if best else 0.0


def _area(x: Floats, y: Floats) -> float:
    return float(np.trapezoid(y, x))


def uplift_at(y: Floats, uplift: Floats, treated: Bools, share: float) -> float:
    """Return mean response of the arm less control's among the best `share`.

    scikit-uplift's `uplift_at_k(strategy="overall")`. NaN where one side is empty.
    """
    best = np.argsort(-uplift, kind="stable")[: int(len(y) * share)]
    mine, given = y[best], treated[best]
    if given.all() or not given.any():
        return float("nan")
    return float(mine[given].mean() - mine[~given].mean())


def places(order: Floats) -> Floats:
    """Return each row's place from 0 (last) to 1 (first), less ½; ties share theirs."""
    return np.asarray((rankdata(order) - 0.5) / len(order) - 0.5)


def robust_qini(scores: Floats, places: Floats) -> Floats:
    """Return each row's part of the Qini of doubly robust scores; its mean is the Qini.

    The area between the curve of gains and a random order's, per customer: the
    covariance of score and place (Yadlowsky et al. 2025, their Qini weights).
    """
    return np.asarray((scores - scores.mean()) * places)


def bootstrap(parts: Floats, *, seed: int, draws: int = DRAWS) -> Floats:
    """Return the mean of each column of `parts` in every draw, [draws, columns].

    Poisson bootstrap: each row counts Poisson(1) times, in all columns alike.
    """
    chance = np.random.default_rng(seed)
    rows = np.ascontiguousarray(parts.reshape(len(parts), -1))
    # A draw of all at once would be draws × rows numbers.
    most = max(1, BLOCK // len(rows))
    found = []
    for start in range(0, draws, most):
        size = (min(most, draws - start), len(rows))
        times = chance.choice(POISSON, size)
        # Over what was drawn: a Poisson bootstrap has no fixed size.
        found.append(times @ rows / times.sum(axis=1, keepdims=True))
    return np.vstack(found)


def interval(draws: Floats, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of a bootstrap's draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
