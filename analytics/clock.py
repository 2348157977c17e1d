"""What time it is: the system's time, or in demo mode one that a secret key moves.

`now` is the shop's time: when something happened, what is live, what is due. With
SIMULATED_CLOCK on it stands still in a row of the database, so that web, worker and
beat agree at once, and only analytics.agenda moves it. `wall` is the machine's time,
for what concerns processes and peers: trainings' pulses and heartbeats, queues,
deliveries of webhooks (whose receivers check signatures by their own clocks), pauses
after wrong codes. Durations are measured by time.monotonic or perf_counter. ruff lets
nobody but this module ask Django.
"""

from datetime import datetime

from django.conf import settings
from django.utils import timezone

from analytics import lookup


def now() -> datetime:
    """Return the shop's time, aware, in UTC."""
    if settings.SIMULATED_CLOCK and (moved := simulated()):
        return moved
    return wall()


def wall() -> datetime:
    """Return the machine's time, aware, in UTC."""
    return timezone.now()  # noqa: TID251 - here alone


def simulated() -> datetime | None:
    """Return where the clock was moved to; None while nobody has moved it."""
    row = lookup.row("SELECT now FROM analytics_clock", [])
    return row[0] if row else None
