"""What an operator must know about what comes in, counted when asked."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from analytics import projections
from analytics.models import Checkpoint, Hour, Rejection, WrongKey

WINDOW = timedelta(hours=1)
"""From the beginning of the hour before: whole hours are counted."""
FEWEST, HIGHEST = 10, 0.05
"""Of a source: so many rejections, and more than this share of its events."""
LATE = timedelta(seconds=30)
A_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something wrong: a stable code, with what, words, and the table to look at."""

    code: str
    about: str
    text: str
    table: str


OTHERS: list[Callable[[datetime], Iterable[Alert]]] = []
"""What other apps know; they add theirs when they are loaded."""


def current(at: datetime) -> list[Alert]:
    """Return all that is wrong at the moment, worst first."""
    ours = [*_stopped(), *_late(at), *_rejected(at), *_wrong_keys(at)]
    return ours + [alert for told in OTHERS for alert in told(at)]


def _stopped() -> Iterator[Alert]:
    for name, error in projections.stopped().items():
        text = _("The projection %(name)s has stopped: %(error)s")
        yield Alert(
            code="projection_stopped",
            about=name,
            text=text % {"name": name, "error": error},
            table="analytics_checkpoint",
        )


def _late(at: datetime) -> Iterator[Alert]:
    old = dict(
        Checkpoint.objects.filter(moved_at__lt=at - LATE, error="").values_list(
            "projection", "moved_at"
        )
    )
    for name, behind in projections.lag().items():
        if behind and name in old:
            text = _("The projection %(name)s is %(behind)s events behind")
            yield Alert(
                code="projection_late",
                about=name,
                text=text % {"name": name, "behind": behind},
                table="analytics_checkpoint",
            )


def _rejected(at: datetime) -> Iterator[Alert]:
    since = (at - WINDOW).replace(minute=0, second=0, microsecond=0)
    rows = Rejection.objects.filter(received_at__gte=since, resolved_at=None)
    counted = rows.values("source").annotate(refused=Count("id"))
    arrived = Hour.objects.filter(hour__gte=since)
    came = dict(
        arrived.values("source").annotate(n=Sum("events")).values_list("source", "n")
    )
    for row in counted.order_by("-refused"):
        total = row["refused"] + came.get(row["source"], 0)
        if row["refused"] >= FEWEST and row["refused"] > HIGHEST * total:
            text = _("%(source)s: %(refused)s of %(total)s events were refused")
            yield Alert(
                code="many_rejections",
                about=row["source"],
                text=text % {**row, "total": total},
                table="analytics_rejection",
            )


def _wrong_keys(at: datetime) -> Iterator[Alert]:
    rows = WrongKey.objects.filter(last_at__gte=at - A_DAY)
    for row in rows.order_by("-attempts")[:5]:
        text = _("An unknown key %(hint)s… was sent (%(times)s ×): its events are lost")
        yield Alert(
            code="wrong_key",
            about=row.digest,
            text=text % {"hint": row.hint, "times": row.attempts},
            table="analytics_wrongkey",
        )
