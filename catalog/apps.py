"""What we sell."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = gettext_lazy("What we sell")

    def ready(self) -> None:
        """Let operators be told of the market, and `rebuild` read its prices again."""
        from analytics import alerts as all_alerts
        from analytics import projections
        from catalog import alerts, competitor_feeds

        all_alerts.OTHERS.append(alerts.current)
        projections.OTHERS["competitor_prices"] = competitor_feeds.recount
