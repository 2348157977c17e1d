"""Whether a source works: it could be fetched, and its file could be read.

A page that blocks us comes with status 200, too: only who reads the file can tell. A
source whose file failed is asked for all of it again, though nothing changed there.
"""

from datetime import datetime, timedelta

from analytics.wording import Wording
from catalog import intake
from catalog.models import Feed, Source

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)


def failed(
    row: Source,
    refusal: Exception | str,
    at: datetime,
    *,
    state: Source.State = Source.State.FAILED,
) -> None:
    """Note why nothing came of it, and wait longer each time."""
    # 2¹² times five minutes are 14 days: beyond LONGEST_WAIT, and no number grows huge.
    wait = min(FIRST_WAIT * 2 ** min(row.failures, 12), LONGEST_WAIT)
    asked = timedelta(seconds=getattr(refusal, "retry_after", 0))
    Source.objects.filter(id=row.id).update(
        state=state,
        # Their Retry-After counts where it is longer, up to a day.
        next_at=at + max(wait, min(asked, LONGEST_WAIT)),
        error=intake.kept(str(refusal))[:500],
        failures=row.failures + 1,
    )


def ended(feed: Feed) -> None:
    """Note how the newest file of a source ended; other files are of nobody."""
    row = Source.objects.filter(feed=feed.id).first()
    if row is None or feed.state not in (Feed.State.DONE, Feed.State.FAILED):
        return
    if fault := _fault(feed):
        Source.objects.filter(id=row.id).update(cached={})
        at, unusable = row.fetched_at or feed.created_at, Source.State.UNUSABLE
        failed(row, fault, at, state=unusable)
    else:
        Source.objects.filter(id=row.id).update(error="", failures=0)


def _fault(feed: Feed) -> str:
    if feed.state == Feed.State.FAILED:
        return feed.error
    if not feed.rows:
        return Wording("the file has no rows")
    if feed.refused >= feed.rows:
        return Wording("all rows of the file were refused")
    return ""
