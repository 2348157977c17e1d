"""Feeds as operators see them: what came by the API, and files that they upload.

A file waits in its row, so that web and worker need no disk in common: it is looked
into first, and nothing is written until somebody says so. Rows of calls and files go
after a month, files themselves after a day.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from analytics.wording import Wording
from catalog.models import Feed

MOST_BYTES = 32 << 20
MOST_ROWS = 1_000_000
MOST_ERRORS = 100
"""Of a feed, that are kept; all are counted."""
MOST_WAITING = 20
MOST_CALLS = 500
"""Of the API's feeds, the newest are kept."""
KEEP = timedelta(days=30)
KEEP_FILES = timedelta(days=1)
State = Feed.State
PERSONAL = (Feed.What.ORDERS, Feed.What.REVIEWS)
"""What tells of customers: nothing of such a file is kept once it was taken."""
BUSY = (State.WAITING, State.WANTED, State.TAKING)


class TooLarge(Exception):
    """The file is longer than is taken by the web; the command takes any."""


class Empty(Exception):
    """The file holds nothing."""


class TooMany(Exception):
    """So many files wait already."""


class NotReady(Exception):
    """The file is being looked into or imported at this moment, or it is gone."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A refused row: of a file as a spreadsheet counts, of a call from 1."""

    row: int
    field: str
    reason: str
    value: str = ""


def told(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return the first faults as a feed's row keeps them: no table holds a NUL."""
    some = islice(faults, MOST_ERRORS)
    return [kept(asdict(one)) for one in some]


def kept(said: Any) -> Any:
    """Return what a file said, however nested, as a row can keep it: without a NUL."""
    if isinstance(said, dict):
        return {kept(name): kept(value) for name, value in said.items()}
    if isinstance(said, list):
        return [kept(one) for one in said]
    # A wording stays one: it is told in the reader's language.
    nul = isinstance(said, str) and "\0" in said
    return said.replace("\0", "\ufffd") if nul else said


def taken_call(
    name: str,
    *,
    rows: int,
    changes: int,
    at: datetime,
    what: str = Feed.What.PRODUCTS,
    unused: Sequence[str] = (),
) -> None:
    """Note a feed that came by the API, and fields of it that nobody knows."""
    Feed.objects.create(
        what=what,
        name=name,
        state=State.DONE,
        rows=rows,
        done=rows,
        taken=rows,
        changes=changes,
        seen={"unused": kept(list(unused))} if unused else {},
        created_at=at,
        finished_at=at,
    )


def refused_call(
    name: str,
    *,
    rows: int,
    faults: Sequence[Fault],
    at: datetime,
    what: str = Feed.What.PRODUCTS,
) -> None:
    """Note a feed that the API refused: nothing of it was taken."""
    Feed.objects.create(
        what=what,
        name=name,
        state=State.FAILED,
        rows=rows,
        # A row may have several faults.
        refused=len({one.row for one in faults}),
        errors=told(faults),
        created_at=at,
        finished_at=at,
    )


def receive(
    name: str,
    body: bytes,
    *,
    what: str,
    options: Mapping[str, str],
    by: str,
    at: datetime,
    wanted: bool = False,
) -> Feed:
    """Take a file in, to be looked into; if `wanted`, to be imported at once.

    :raises Empty, TooLarge, TooMany: it is not taken.
    """
    if not body:
        raise Empty(Wording("The file is empty."))
    if len(body) > MOST_BYTES:
        raise TooLarge(
            Wording(
                "The file has more than %(most)s MiB: import it by the command.",
                most=MOST_BYTES >> 20,
            )
        )
    if Feed.objects.filter(state__in=BUSY).count() >= MOST_WAITING:
        raise TooMany(Wording("%(number)s files wait already.", number=MOST_WAITING))
    return Feed.objects.create(
        what=what,
        name=name[:200],
        by=by,
        by_file=True,
        options=dict(options),
        state=State.WANTED if wanted else State.WAITING,
        size=len(body),
        checksum=hashlib.sha256(body).hexdigest(),
        body=body,
        created_at=at,
    )


def start(key: UUID) -> None:
    """Have a file imported that was looked into; again is safe.

    :raises NotReady: it is at work, it could not be read, or the file is gone.
    """
    ready = Feed.objects.filter(id=key, body__isnull=False)
    # With columns it was looked into: the import failed, not the look.
    ready = ready.filter(state__in=[State.SHOWN, State.DONE]) | ready.filter(
        state=State.FAILED, seen__has_key="columns"
    )
    zero = dict.fromkeys(("done", "taken", "changes", "refused", "attempts"), 0)
    if not ready.update(state=State.WANTED, error="", finished_at=None, **zero):
        raise NotReady(Wording("This file cannot be imported now."))


def waiting() -> bool:
    """Whether there is something for a worker to do."""
    return Feed.objects.filter(state__in=BUSY, body__isnull=False).exists()


def newest(*, most: int) -> QuerySet[Feed]:
    """Return the newest feeds, without their files."""
    return Feed.objects.defer("body").order_by("-created_at")[:most]


def forget(*, at: datetime) -> None:
    """Drop files after a day, rows after a month, and more calls than are kept."""
    old_files = Feed.objects.filter(body__isnull=False, created_at__lt=at - KEEP_FILES)
    # Before the bodies go: without one a row is found by this query no more.
    old_files.filter(what__in=PERSONAL).update(seen={})
    old_files.update(body=None)
    Feed.objects.filter(created_at__lt=at - KEEP).delete()
    calls = Feed.objects.filter(by_file=False).order_by("-created_at")
    kept = calls.values_list("id", flat=True)[:MOST_CALLS]
    Feed.objects.filter(by_file=False).exclude(id__in=list(kept)).delete()
