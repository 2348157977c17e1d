"""What an operator must know about what comes in, counted when asked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from analytics import lookup, projections
from analytics.languages import reread

WINDOW = timedelta(hours=1)
"""From the beginning of the hour before: whole hours are counted."""
FEWEST, HIGHEST = 10, 0.05
"""Of a source: so many rejections, and more than this share of its events."""
LATE = timedelta(seconds=30)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something wrong: a stable code, with what, words, and the table to look at."""

    code: str
    about: str
    text: str
    table: str


OTHERS: list[Callable[[datetime], Iterable[Alert]]] = []
"""What other apps know; they add theirs when they are loaded."""


FOUND = """
    SELECT
      (SELECT coalesce(json_agg(c ORDER BY projection), '[]') FROM (
         SELECT projection, position, error, moved_at < t.late AND coalesce(
             (SELECT e.recorded_at < t.late FROM analytics_storedevent e
              WHERE e.position > p.position ORDER BY e.position LIMIT 1), true) AS old
           FROM analytics_checkpoint p WHERE error <> '' OR moved_at < t.late) c),
      greatest(0, (SELECT max(position) FROM analytics_storedevent),
         (SELECT max(last_position) FROM analytics_archive)),
      (SELECT coalesce(json_agg(r ORDER BY refused DESC, source), '[]') FROM (
         SELECT source, count(*) AS refused, (SELECT coalesce(sum(h.events), 0)
             FROM analytics_hour h WHERE h.source = r.source AND h.hour >= t.since)
             AS came
           FROM analytics_rejection r
           WHERE received_at >= t.since AND resolved_at IS NULL GROUP BY source) r),
      (SELECT coalesce(json_agg(k ORDER BY attempts DESC), '[]') FROM (
         SELECT digest, hint, attempts FROM analytics_wrongkey
           WHERE last_at >= t.yesterday ORDER BY attempts DESC LIMIT 5) k)
    FROM (SELECT %s::timestamptz AS late, %s::timestamptz AS since,
      %s::timestamptz AS yesterday) t
"""
"""All in one statement: the first page asks it, and has others to ask.

How far the log has come is asked without the barrier of store.high_water: what is
not committed yet is not late. Nor is what came a moment ago, after a quiet hour.
"""
Rows = list[dict[str, Any]]


def current(at: datetime) -> list[Alert]:
    """Return all that is wrong at the moment, worst first."""
    since = (at - WINDOW).replace(minute=0, second=0, microsecond=0)
    found = lookup.row(FOUND, [at - LATE, since, at - A_DAY])
    checkpoints, newest, refused, keys = found or ([], 0, [], [])
    ours = [
        *_stopped(checkpoints),
        *_late(checkpoints, newest),
        *_rejected(refused),
        *_wrong_keys(keys),
    ]
    return ours + [alert for told in OTHERS for alert in told(at)]


def _stopped(checkpoints: Rows) -> Iterator[Alert]:
    for row in checkpoints:
        if row["error"]:
            text = _("The projection %(name)s has stopped: %(error)s")
            yield Alert(
                code="projection_stopped",
                about=row["projection"],
                text=text
                % {"name": reread(row["projection"]), "error": reread(row["error"])},
                table="analytics_checkpoint",
            )


def _late(checkpoints: Rows, newest: int) -> Iterator[Alert]:
    for row in checkpoints:
        name, behind = row["projection"], newest - row["position"]
        # A checkpoint may be of a count of another app's (ml.opinions).
        if name in projections.ALL and row["old"] and not row["error"] and behind > 0:
            text = _("The projection %(name)s is %(behind)s events behind")
            yield Alert(
                code="projection_late",
                about=name,
                text=text % {"name": reread(name), "behind": behind},
                table="analytics_checkpoint",
            )


def _rejected(refused: Rows) -> Iterator[Alert]:
    for row in refused:
        total = row["refused"] + row["came"]
        if row["refused"] >= FEWEST and row["refused"] > HIGHEST * total:
            text = _("%(source)s: %(refused)s of %(total)s events were refused")
            yield Alert(
                code="many_rejections",
                about=row["source"],
                text=text % {**row, "total": total},
                table="analytics_rejection",
            )


def _wrong_keys(keys: Rows) -> Iterator[Alert]:
    for row in keys:
        text = _("An unknown key %(hint)s… was sent (%(times)s ×): its events are lost")
        yield Alert(
            code="wrong_key",
            about=row["digest"],
            text=text % {"hint": row["hint"], "times": row["attempts"]},
            table="analytics_wrongkey",
        )
