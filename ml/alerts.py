"""Doubts about models, and surges of bad opinion, as operators are told of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from analytics import lookup
from analytics.alerts import Alert
from analytics.languages import reread, said
from ml import forecasts, registry
from ml.models import Surge

MOST = 10

KEPT = """
    SELECT (SELECT max(computed_at) FROM ml_forecast),
      (SELECT watch->'doubts' FROM ml_scoring ORDER BY id LIMIT 1),
      (SELECT json_agg(s) FROM (SELECT level, key, negative, texts, expected
        FROM ml_surge ORDER BY negative DESC, level, key LIMIT %s) s)
"""
"""When demand was forecast, what the scoring doubts, and what is under a surge, the
greatest first: the first page asks once.
"""


def current(at: datetime) -> list[Alert]:
    """Return alerts: registry.doubts, surges of opinion, forecasts gone stale."""
    ((newest, watched, surges),) = lookup.rows(KEPT, [MOST])
    return [
        *_stale(newest, at),
        *_doubts(watched or [], at),
        *map(_surge, surges or []),
    ]


def _stale(newest: datetime | None, at: datetime) -> list[Alert]:
    """Tell of forecasts that nobody makes any more: proposals go without them."""
    age = forecasts.too_old(newest, at)
    if age is None:
        return []
    text = _(
        "Demand was forecast %(days)s days ago; proposals and stock go without it."
    )
    told = text % {"days": age.days}
    return [Alert(code="forecast_stale", about="", text=told, table="ml_forecast")]


def _surge(row: Mapping[str, Any]) -> Alert:
    """Say what is under a surge."""
    text = _(
        "Much is said against %(what)s: %(negative)s of %(texts)s texts, usually "
        "%(usual).1f"
    )
    what = f"{Surge.Level(row['level']).label} {row['key']}"
    return Alert(
        code="opinion_surge",
        about=f"{row['level']} {row['key']}",
        text=text % {**row, "what": what, "usual": row["expected"]},
        table="ml_surge",
    )


def _doubts(watched: Sequence[str], at: datetime) -> list[Alert]:
    return [
        Alert(
            code="model_doubtful",
            about=doubt.partition(":")[0],
            text=_("A model is doubtful: %(doubt)s") % {"doubt": reread(said(doubt))},
            table="ml_trainedmodel",
        )
        for doubt in registry.doubts(at=at, watched=watched)
    ]
