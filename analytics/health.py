"""Is the platform alive and ready; what Prometheus reads."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from analytics import alerts, clock, projections
from analytics.wording import Wording

HEARTBEAT = timedelta(seconds=60)
MOST_LAG = 100_000


def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers; no I/O."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """Database, cache, worker with beat, projections: 503 if one is not well."""
    checks, notes = verdicts(CHECKS), verdicts(NOTES)
    ready = all(verdict == "ok" for verdict in checks.values())
    return JsonResponse(
        {"ready": ready, "checks": checks, "notes": notes},
        status=200 if ready else 503,
    )


def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text: projections' lag, the workers' heartbeat, alerts."""
    # One for each answer: the global one refuses a second gauge of the same name.
    registry = CollectorRegistry()
    lag = Gauge(
        "proffer_projection_lag", "Positions to read", ["projection"], registry=registry
    )
    wrong = Gauge("proffer_alerts", "What is wrong", ["code"], registry=registry)
    up = Gauge("proffer_database_up", "1 if the database answers", registry=registry)
    try:
        _measure_database(lag, wrong)
        up.set(1)
    except DatabaseError:
        up.set(0)  # when the numbers are needed most, some must come
    age = Gauge("proffer_heartbeat_age_seconds", "Since beat", registry=registry)
    age.set(_heartbeat_age().total_seconds())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def verdicts(of: Mapping[str, Callable[[], str]]) -> dict[str, str]:
    """Return by name "ok", or what is wrong."""
    return {name: _verdict(check) for name, check in of.items()}


def _measure_database(lag: Gauge, wrong: Gauge) -> None:
    for name, positions in projections.lag().items():
        lag.labels(name).set(positions)
    for alert in alerts.current(clock.now()):
        wrong.labels(alert.code).inc()


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _cache() -> str:
    cache.get("heartbeat")
    return "ok"


def _worker() -> str:
    age = _heartbeat_age()
    if age > HEARTBEAT:
        return Wording("no worker or no beat: offers are not refreshed")
    return "ok"


def _projections() -> str:
    if errors := projections.stopped():
        return Wording("stopped: %(names)s", names=", ".join(sorted(errors)))
    behind = max(projections.lag().values(), default=0)
    if behind >= MOST_LAG:
        return Wording("%(positions)s positions behind", positions=behind)
    return "ok"


def _heartbeat_age() -> timedelta:
    beat = cache.get("heartbeat")
    if beat is None:
        return timedelta.max
    # The machine's time: in demo mode the shop's stands still.
    return clock.wall() - datetime.fromisoformat(beat)


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "cache": _cache,
    "worker": _worker,
    "projections": _projections,
}


def _clock() -> str:
    return (
        f"simulated: {clock.now():%Y-%m-%d %H:%M}" if settings.SIMULATED_CLOCK else "ok"
    )


NOTES: dict[str, Callable[[], str]] = {"clock": _clock}
"""What is told without being a fault; config.probes adds what other apps know."""


def _verdict(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:
        return type(error).__name__
