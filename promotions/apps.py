"""What we offer."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "promotions"
    verbose_name = "What we offer"

    def ready(self) -> None:
        """Let operators be told of guessed codes and webhooks that fail."""
        from analytics import alerts as all_alerts
        from promotions import alerts

        all_alerts.OTHERS.append(alerts.current)
