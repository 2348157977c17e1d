"""What storefronts read of prices, kept in each process's memory and never stale.

Every call asks the table what has changed since the newest version that this process
has seen: versions grow in the order in which transactions end, so nothing is passed
over. Only products that were asked for are kept.
"""

from collections.abc import Sequence
from threading import Lock
from typing import Any

from analytics import lookup

MOST = 200_000
"""Products in memory, about 60 MB; beyond that all are forgotten."""
MOST_NEWS = 10_000
NEWS = (
    "SELECT sku, version, body FROM catalog_shownprice WHERE version > %s"
    " ORDER BY version DESC LIMIT %s"
)
NEWEST = "SELECT coalesce(max(version), 0) FROM catalog_shownprice"
SOME = "SELECT sku, version, body FROM catalog_shownprice WHERE sku = ANY(%s)"
SINCE = f"""
    WITH asked AS (
      SELECT CASE WHEN s.since > n.newest THEN 0 ELSE s.since END AS since
      FROM (SELECT %s::bigint) AS s (since), ({NEWEST}) AS n (newest))
    SELECT coalesce(max(version), (SELECT since FROM asked)),
      coalesce(string_agg(body, ',' ORDER BY version), ''), count(*)
    FROM (SELECT version, body FROM catalog_shownprice
      WHERE version > (SELECT since FROM asked) ORDER BY version LIMIT %s) f
"""  # noqa: S608
"""What lies beyond the end is of another database, or of one before a backup was put
back: it begins anew."""
Kept = tuple[int, str]
UNKNOWN: Kept = (0, "")


class Memory:
    """Prices by product, as of a version: those above it are read first."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Keep nothing."""
        self.kept: dict[str, Kept] = {}
        self.seen: int | None = None

    def read(self, skus: Sequence[str]) -> tuple[int, list[Kept]]:
        """Return what was seen, and (version, body) of each product; or UNKNOWN."""
        # One at a time: a row read before news must not be kept after them.
        with self.lock:
            self._hear()
            missing = [sku for sku in skus if sku not in self.kept]
            if missing:
                self._keep(lookup.rows(SOME, [missing]))
            # Of what there is not, nothing is kept: strangers could name anything.
            return self.seen or 0, [self.kept.get(sku, UNKNOWN) for sku in skus]

    def _hear(self) -> None:
        if self.seen is None or len(self.kept) > MOST:
            self._begin()
            return
        news = lookup.rows(NEWS, [self.seen, MOST_NEWS])
        # There may be more: to begin anew is cheaper than to page.
        if len(news) == MOST_NEWS:
            self._begin()
        elif news:
            self._keep([row for row in news if row[0] in self.kept])
            self.seen = news[0][1]

    def _begin(self) -> None:
        self.forget()
        self.seen = (lookup.row(NEWEST, []) or [0])[0]

    def _keep(self, rows: Sequence[tuple[Any, ...]]) -> None:
        for sku, version, body in rows:
            self.kept[sku] = (version, body)


memory = Memory()


def read(skus: Sequence[str]) -> tuple[int, int, str]:
    """Return (seen, newest, rows): these products' prices as JSON rows.

    `newest` is the highest version among them, `seen` that of all prices when they
    were read: while NEWEST says so, nothing has changed.
    """
    seen, found = memory.read(skus)
    newest = max(version for version, _ in found) if found else 0
    return seen, newest, ",".join([body for _, body in found if body])


def since(version: int, limit: int) -> tuple[int, str, int]:
    """Return the next cursor, what changed after this one, as rows, and how many."""
    found = lookup.row(SINCE, [version, limit])
    return found or (version, "", 0)
