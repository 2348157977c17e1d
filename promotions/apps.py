"""What we offer."""

from django.apps import AppConfig


class PromotionsConfig(AppConfig):
    name = "promotions"
    verbose_name = "What we offer"

    def ready(self) -> None:
        """Let operators be told of guesses, dead webhooks, flags and signs of fraud."""
        from analytics import alerts as all_alerts
        from promotions import alerts, flags, fraud

        all_alerts.OTHERS += [alerts.current, flags.current, fraud.current]
