"""Dead letters sent again, after a fix of the shop's mapping or of ours."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from analytics import ingestion, log_lock, wires
from analytics.models import Rejection


def replay(ids: Iterable[int], *, at: datetime) -> tuple[int, int]:
    """Ingest rejections again as they were sent; return how many came in, and not.

    One that is refused again keeps its row, with the newest reason. Repeating is safe.
    """
    done = [_again(id_, at) for id_ in ids]
    return sum(done), len(done) - sum(done)


def _again(id_: int, at: datetime) -> bool:
    with transaction.atomic():
        log_lock.hold()  # before the row, as an erasure takes them
        row = Rejection.objects.select_for_update().get(id=id_)
        if row.resolved_at is not None:
            return True
        [result] = ingestion.ingest(
            [bytes(row.body)],
            source=row.source,
            at=at,
            arrived=row.received_at,
            read=wires.reader(row.call),
            keep=False,
        )
        row.replays += 1
        if result.status == "rejected":
            row.reason, row.path = result.reason, result.path
        else:
            row.resolved_at = at
        row.save()
    return row.resolved_at is not None
