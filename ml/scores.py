"""What other apps may read of all this, in plain arrays.

The web process imports this module, so it must never load the learning libraries.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from analytics import lookup
from ml import models


@dataclass(frozen=True, kw_only=True)
class ScoreMatrix:
    """All scores: row i is customers[i], column j is categories[j], both sorted.

    `probability` is P(buys in the category within HORIZON_DAYS | no offer), `spend`
    the shelf value bought then, given that they buy, in the shop's currency.
    """

    customers: tuple[UUID, ...]
    categories: tuple[str, ...]
    probability: NDArray[np.float64]
    spend: NDArray[np.float64]
    model: UUID | None


@dataclass(frozen=True, kw_only=True)
class Elasticity:
    """Per cent of units for one per cent of price, with its 95 % interval.

    Observational: see ml.demand for what it does and does not mean.
    """

    value: float
    low: float
    high: float
    weeks: int


@dataclass(frozen=True, kw_only=True)
class Response:
    """The lift of being addressed, in log-odds, with its 95 % interval.

    Observational: see ml.response. `depth` is the mean discount it was seen at, `use`
    the share of buyers who used the offer.
    """

    lift: float
    low: float
    high: float
    depth: float
    use: float


def matrix(*, most: int | None = None, of: UUID | None = None) -> ScoreMatrix:
    """Read all scores; empty arrays, and no model, before the first scoring.

    `most`: of so many customers only. Keys are random, so the first are a sample.
    `of`: of this one alone.
    Customers and categories are full: scoring writes every pair in one transaction.
    Who took consent back since then is left out, and so is who became someone else's.
    """
    rows = lookup.rows(
        # One row a customer: of the demo's 250,000 pairs as many Python tuples would be
        # made. All arrays in the same order, hence the columns fit.
        "SELECT customer, array_agg(category ORDER BY category),"
        " array_agg(probability ORDER BY category),"
        " array_agg(spend::float8 ORDER BY category), min(model_id::text)"
        " FROM ml_score LEFT JOIN analytics_customer c ON c.key = customer"
        " WHERE c.person IS NULL AND coalesce(c.consent, %s)"
        " AND customer >= coalesce(%s, customer) AND customer <= coalesce(%s, customer)"
        " GROUP BY customer ORDER BY customer LIMIT %s",
        [not settings.CONSENT_REQUIRED, of, of, most],
        prepare=False,
    )
    if not rows:
        nothing = np.zeros((0, 0))
        return ScoreMatrix(
            customers=(), categories=(), probability=nothing, spend=nothing, model=None
        )
    customers, categories, probability, spend, model = zip(*rows, strict=True)
    return ScoreMatrix(
        customers=customers,
        categories=tuple(categories[0]),
        probability=np.array(probability),
        spend=np.array(spend),
        model=UUID(model[0]),
    )


def customers() -> int:
    """Return how many customers have scores."""
    category = models.Score.objects.values_list("category", flat=True).first()
    # Every customer has all categories: one of them counts the customers.
    return models.Score.objects.filter(category=category).count()


def raised(
    customers: Collection[UUID], categories: Collection[str] | None
) -> dict[UUID, dict[str, Sequence[str]]]:
    """Name what raised chances above the average, by customer and category (None: all).

    The likeliest category first; who has nothing of the kind is left out. The features'
    words are those of ml.wordings.said.
    """
    rows = lookup.rows(
        "SELECT customer, category, raised FROM ml_score WHERE customer = ANY(%s)"
        " AND (%s OR category = ANY(%s)) AND raised <> '{}' ORDER BY probability DESC",
        [list(customers), categories is None, list(categories or ())],
        prepare=False,
    )
    told: dict[UUID, dict[str, Sequence[str]]] = {}
    for customer, category, features in rows:
        told.setdefault(customer, {})[category] = features
    return told


def position() -> int:
    """Return the log's position that the scores know of; 0 before the first scoring."""
    return models.Scoring.objects.values_list("position", flat=True).first() or 0


def version() -> tuple[int, UUID | None]:
    """Return what changes with each scoring: the log's position, and the model."""
    # Of any row: the table is of one model, replaced whole.
    model = models.Score.objects.values_list("model_id", flat=True).first()
    return position(), model


def elasticities() -> dict[str, Elasticity]:
    """Read the elasticity of every category that has one."""
    return {
        row.category: Elasticity(
            value=row.value, low=row.low, high=row.high, weeks=row.weeks
        )
        for row in models.Elasticity.objects.all()
    }


def response() -> Response | None:
    """Read how customers answered past campaigns; None before the first learning."""
    row = models.CampaignResponse.objects.first()
    if row is None:
        return None
    return Response(
        lift=row.lift, low=row.low, high=row.high, depth=row.depth, use=row.use
    )
