"""What we sell."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = gettext_lazy("What we sell")

    def ready(self) -> None:
        """Let operators be told of the market."""
        from analytics import alerts as all_alerts
        from catalog import alerts

        all_alerts.OTHERS.append(alerts.current)
