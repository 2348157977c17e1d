"""Doubts about models, told where operators look for what is wrong."""

from datetime import datetime

from django.utils.translation import gettext as _

from analytics.alerts import Alert
from analytics.languages import reread, said
from ml import forecasts, registry


def current(at: datetime) -> list[Alert]:
    """Return one alert for each of registry.doubts, and one of forecasts gone stale."""
    return [*_stale(at), *_doubts(at)]


def _stale(at: datetime) -> list[Alert]:
    """Tell of forecasts that nobody makes any more: proposals go without them."""
    age = forecasts.too_old(at)
    if age is None:
        return []
    text = _("Demand was forecast %(days)s days ago; proposals go without it.")
    told = text % {"days": age.days}
    return [Alert(code="forecast_stale", about="", text=told, table="ml_forecast")]


def _doubts(at: datetime) -> list[Alert]:
    return [
        Alert(
            code="model_doubtful",
            about=doubt.partition(":")[0],
            text=_("A model is doubtful: %(doubt)s") % {"doubt": reread(said(doubt))},
            table="ml_trainedmodel",
        )
        for doubt in registry.doubts(at=at)
    ]
