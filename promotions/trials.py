"""Tests worth their price, where too little is known to promise a gain.

How customers answer offers in a category is known by draws of what may be true. Were it
known which one is, offers would bring the mean of their best gains; with what is known
now they bring the best of their mean gains. The difference, over half a year, is the
expected value of perfect information (Raiffa and Schlaifer 1961): no test is worth
more. A test gives each variant by lot, to customers by lot, and costs what such offers
lose. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from promotions import value
from promotions.beliefs import ONCE, People, Response, Run
from promotions.forecasts import HIGH, LOW, Forecast
from promotions.rules import Terms

WIDEST = 3
"""So many variants at most: each must be tried by enough customers to be judged."""
HOLDOUT = 0.25
"""As many as get each of three variants."""
SHARE, MOST = 0.25, 5000
"""Of the customers so many are drawn."""
HALF_A_YEAR = 26
"""Weeks in which what was learnt is used."""
WORTHWHILE = 3.0
"""What it is worth must be so many times its price: a test teaches less than all."""


@dataclass(frozen=True, kw_only=True)
class Trial(Forecast):
    """A test: what it is forecast to bring, which is mostly a loss, and `worth`.

    `worth` is what knowing the truth would bring in half a year.
    """

    worth: float

    @property
    def worthwhile(self) -> bool:
        return self.worth > WORTHWHILE * max(self.price, 0.01 * self.cost)


def variants(menu: Mapping[str, Terms]) -> dict[str, Terms]:
    """Keep the mildest of a menu: what deeper ones do follows from them."""
    return dict(list(menu.items())[:WIDEST])


def share(customers: float) -> float:
    """Return the share of the customers whom a test may reach."""
    return min(SHARE, MOST / max(1.0, customers))


def trial(
    menu: Mapping[str, Terms],
    scope: Sequence[str],
    people: People,
    believed: Response,
    run: Run = ONCE,
    *,
    each: float,
    holdout: float = HOLDOUT,
    budget: float = inf,
) -> Trial:
    """Price a test of a menu; each of the people stands for `each` customers."""
    # [draws, customers, variants]; costs [customers, variants].
    margins, costs, _ = value.drawn(menu, scope, people, believed, run)
    # By lot: each variant is as likely, so the mean over the menu.
    whole = each * (1 - holdout) * float(costs.mean(axis=1).sum())
    everybody = max(1.0, each * len(people.spend))
    # A test that is too dear is given to fewer, not left out.
    drawn = min(share(everybody), budget / max(whole, 1e-9))
    treated = each * drawn * (1 - holdout)
    by_lot = treated * margins.mean(axis=2).sum(axis=1)
    # The best variant, or nothing, is chosen in
    # each draw; below on the mean of all draws.
    knowing = np.maximum(margins.max(axis=2), 0).sum(axis=1).mean()
    unknowing = np.maximum(margins.mean(axis=0).max(axis=1), 0).sum()
    low, high = np.quantile(by_lot, [LOW, HIGH])
    return Trial(
        reach=round(len(people.spend) * treated),
        audience=float(people.who.p0.mean()),
        rate=float(people.rate.mean()),
        margin=float(by_lot.mean()),
        low=float(low),
        high=float(high),
        chance=float((by_lot > 0).mean()),
        cost=drawn * whole,
        worth=float(HALF_A_YEAR / run.weeks * each * (knowing - unknowing)),
    )
