"""What operators must know about codes, webhooks and who works on them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Min
from django.utils.translation import gettext as _

from analytics import store
from analytics.alerts import Alert
from promotions.models import CodeBatch, Endpoint, Guesser

A_DAY = timedelta(days=1)
FAILING = timedelta(hours=1)
LATE = timedelta(minutes=5)
MOST = 5


def current(at: datetime) -> list[Alert]:
    """Return what is wrong at the moment."""
    return [*_guessing(at), *_batches(), *_webhooks(at), *_late(at)]


def _guessing(at: datetime) -> Iterator[Alert]:
    rows = Guesser.objects.filter(last_at__gte=at - A_DAY)
    for row in rows.order_by("-pauses", "digest")[:MOST]:
        text = _("Codes may be guessed: %(who)s of the key %(key)s (%(times)s ×)")
        yield Alert(
            code="code_guessing",
            about=row.digest,
            text=text % {"who": row, "key": row.key, "times": row.pauses},
            table="promotions_guesser",
        )


def _batches() -> Iterator[Alert]:
    for row in CodeBatch.objects.filter(state=CodeBatch.State.FAILED):
        yield Alert(
            code="code_batch_failed",
            about=str(row.id),
            text=_("A batch of codes failed: %s") % row.error,
            table="promotions_codebatch",
        )


def _webhooks(at: datetime) -> Iterator[Alert]:
    for row in Endpoint.objects.exclude(failing_since=None):
        if not row.active:
            text = _("The webhook %s took nothing, and was switched off")
            code = "webhook_off"
        elif row.failing_since and row.failing_since < at - FAILING:
            text, code = _("The webhook %s takes nothing"), "webhook_failing"
        else:
            continue
        yield Alert(
            code=code,
            about=str(row.id),
            text=text % row.url,
            table="promotions_endpoint",
        )


def _late(at: datetime) -> Iterator[Alert]:
    """What takes seconds has waited for minutes: its worker does not run."""
    if _untold(at) or _unmade(at):
        text = _("Webhooks and codes wait: the worker of the queue errands is down")
        yield Alert(
            code="errands_late", about="", text=text, table="promotions_delivery"
        )


def _untold(at: datetime) -> bool:
    """Say whether an event has not been read for an endpoint for long."""
    behind = Endpoint.objects.filter(active=True).aggregate(least=Min("position"))
    if behind["least"] is None:
        return False
    unread = store.read(after=behind["least"], until=store.high_water())
    first = next(unread, None)
    return first is not None and first.recorded_at < at - LATE


def _unmade(at: datetime) -> bool:
    """Say whether a batch has waited for long, with none under way before it."""
    rows = CodeBatch.objects.filter(state__in=["waiting", "running"])
    first = rows.order_by("created_at").first()
    return first is not None and first.made == 0 and first.created_at < at - LATE
