"""All scored customers before a scope: what they buy there, and how they may answer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
from django.conf import settings

from ml import traits
from ml.lifts import Who, weekly
from ml.scores import ScoreMatrix
from promotions import beliefs, response
from promotions.beliefs import Floats, People
from promotions.models import Answer


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Rows are the matrix's customers; `rates` are its categories' margin rates."""

    matrix: ScoreMatrix
    segments: Sequence[str]
    traits: traits.Rows
    types: Floats
    rates: Sequence[float]

    def inside(self, scope: Sequence[str]) -> list[int]:
        """Return the scored categories of a scope, by column: of an empty one, all."""
        return beliefs.inside(scope, self.matrix.categories)

    def before(self, scope: Sequence[str]) -> People:
        """Return everybody before the scope, which has a scored category."""
        matrix = self.matrix
        p0, spend, rate = beliefs.in_scope(
            matrix.probability, matrix.spend, self.inside(scope), self.rates
        )
        # Rounded as the log keeps them, so that a decision can be made again from it.
        p0, spend, rate = p0.round(6), spend.round(4), rate.round(4)
        rest = self._rest(scope)
        known = traits.of(matrix.customers, p0, self.traits).round(4)
        who = Who(p0=p0, segment=self.segments, traits=known, types=self.types)
        return People(who=who, spend=spend, rate=rate, rest=rest)

    def expected(self, scope: Sequence[str]) -> Floats:
        """Return how many purchases a week each customer is to make out of scope."""
        return np.asarray(
            weekly(self.matrix.probability)[:, self._outside(scope)].sum(1)
        )

    def _rest(self, scope: Sequence[str]) -> Floats:
        """Return an offer's part of the margin out of scope: see beliefs.People."""
        matrix, outside = self.matrix, self._outside(scope)
        chance, spend = matrix.probability[:, outside], matrix.spend[:, outside]
        margin = (chance * spend) @ np.array(self.rates)[outside]
        return np.asarray(margin / settings.OFFERS_PER_CUSTOMER).round(4)

    def _outside(self, scope: Sequence[str]) -> list[int]:
        inside = set(self.inside(scope))
        return [i for i in range(len(self.matrix.categories)) if i not in inside]


def of(matrix: ScoreMatrix, segments: Mapping[UUID, str], *, at: datetime) -> Audience:
    """Return the audience of all offers; `segments` by customer."""
    return _of(matrix, segments, response.rates(), None, at)


def few(
    matrix: ScoreMatrix,
    segments: Mapping[UUID, str],
    rates: Mapping[str, float],
    *,
    at: datetime,
) -> Audience:
    """Return the same of a few customers, reading their rows alone."""
    return _of(matrix, segments, rates, matrix.customers, at)


def _of(
    matrix: ScoreMatrix,
    segments: Mapping[UUID, str],
    rates: Mapping[str, float],
    of: Collection[UUID] | None,
    at: datetime,
) -> Audience:
    answers = Answer.objects.all() if of is None else Answer.objects.filter(pk__in=of)
    known = dict(answers.values_list("customer", "types"))
    # Zeros say that nothing is known of somebody's type (ml.lifts.Who).
    nothing = [0.0] * max(map(len, known.values()), default=1)
    usual = float(settings.ASSUMED_MARGIN)
    return Audience(
        matrix=matrix,
        segments=[segments.get(one, "") for one in matrix.customers],
        traits=traits.profiles(at=at, of=of),
        types=np.array([known.get(one) or nothing for one in matrix.customers]),
        rates=[rates.get(name, usual) for name in matrix.categories],
    )
