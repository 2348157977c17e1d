"""What is believed of customers: who they are, what they buy, how they answer. Pure.

A horizon's chances and spends become a week's and a purchase's here; what an offer is
worth to the shop with them is promotions.value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml.lifts import WEEKS, Posterior, Who, weekly
from promotions.rules import Terms

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Run:
    """How long offers run, and how often each can be used in that time."""

    turns: float = 1.0
    weeks: float = WEEKS


ONCE = Run()


@dataclass(frozen=True, kw_only=True)
class Habit:
    """How customers buy under offers of a kind, when they buy.

    `use`: what they are given, as a share of what the usual basket could be given;
    `stretch`: their basket, in usual ones.
    """

    use: float
    stretch: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Response:
    """How customers answer offers: b, their habits by kind, and ρ.

    `thetas` and `later` are draws, row by row; a single row is the expectation. `later`
    is drawn by `later_by`, ρ and its standard error. `id` names what it was read from.
    """

    posterior: Posterior
    usual: Habit
    habits: Mapping[str, Habit]
    thetas: Floats
    later: Floats
    later_by: tuple[float, float] = (0.0, 0.0)
    id: str = ""

    def habit(self, kind: str) -> Habit:
        """Return the habit of a kind; of one that was never tried, the usual one."""
        return self.habits.get(kind, self.usual)

    @property
    def expected(self) -> "Response":
        """Return the same without its doubts: one draw, which is the mean."""
        # The last two are the luck of a category
        # that was never seen (`Posterior.sample`).
        mean = np.concatenate([self.posterior.mean, [0.0, 0.0]])
        return Response(
            posterior=self.posterior,
            usual=self.usual,
            habits=self.habits,
            thetas=mean[None],
            later=np.array([self.later.mean()]),
            later_by=self.later_by,
            id=self.id,
        )


@dataclass(frozen=True, kw_only=True)
class People:
    """Customers before a scope: who they are, what they buy there when they buy.

    `spend` is at shelf prices, in a horizon with a purchase; `rate` its margin rate;
    `rest` an offer's part of the margin expected elsewhere in the horizon; by customer.
    """

    who: Who
    spend: Floats
    rate: Floats
    rest: Floats

    @property
    def basket(self) -> Floats:
        """Return the spend of a single purchase."""
        return basket(self.who.p0, self.spend)

    def __getitem__(self, rows: Any) -> "People":
        return People(
            who=self.who[rows],
            spend=self.spend[rows],
            rate=self.rate[rows],
            rest=self.rest[rows],
        )


def basket(p0: Floats, spend: Floats) -> Floats:
    """Return a purchase's spend, of that in a horizon with a purchase."""
    # p0 · spend is a horizon's expectation, WEEKS · w0 its purchases. Never more than
    # the spend of a horizon with one.
    return np.asarray(spend * p0 / np.maximum(WEEKS * weekly(p0), p0))


def inside(scope: Sequence[str], categories: Sequence[str]) -> list[int]:
    """Return the places of a scope's categories; an empty scope is all goods."""
    return [i for i, name in enumerate(categories) if not scope or name in scope]


def in_scope(
    probability: Floats, spend: Floats, inside: Sequence[int], rates: Sequence[float]
) -> tuple[Floats, Floats, Floats]:
    """Join categories into a scope, row by row: it is bought if any of them is.

    Rows are customers, columns categories, `inside` the scope's columns, `rates` the
    margin rates of all. Returns P(buys in scope), the spend then, and its margin rate.
    """
    p0 = np.asarray(1 - np.prod(1 - probability[:, inside], axis=1))
    part = spend[:, inside] * probability[:, inside]
    total = part.sum(axis=1)
    mine = np.asarray(rates, float)[list(inside)]
    # Rates by what is expected to be spent; who buys nothing there has the plain mean.
    rate = np.where(total > 0, part @ mine / np.maximum(total, 1e-9), mine.mean())
    return p0, np.asarray(total / np.maximum(p0, 1e-9)), rate


def kind(terms: Terms) -> str:
    """Name the kind of a variant, as the posterior knows it."""
    return type(terms).__name__.lower()
