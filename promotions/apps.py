"""What we offer."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "promotions"
    verbose_name = "What we offer"

    def ready(self) -> None:
        """Let operators be told of guesses, failing webhooks and signs of fraud."""
        from analytics import alerts as all_alerts
        from promotions import alerts, fraud

        all_alerts.OTHERS += [alerts.current, fraud.current]
