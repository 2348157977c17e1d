"""What happened: the log, customers, projections, experiments."""

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.utils.translation import gettext_lazy


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = gettext_lazy("What happened")

    def ready(self) -> None:
        checks.register(_suppression_key, checks.Tags.security, deploy=True)


def _suppression_key(**_: Any) -> list[checks.CheckMessage]:
    if settings.SUPPRESSION_KEY != settings.SECRET_KEY:
        return []
    told = "Set SUPPRESSION_KEY: a new SECRET_KEY would let the erased come back."
    return [checks.Warning(told, id="analytics.W001")]
