"""What if a strategy had another budget, depth, audience or floor?

Answered from a sample of customers, with the functions that make proposals and offers,
and with what is believed now; nothing is stored. Who is held back gets nothing, as in
forecasts. That a customer may get another strategy's offer instead is left out.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import msgspec
import numpy as np

from analytics.wording import Wording
from ml import scores
from ml.customers import segments
from promotions import arms, audiences, beliefs, response, value
from promotions.beliefs import Floats, People
from promotions.frontier import Point, frontier, within
from promotions.models import Strategy
from promotions.rules import Gift, Percentage, Terms, Threshold

SAMPLE = 2000
FRESH = timedelta(minutes=1)
"""So long a process keeps the sample: a slider asks again and again, and to read it is
more than half of an answer (0.2 of 0.36 s for 2,469 households)."""
DEEPEST = Decimal("0.9")


class NothingScored(Exception):
    """No customer has a chance of buying in the strategy's scope yet."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be different.

    Another `budget`; all discounts times `depth`; only these `segments` (none: all); no
    variant that leaves less than `floor` of the price as margin.
    """

    budget: float
    depth: float
    segments: Collection[str]
    floor: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """The frontier, and what the budget buys; `customers` are in the audience."""

    points: Sequence[Point]
    here: Point
    customers: int


def ask(strategy: Strategy, asked: Asked, *, at: datetime) -> Found:
    """Price the strategy as asked.

    :raises NothingScored: nobody was scored in its scope.
    """
    # By scores and minute: new scores are seen at once.
    matrix = _sample(scores.version(), int(at.timestamp() / FRESH.total_seconds()))
    audience = audiences.of(matrix, segments(), at=at)
    if not audience.inside(strategy.scope):
        raise NothingScored(
            Wording("No customer is scored in its categories: train first.")
        )
    everybody = audience.before(strategy.scope)
    wanted = [not asked.segments or s in asked.segments for s in audience.segments]
    people = everybody[np.flatnonzero(wanted)]
    menu = {label: deeper(t, asked.depth) for label, t in strategy.terms.items()}
    margins, costs, _ = value.drawn(
        menu,
        strategy.scope,
        people,
        response.believed(),
        beliefs.Run(turns=strategy.turns),
    )
    # [draws, customers, variants]: a variant below the floor is best for nobody.
    margins = np.where(_allowed(menu, people, asked.floor), margins, -np.inf)
    each = scores.customers() / len(matrix.customers)
    points = frontier(margins, costs, each=each * arms.treated(strategy.holdout))
    return Found(
        points=points,
        here=within(points, asked.budget),
        customers=round(len(people.spend) * each),
    )


@lru_cache(maxsize=1)
def _sample(_of: object, _while: int) -> scores.ScoreMatrix:
    return scores.matrix(most=SAMPLE)


def deeper(terms: Terms, factor: float) -> Terms:
    """Return terms that give `factor` times as much; a gift comes sooner or later."""
    by = Decimal(str(factor))
    match terms:
        case Percentage(rate=rate):
            return msgspec.structs.replace(terms, rate=min(DEEPEST, rate * by))
        case Threshold(spend=spend, amount=amount):
            # More than the spend would be no terms at all (promotions.rule_faults).
            return msgspec.structs.replace(terms, amount=min(spend, amount * by))
        case Gift(spend=spend):
            return msgspec.structs.replace(terms, spend=spend / by)
        case _:
            return terms


def _allowed(menu: Mapping[str, Terms], people: People, floor: float) -> Floats:
    depths = np.array([value.depth(terms) for terms in menu.values()])
    return np.asarray(people.rate[:, None] - depths[None] >= floor)
