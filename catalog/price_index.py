"""Our prices beside each competitor's, read for pages: index, undercuts, ages.

The index is a weighted Jevons index: exp of the mean of log(ours / theirs), weighted by
what we take for each product in a week (ILO and others, Consumer Price Index Manual,
2020, chapter 8); 1.05 means that we are 5 % dearer. Without sales each counts alike.
Takings are counted in parts of the mean product's of their currency, since amounts of
different currencies have no sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from analytics import lookup
from catalog.competitors import MATCHED, STALE

# Of logarithms: theirs over ours is the inverse, and one dear product does not rule, as
# in a ratio of sums.
JEVONS = (
    "exp(sum(ln(ours / theirs) * w) / nullif(sum(w), 0)), exp(avg(ln(ours / theirs)))"
)
PRICED = (
    "SELECT c.competitor, p.*, p.ours * p.units::numeric / nullif("
    "avg(p.ours * p.units::numeric) OVER (PARTITION BY p.currency), 0) AS w"
    " FROM catalog_position p"
    " JOIN catalog_competitorproduct c ON c.id = p.product_id"
    # A logarithm needs both above 0.
    " WHERE p.fresh AND p.ours > 0 AND p.theirs > 0"
)
BY_CATEGORY = f"""
    SELECT category, competitor, count(*), {JEVONS},
      count(*) FILTER (WHERE theirs < ours), count(*) FILTER (WHERE depth IS NOT NULL)
    FROM ({PRICED}) p GROUP BY category, competitor
    ORDER BY coalesce(sum(w), 0) DESC, category, competitor LIMIT %s
"""  # noqa: S608
ALL = f"""
    SELECT c.competitor, count(*), count(m.sku) FILTER (WHERE m.state = ANY(%s)),
      count(*) FILTER (WHERE m.state = 'waiting'), max(c.seen_at),
      count(*) FILTER (WHERE c.seen_at < %s), i.weighted, i.plain, i.undercuts,
      i.promotions
    FROM catalog_competitorproduct c LEFT JOIN catalog_match m ON m.product_id = c.id
    LEFT JOIN (SELECT competitor, exp(sum(ln(ours / theirs) * w) / nullif(sum(w), 0))
        AS weighted, exp(avg(ln(ours / theirs))) AS plain,
        count(*) FILTER (WHERE theirs < ours) AS undercuts,
        count(*) FILTER (WHERE depth IS NOT NULL) AS promotions
      FROM ({PRICED}) p GROUP BY competitor) i USING (competitor)
    GROUP BY c.competitor, i.weighted, i.plain, i.undercuts, i.promotions
    ORDER BY 2 DESC, 1
"""  # noqa: S608
UNDERCUTS = f"""
    SELECT p.sku, trim(o.name || ' ' || o.size), p.product_id, competitor,
      p.currency, ours, theirs, p.cost, units, undercut_since, depth
    FROM ({PRICED}) p JOIN catalog_product o ON o.sku = p.sku
    WHERE theirs < ours AND undercut_since IS NOT NULL
    ORDER BY coalesce((1 - p.cost / ours) * w, 0) DESC, ours / theirs DESC, p.sku
    LIMIT %s
"""  # noqa: S608
PROMOTIONS = f"""
    SELECT p.sku, trim(o.name || ' ' || o.size), p.product_id, competitor,
      p.currency, usual, theirs, ours, depth, promotion_since
    FROM ({PRICED}) p JOIN catalog_product o ON o.sku = p.sku
    WHERE depth IS NOT NULL ORDER BY promotion_since DESC, depth DESC LIMIT %s
"""  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class Index:
    """Our prices over a competitor's: weighted by our takings, and each alike."""

    category: str
    competitor: str
    products: int
    weighted: float | None
    plain: float | None
    undercuts: int
    promotions: int

    @property
    def index(self) -> float | None:
        return self.plain if self.weighted is None else self.weighted


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A competitor: what of theirs we know, how old it is, how our prices stand."""

    competitor: str
    products: int
    matched: int
    waiting: int
    seen_at: datetime
    stale: int
    weighted: float | None
    plain: float | None
    undercuts: int
    promotions: int

    @property
    def index(self) -> float | None:
        return self.plain if self.weighted is None else self.weighted


@dataclass(frozen=True, kw_only=True)
class Undercut:
    """A product that a competitor sells for less, and what is at stake in a week.

    This is what an answer is proposed to: `stake` is the margin that the product's
    sales bring now; `matching` is the margin that meeting the price would cost if it
    sold nothing more.
    """

    sku: str
    name: str
    product: int
    competitor: str
    currency: str
    ours: Decimal
    theirs: Decimal
    cost: Decimal
    units: float
    since: datetime
    depth: float | None

    @property
    def gap(self) -> float:
        return float(self.theirs / self.ours) - 1

    @property
    def stake(self) -> Decimal:
        return (self.ours - self.cost) * Decimal(self.units)

    @property
    def matching(self) -> Decimal:
        return (self.ours - self.theirs) * Decimal(self.units)


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """A promotion of a competitor's that runs, on what we sell too."""

    sku: str
    name: str
    product: int
    competitor: str
    currency: str
    usual: Decimal
    theirs: Decimal
    ours: Decimal
    depth: float
    since: datetime


def by_category(*, most: int = 200) -> list[Index]:
    """Return the index of each category and competitor, the largest takings first."""
    return [
        Index(
            category=row[0],
            competitor=row[1],
            products=row[2],
            weighted=_float(row[3]),
            plain=_float(row[4]),
            undercuts=row[5],
            promotions=row[6],
        )
        for row in lookup.rows(BY_CATEGORY, [most])
    ]


def standings(at: datetime, *, stale: timedelta = STALE) -> list[Standing]:
    """Return every competitor, the one with most products first."""
    return [
        Standing(
            competitor=row[0],
            products=row[1],
            matched=row[2],
            waiting=row[3],
            seen_at=row[4],
            stale=row[5],
            weighted=_float(row[6]),
            plain=_float(row[7]),
            undercuts=row[8] or 0,
            promotions=row[9] or 0,
        )
        for row in lookup.rows(ALL, [list(MATCHED), at - stale])
    ]


def undercuts(*, most: int = 25) -> list[Undercut]:
    """Return what competitors sell for less, the largest margin at stake first."""
    names = tuple(Undercut.__dataclass_fields__)
    return [Undercut(**_named(names, row)) for row in lookup.rows(UNDERCUTS, [most])]


def promotions(*, most: int = 25) -> list[Promoted]:
    """Return the promotions of competitors that run, the newest first."""
    names = tuple(Promoted.__dataclass_fields__)
    return [Promoted(**_named(names, row)) for row in lookup.rows(PROMOTIONS, [most])]


def _named(names: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    return dict(zip(names, row, strict=True))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)
