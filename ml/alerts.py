"""Doubts about models, and surges of bad opinion, as operators are told of them."""

from datetime import datetime

from django.utils.translation import gettext as _

from analytics.alerts import Alert
from analytics.languages import reread, said
from ml import forecasts, registry
from ml.models import Surge

MOST = 10


def current(at: datetime) -> list[Alert]:
    """Return alerts: registry.doubts, surges, forecasts gone stale."""
    return [*_stale(at), *_doubts(at), *_surges()]


def _stale(at: datetime) -> list[Alert]:
    """Tell of forecasts that nobody makes any more: proposals go without them."""
    age = forecasts.too_old(at)
    if age is None:
        return []
    text = _("Demand was forecast %(days)s days ago; proposals go without it.")
    told = text % {"days": age.days}
    return [Alert(code="forecast_stale", about="", text=told, table="ml_forecast")]


def _surges() -> list[Alert]:
    """Say what is under a surge, the greatest first."""
    rows = Surge.objects.order_by("-negative", "level", "key")[:MOST]
    text = _(
        "Much is said against %(what)s: %(negative)s of %(texts)s texts, usually "
        "%(usual).1f"
    )
    return [
        Alert(
            code="opinion_surge",
            about=f"{row.level} {row.key}",
            text=text
            % {
                "what": f"{row.get_level_display()} {row.key}",
                "negative": row.negative,
                "texts": row.texts,
                "usual": row.expected,
            },
            table="ml_surge",
        )
        for row in rows
    ]


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
