"""What is likely."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class MlConfig(AppConfig):
    name = "ml"
    verbose_name = gettext_lazy("What is likely")

    def ready(self) -> None:
        """Let operators be told of doubtful models."""
        from analytics import alerts as all_alerts
        from ml import alerts

        all_alerts.OTHERS.append(alerts.current)
