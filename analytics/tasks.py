"""Background work: projections catch up, old rejections go, workers show they live."""

from datetime import timedelta

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from analytics import projections
from analytics.models import Rejection

KEEP_REJECTIONS = timedelta(days=30)


@shared_task(ignore_result=True)
def catch_up() -> None:
    """Fold new events into every projection until nothing is left."""
    while projections.catch_up():
        pass


@shared_task(ignore_result=True)
def forget_rejections() -> None:
    """Delete rejected events after 30 days: they may hold personal text."""
    old = timezone.now() - KEEP_REJECTIONS
    Rejection.objects.filter(received_at__lt=old).delete()


@shared_task(ignore_result=True)
def heartbeat() -> None:
    """Prove that beat sends and a worker works."""
    cache.set("heartbeat", timezone.now().isoformat(), timeout=None)
