"""What operators must know about codes and webhooks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from analytics.alerts import Alert
from promotions.models import CodeBatch, Endpoint, Guesser

A_DAY = timedelta(days=1)
FAILING = timedelta(hours=1)
MOST = 5


def current(at: datetime) -> list[Alert]:
    """Return what is wrong at the moment."""
    return [*_guessing(at), *_batches(), *_webhooks(at)]


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
