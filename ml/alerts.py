"""Doubts about models, told where operators look for what is wrong."""

from datetime import datetime

from django.utils.translation import gettext as _

from analytics.alerts import Alert
from analytics.languages import reread, said
from ml import registry


def current(at: datetime) -> list[Alert]:
    """Return one alert for each of registry.doubts."""
    return [
        Alert(
            code="model_doubtful",
            about=doubt.partition(":")[0],
            text=_("A model is doubtful: %(doubt)s") % {"doubt": reread(said(doubt))},
            table="ml_trainedmodel",
        )
        for doubt in registry.doubts(at=at)
    ]
