"""What we offer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class PromotionsConfig(AppConfig):
    name = "promotions"
    verbose_name = gettext_lazy("What we offer")

    def ready(self) -> None:
        """Let operators be told of guesses, dead webhooks, flags and signs of fraud."""
        # Not above: before this, Django's models are not loaded.
        from analytics import alerts as all_alerts
        from promotions import alerts, flags, fraud

        all_alerts.OTHERS += [alerts.current, flags.current, fraud.current]
