"""What operators must know of the market: feeds that stopped, sources, undercutting."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from analytics import lookup
from analytics.alerts import Alert
from catalog.models import Source

LATE = timedelta(days=7)
NEW = timedelta(days=2)
FAILURES = 3
FEWEST = 5
"""So many products of a competitor: one alone is told on the page, not as an alert."""
DEEP = 0.05

FOUND = """
    SELECT
      (SELECT coalesce(json_agg(c ORDER BY competitor), '[]') FROM (
         SELECT competitor, max(seen_at)::date AS seen
           FROM catalog_competitorproduct GROUP BY 1
           HAVING max(seen_at) < t.late AND max(seen_at) > t.gone) c),
      (SELECT coalesce(json_agg(s ORDER BY name), '[]') FROM (
         SELECT id, name, error, state FROM catalog_source
           WHERE active AND failures >= t.failures) s),
      (SELECT coalesce(json_agg(u ORDER BY competitor), '[]') FROM (
         SELECT competitor,
             count(*) FILTER (WHERE p.undercut_since >= t.new
               AND p.theirs > 0 AND p.theirs <= p.ours * (1 - t.deep)) AS undercut,
             count(*) FILTER (WHERE p.promotion_since >= t.new) AS promoted,
             max(p.depth) FILTER (WHERE p.promotion_since >= t.new) AS depth
           FROM catalog_position p JOIN catalog_competitorproduct c
             ON c.id = p.product_id WHERE p.fresh GROUP BY 1) u)
    FROM (SELECT %s::timestamptz AS late, %s::timestamptz AS gone,
      %s::timestamptz AS new, %s::int AS failures, %s::numeric AS deep) t
"""
"""All in one statement, as the first page has others to ask. A competitor that was not
seen for a year is forgotten here."""
Rows = list[dict[str, Any]]


def current(at: datetime) -> list[Alert]:
    """Return what is wrong, or new, at the moment."""
    values = [at - LATE, at - timedelta(days=365), at - NEW, FAILURES, DEEP]
    found = lookup.row(FOUND, values)
    stale, sources, moved = found or ([], [], [])
    return [*_stale(stale), *_sources(sources), *_moved(moved)]


def _stale(rows: Rows) -> Iterator[Alert]:
    for row in rows:
        text = _("Prices of %(competitor)s were last seen on %(seen)s")
        yield Alert(
            code="competitor_stale",
            about=row["competitor"],
            text=text % row,
            table="catalog_competitorproduct",
        )


def _sources(rows: Rows) -> Iterator[Alert]:
    for row in rows:
        text = _("The source %(name)s cannot be fetched: %(error)s")
        if row["state"] == Source.State.UNUSABLE:
            text = _("The source %(name)s was fetched, but is of no use: %(error)s")
        yield Alert(
            code="source_failing",
            about=str(row["id"]),
            text=text % row,
            table="catalog_source",
        )


def _moved(rows: Rows) -> Iterator[Alert]:
    for row in rows:
        if row["undercut"] >= FEWEST:
            text = _("%(competitor)s newly undercuts us on %(undercut)s products")
            yield Alert(
                code="competitor_undercuts",
                about=row["competitor"],
                text=text % row,
                table="catalog_position",
            )
        if row["promoted"] >= FEWEST:
            text = _(
                "%(competitor)s promotes %(promoted)s products, up to %(most)s %% off"
            )
            yield Alert(
                code="competitor_promotes",
                about=row["competitor"],
                text=text % {**row, "most": round(100 * row["depth"])},
                table="catalog_position",
            )
