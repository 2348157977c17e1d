"""Doubts about models, told where operators look for what is wrong."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _

from analytics import lookup
from analytics.alerts import Alert
from analytics.languages import reread, said
from ml import forecasts, registry

KEPT = """
    SELECT (SELECT max(computed_at) FROM ml_forecast),
      (SELECT watch->'doubts' FROM ml_scoring ORDER BY id LIMIT 1)
"""
"""When demand was forecast, and what the scoring doubts: the first page asks once."""


def current(at: datetime) -> list[Alert]:
    """Return one alert for each of registry.doubts, and one of forecasts gone stale."""
    ((newest, watched),) = lookup.rows(KEPT, [])
    return [*_stale(newest, at), *_doubts(watched or [], at)]


def _stale(newest: datetime | None, at: datetime) -> list[Alert]:
    """Tell of forecasts that nobody makes any more: proposals go without them."""
    age = forecasts.too_old(newest, at)
    if age is None:
        return []
    text = _("Demand was forecast %(days)s days ago; proposals go without it.")
    told = text % {"days": age.days}
    return [Alert(code="forecast_stale", about="", text=told, table="ml_forecast")]


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
