"""What is likely."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class MlConfig(AppConfig):
    name = "ml"
    verbose_name = gettext_lazy("What is likely")

    def ready(self) -> None:
        """Let operators be told of doubtful models, and `rebuild` count opinions."""
        from analytics import alerts as all_alerts
        from analytics import projections
        from ml import alerts, opinions

        all_alerts.OTHERS.append(alerts.current)
        projections.OTHERS[opinions.NAME] = opinions.recount
