"""Sources: market data that are pulled by schedule, each with a row of its state.

What an adapter fetches goes the way of an uploaded file (catalog.intake): rows are
checked one by one, good ones are taken, the others are listed. A source is claimed by
moving its next time ahead: one whose worker was killed is fetched again after that.
"""

import hashlib
import os
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from analytics import clock, races
from catalog import adapters, intake
from catalog.adapters import Asked, Fetched
from catalog.fetching import Unfetched, Visitor
from catalog.models import Source

SOURCE_LOCK = 7_102_034
"""The advisory lock's key: one process fetches at a time."""
CLAIM = timedelta(minutes=15)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)
RUN = timedelta(minutes=4)
TOKENS = "MARKET_TOKEN_"
State = Source.State


def run(*, wall: Callable[[], datetime] = clock.wall) -> int:
    """Fetch what is due; return how many were tried. 0 if another process is at it."""
    begun, tried = wall(), 0
    with races.alone(SOURCE_LOCK) as alone:
        visitor = _visitor()
        while alone and wall() - begun < RUN and (row := _claimed(wall())):
            _fetch(row, visitor, wall)
            tried += 1
    return tried


def fetch_soon(key: int, *, at: datetime) -> None:
    """Have a source fetched with the next run."""
    Source.objects.filter(id=key).update(next_at=at, active=True)


def _visitor() -> Visitor:
    return Visitor(
        agent=settings.MARKET_AGENT,
        private=settings.MARKET_FROM_PRIVATE,
        most=intake.MOST_BYTES,
    )


def _claimed(at: datetime) -> Source | None:
    with transaction.atomic():
        due = Source.objects.select_for_update(skip_locked=True)
        row = due.filter(active=True, next_at__lte=at).order_by("next_at", "id").first()
        if row is not None:
            row.state, row.next_at = State.FETCHING, at + CLAIM
            row.save(update_fields=["state", "next_at"])
    return row


def _fetch(row: Source, visitor: Visitor, wall: Callable[[], datetime]) -> None:
    try:
        found = adapters.named(row.adapter).fetch(_asked(row, visitor))
        _took(row, found, wall())
    except (Unfetched, adapters.UnknownAdapter, intake.TooMany) as refusal:
        _failed(row, refusal, wall())
    except (intake.TooLarge, intake.Empty) as refusal:
        _failed(row, refusal, wall())
    except Exception as error:
        # Not its words: they may hold what was sent, the token too.
        _failed(row, Unfetched(type(error).__name__), wall())


def _asked(row: Source, visitor: Visitor) -> Asked:
    token = row.token if row.token.startswith(TOKENS) else ""
    return Asked(
        url=row.url,
        options=row.options,
        # A secret's file ends with a line break, which no header may hold.
        token=os.environ.get(token, "").strip(),
        cached={k: str(v) for k, v in row.cached.items() if k != "checksum"},
        visitor=visitor,
    )


def _took(row: Source, found: Fetched | None, at: datetime) -> None:
    with transaction.atomic():
        changed: dict[str, object] = {"state": State.SAME}
        if found is not None:
            digest = hashlib.sha256(found.body).hexdigest()
            changed["cached"] = {**found.cached, "checksum": digest}
            if digest != row.cached.get("checksum"):
                changed["state"] = State.TAKEN
                changed["feed"] = intake.receive(
                    found.name,
                    found.body,
                    what=row.what,
                    options=_options(row),
                    by=row.name,
                    at=clock.now(),
                    wanted=True,
                )
        Source.objects.filter(id=row.id).update(
            next_at=at + timedelta(minutes=row.every_minutes),
            fetched_at=at,
            error="",
            failures=0,
            **changed,
        )


def _options(row: Source) -> dict[str, str]:
    """Return what the file's rows do not say: columns are {field: column}."""
    given = {name: str(text) for name, text in row.options.items() if name != "columns"}
    columns = row.options.get("columns")
    if isinstance(columns, dict):
        given["columns"] = "\n".join(f"{name}={text}" for name, text in columns.items())
    return given


def _failed(row: Source, refusal: Exception, at: datetime) -> None:
    wait = min(FIRST_WAIT * 2 ** min(row.failures, 12), LONGEST_WAIT)
    asked = timedelta(seconds=getattr(refusal, "retry_after", 0))
    Source.objects.filter(id=row.id).update(
        state=State.FAILED,
        next_at=at + max(wait, min(asked, LONGEST_WAIT)),
        error=str(refusal)[:500],
        failures=row.failures + 1,
    )
