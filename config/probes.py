"""What monitoring asks is answered before the Host header is looked at.

Probes and Prometheus go by IP address, which nobody lists in ALLOWED_HOSTS.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from analytics import clock, health
from ml import registry

Answer = Callable[[HttpRequest], HttpResponseBase]
PATHS: dict[str, Answer] = {
    "/healthz": health.healthz,
    "/readyz": health.readyz,
    "/metrics": health.metrics,
}


def _models() -> str:
    """Doubtful models still answer, so they are told of and no fault."""
    return "; ".join(registry.doubts(at=clock.now())) or "ok"


health.NOTES["models"] = _models


def by_any_host(get_response: Answer) -> Answer:
    """The outermost middleware."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        return PATHS.get(request.path_info, get_response)(request)

    return answer
