"""Background work: projections catch up, what was erased goes everywhere, alerts."""

import logging
from datetime import timedelta

from celery import shared_task
from django.core.cache import cache

from analytics import agenda, alerts, archive, clock, privacy, projections
from analytics.models import Rejection, WrongKey

KEEP_REJECTIONS = timedelta(days=30)
log = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def catch_up() -> None:
    """Fold new events into every projection until nothing is left."""
    while projections.catch_up():
        pass


@shared_task(ignore_result=True)
def forget_rejections() -> None:
    """Delete rejected events after 30 days: they may hold personal text."""
    old = clock.now() - KEEP_REJECTIONS
    Rejection.objects.filter(received_at__lt=old).delete()
    WrongKey.objects.filter(last_at__lt=old).delete()


@shared_task(ignore_result=True)
def forget_erased() -> None:
    """Take erased customers out of the archives, and what came back meanwhile."""
    archive.forget()
    privacy.sweep()


@shared_task(ignore_result=True)
def alert() -> None:
    """Log what is wrong, once until it changes, for whatever watches the logs."""
    now = alerts.current(clock.now())
    known = cache.get("alerts", set())
    for alert in now:
        if (alert.code, alert.about) not in known:
            log.warning("%s: %s", alert.code, alert.text)
    cache.set("alerts", {(a.code, a.about) for a in now}, timeout=3600)


@shared_task(ignore_result=True)
def play() -> None:
    """In demo mode: do what is due by the moved clock."""
    agenda.play()


@shared_task(ignore_result=True)
def heartbeat() -> None:
    """Prove that beat sends and a worker works."""
    cache.set("heartbeat", clock.wall().isoformat(), timeout=None)
