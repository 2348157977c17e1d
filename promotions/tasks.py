"""Background work on offers and proposals."""

from celery import shared_task
from django.utils import timezone

from promotions import measurement, strategies, targeting


@shared_task(ignore_result=True)
def refresh_offers() -> None:
    """Compute every customer's offers; safe at any time and any number of times."""
    targeting.refresh(at=timezone.now())


@shared_task(ignore_result=True)
def measure() -> None:
    """Count again what each strategy has earned."""
    measurement.refresh(until=timezone.now())


@shared_task(ignore_result=True)
def propose() -> None:
    """Propose strategies from the newest scores."""
    strategies.propose(at=timezone.now())
