"""Doubts about models, and surges of bad opinion, as operators are told of them."""

from datetime import datetime

from django.utils.translation import gettext as _

from analytics.alerts import Alert
from analytics.languages import said
from ml import registry
from ml.models import Surge

MOST = 10


def current(at: datetime) -> list[Alert]:
    """Return one alert for each of registry.doubts, and for each surge."""
    return [*_doubts(at), *_surges()]


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
            text=_("A model is doubtful: %(doubt)s") % {"doubt": said(doubt)},
            table="ml_trainedmodel",
        )
        for doubt in registry.doubts(at=at)
    ]
