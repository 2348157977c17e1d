"""What operators must know about codes, webhooks and who works on them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from analytics import lookup
from analytics.alerts import Alert
from promotions.models import CodeBatch, Guesser

A_DAY = timedelta(days=1)
FAILING = timedelta(hours=1)
LATE = timedelta(minutes=5)
MOST = 5


# One statement: the first page asks for all of this at every look.
FOUND = """
    SELECT
      (SELECT coalesce(json_agg(b ORDER BY created_at), '[]') FROM (
         SELECT id, state, error, made, created_at < t.late AS old, created_at
           FROM promotions_codebatch
           WHERE state IN ('failed', 'waiting', 'running')) b),
      (SELECT coalesce(json_agg(e ORDER BY id), '[]') FROM (
         SELECT id, url, active, failing_since < t.failing AS long
           FROM promotions_endpoint WHERE failing_since IS NOT NULL) e),
      (SELECT s.recorded_at < t.late FROM analytics_storedevent s
         WHERE s.position > (
           SELECT min(position) FROM promotions_endpoint WHERE active)
         ORDER BY s.position LIMIT 1),
      (SELECT coalesce(json_agg(g), '[]') FROM (
         SELECT digest, kind, key, pauses FROM promotions_guesser
           WHERE last_at >= t.a_day ORDER BY pauses DESC, digest LIMIT %s) g),
      (SELECT coalesce(json_agg(o), '[]') FROM (
         SELECT s.id, s.title, count(*) AS n
           FROM promotions_priceline l
           JOIN promotions_strategy s ON s.id = l.strategy_id
           JOIN promotions_campaign c ON c.id = s.campaign_id
           WHERE l.state = 'overruled' AND s.state IN ('live', 'paused')
             AND c.ends_at > t.now
           GROUP BY s.id, s.title ORDER BY n DESC, s.id LIMIT %s) o),
      (SELECT EXISTS (SELECT FROM promotions_priceline l
         JOIN promotions_strategy s ON s.id = l.strategy_id
         WHERE l.state = 'planned' AND s.state = 'live' AND l.starts_at < t.late
           OR l.state IN ('planned', 'running') AND l.ends_at < t.late))
    FROM (SELECT %s::timestamptz AS late, %s::timestamptz AS failing,
      %s::timestamptz AS a_day, %s::timestamptz AS now) t
"""
"""Batches; webhooks that take nothing; whether what was not told has waited long; who
guesses codes; prices that the shop's feed did not want, of changes that still run;
whether prices should have begun or ended."""
Rows = list[dict[str, Any]]


def current(at: datetime) -> list[Alert]:
    """Return what is wrong at the moment."""
    times = [at - LATE, at - FAILING, at - A_DAY, at]
    found = lookup.row(FOUND, [MOST, MOST, *times])
    nothing: tuple[Any, ...] = ([], [], None, [], [], False)
    batches, endpoints, untold, guessers, overruled, unrolled = found or nothing
    return [
        *_guessing(guessers),
        *_batches(batches),
        *_webhooks(endpoints),
        *_late(late=bool(untold) or _unmade(batches)),
        *_overruled(overruled),
        *_unrolled(late=bool(unrolled)),
    ]


def _guessing(guessers: Rows) -> Iterator[Alert]:
    for found in guessers:
        row = Guesser(**found)
        text = _("Codes may be guessed: %(who)s of the key %(key)s (%(times)s ×)")
        yield Alert(
            code="code_guessing",
            about=row.digest,
            text=text % {"who": row, "key": row.key, "times": row.pauses},
            table="promotions_guesser",
        )


def _batches(batches: Rows) -> Iterator[Alert]:
    for row in batches:
        if row["state"] == CodeBatch.State.FAILED:
            yield Alert(
                code="code_batch_failed",
                about=row["id"],
                text=_("A batch of codes failed: %s") % row["error"],
                table="promotions_codebatch",
            )


def _webhooks(endpoints: Rows) -> Iterator[Alert]:
    for row in endpoints:
        if not row["active"]:
            text = _("The webhook %s took nothing, and was switched off")
            code = "webhook_off"
        elif row["long"]:
            text, code = _("The webhook %s takes nothing"), "webhook_failing"
        else:
            continue
        yield Alert(
            code=code,
            about=row["id"],
            text=text % row["url"],
            table="promotions_endpoint",
        )


def _overruled(strategies: Rows) -> Iterator[Alert]:
    for row in strategies:
        text = _("The shop's feed overrules %(lines)s prices of “%(title)s”")
        yield Alert(
            code="prices_overruled",
            about=row["id"],
            text=text % {"lines": row["n"], "title": row["title"]},
            table="promotions_strategy",
        )


def _unrolled(*, late: bool) -> Iterator[Alert]:
    if late:
        text = _("Prices do not begin or end: the worker of the queue prices is down")
        yield Alert(
            code="prices_late", about="", text=text, table="promotions_priceline"
        )


def _late(*, late: bool) -> Iterator[Alert]:
    """What takes seconds has waited for minutes: its worker does not run."""
    if late:
        text = _("Webhooks and codes wait: the worker of the queue errands is down")
        yield Alert(
            code="errands_late", about="", text=text, table="promotions_delivery"
        )


def _unmade(batches: Rows) -> bool:
    """Say whether a batch has waited for long, with none under way before it."""
    waiting = [row for row in batches if row["state"] != CodeBatch.State.FAILED]
    return bool(waiting) and waiting[0]["made"] == 0 and waiting[0]["old"]
