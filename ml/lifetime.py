"""How often customers will come again and what they will spend: BG/NBD, Gamma-Gamma.

Rules for a shop without contracts, where nobody says good-bye. A customer buys at a
rate of their own (Gamma over customers) and after each purchase leaves for good with a
chance of their own (Beta); what an order is worth varies about a mean of their own.
Fitted by maximum likelihood, days as the unit.

Sources: Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing
Science 24(2); Fader & Hardie (2013), The Gamma-Gamma Model of Monetary Value,
brucehardie.com/notes/025.
"""

from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln, hyp2f1

Numbers = NDArray[np.float64]
MOST = 50_000
"""Customers a fit looks at, evenly spread: more move the parameters by nothing."""
LEAST = 50
"""Fewer repeat customers than this say too little."""


class TooFewCustomers(Exception):
    """There are not enough customers who came again to learn from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Visits:
    """What the models see of each customer, one row a customer.

    `repeats`: days with an order after the first one; `recency`: days from the first
    order to the last; `age`: days from the first order to now.
    """

    repeats: Numbers
    recency: Numbers
    age: Numbers

    def __len__(self) -> int:
        return len(self.repeats)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """BG/NBD: rates are Gamma(r, alpha), chances to leave Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True, slots=True)
class Worth:
    """Gamma-Gamma: an order is Gamma(p, nu), nu over customers Gamma(q, gamma)."""

    p: float
    q: float
    gamma: float


def fit_rhythm(visits: Visits) -> Rhythm:
    """Fit the four parameters (2005, equation 6); unit: that of recency and age.

    :raises TooFewCustomers: fewer than LEAST came again.
    """
    if np.count_nonzero(visits.repeats) < LEAST:
        raise TooFewCustomers(f"fewer than {LEAST} customers came again")
    rows = _spread(len(visits))
    # The paper's x, t_x and T.
    x, t_x, age = visits.repeats[rows], visits.recency[rows], visits.age[rows]
    # In units of the mean age the starts below fit any shop; alpha is scaled back.
    unit = float(age.mean())

    def loss(logs: Numbers) -> float:
        one = Rhythm(*np.exp(logs))
        return -float(_rhythm_likelihood(one, x, t_x / unit, age / unit).mean())

    r, alpha, a, b = _fitted(loss, [[-1.0, -1.0, -1.0, 1.0], [0.0, -2.0, -3.0, 1.0]])
    return Rhythm(r, alpha * unit, a, b)


def fit_worth(orders: Numbers, mean: Numbers) -> Worth:
    """Fit the three parameters (2013, equation 1a) on order counts and mean values.

    :raises TooFewCustomers: fewer than LEAST customers spent anything.
    """
    spent = np.flatnonzero((orders > 0) & (mean > 0))
    if len(spent) < LEAST:
        raise TooFewCustomers(f"fewer than {LEAST} customers spent anything")
    rows = spent[_spread(len(spent))]
    unit = float(np.median(mean[rows]))

    def loss(logs: Numbers) -> float:
        one = Worth(*np.exp(logs))
        return -float(_worth_likelihood(one, orders[rows], mean[rows] / unit).mean())

    p, q, gamma = _fitted(loss, [[1.0, 1.0, 0.0], [0.0, 0.5, 0.0]])
    return Worth(p, q, gamma * unit)


def alive(one: Rhythm, visits: Visits) -> Numbers:
    """Return P(has not left for good); who came only once is alive by the model.

    Fader, Hardie & Lee (2008), brucehardie.com/notes/021.
    """
    return np.asarray(1.0 / (1.0 + _odds_of_leaving(one, visits)))


def no_order(one: Rhythm, visits: Visits, days: float) -> Numbers:
    """Return P(no order within the next days): has left, or only waits that long.

    Who is alive has a rate of Gamma(r + repeats, alpha + age).
    """
    start = one.alpha + visits.age
    waits = (start / (start + days)) ** (one.r + visits.repeats)
    return np.asarray(1.0 - alive(one, visits) * (1.0 - waits))


def expected(one: Rhythm, visits: Visits, days: float) -> Numbers:
    """Return the expected number of days with an order within the next days.

    2005, equation 10, with Euler's transformation of 2F1: the original overflows for
    customers who came a hundred times.
    """
    # Equation 10 divides by a − 1.
    a = one.a if abs(one.a - 1.0) > 1e-6 else 1.0 + 1e-6
    x, start = visits.repeats, one.alpha + visits.age
    z = days / (start + days)
    c = a + one.b + x - 1.0
    # 2F1(r + x, b + x; c; z) by Euler: its first two parameters no longer grow with x.
    left = (1.0 - z) ** (a - 1.0) * hyp2f1(a + one.b - 1.0 - one.r, a - 1.0, c, z)
    coming = c / (a - 1.0) * (1.0 - left)
    return np.asarray(np.maximum(coming, 0.0) / (1.0 + _odds_of_leaving(one, visits)))


def order_value(one: Worth, orders: Numbers, mean: Numbers) -> Numbers:
    """Return the expected worth of an order: the own mean, shrunk (2013, equation 5).

    Who has no orders gets the mean of all.
    """
    known = np.maximum(orders, 0.0)
    weight = one.p * known + one.q - 1.0
    spent = one.gamma + np.maximum(mean, 0.0) * known
    # With q <= 1 the mean of all is infinite: a customer's own is all there is.
    return np.where(weight > 0, one.p * spent / np.where(weight > 0, weight, 1), mean)


def _rhythm_likelihood(one: Rhythm, x: Numbers, t_x: Numbers, age: Numbers) -> Numbers:
    r, alpha, a, b = astuple(one)
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    shared += gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    stays = -(r + x) * np.log(alpha + age)
    again = x > 0
    went = np.log(a) - np.log(np.where(again, b + x - 1, 1))
    # Whoever never came again had no occasion to leave: the term is not there.
    went = np.where(again, went - (r + x) * np.log(alpha + t_x), -np.inf)
    return np.asarray(shared + np.logaddexp(stays, went))


def _worth_likelihood(one: Worth, x: Numbers, mean: Numbers) -> Numbers:
    p, q, gamma = one.p, one.q, one.gamma
    return np.asarray(
        gammaln(p * x + q)
        - gammaln(p * x)
        - gammaln(q)
        + q * np.log(gamma)
        + (p * x - 1) * np.log(mean)
        + p * x * np.log(x)
        - (p * x + q) * np.log(gamma + mean * x)
    )


def _odds_of_leaving(one: Rhythm, visits: Visits) -> Numbers:
    x, again = visits.repeats, visits.repeats > 0
    waited = np.log((one.alpha + visits.age) / (one.alpha + visits.recency))
    logs = np.minimum((one.r + x) * waited, 500.0)  # exp would overflow
    # 1 where it is not used: b + x − 1 may be 0 without a repeat.
    chance = one.a / np.where(again, one.b + x - 1.0, 1.0)
    return np.where(again, chance * np.exp(logs), 0.0)


def _spread(count: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, MOST)).astype(np.int64))


def _fitted(loss: Any, starts: list[list[float]]) -> list[float]:
    """Minimise over logarithms, which keeps every parameter positive; best start."""
    bounds = [(-10.0, 10.0)] * len(starts[0])
    fits = [minimize(loss, s, method="L-BFGS-B", bounds=bounds) for s in starts]
    best = min(fits, key=lambda fit: float(fit.fun))
    return [float(value) for value in np.exp(best.x)]
