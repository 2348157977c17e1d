"""Batches of unique random codes, made in the background.

A chunk of codes and the batch's count of them are one transaction, so a worker that is
killed loses at most a chunk, and whoever goes on makes exactly what is missing. A text
that is taken fails its chunk, which is drawn anew.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from analytics import races
from analytics.wording import Wording
from promotions import spelling
from promotions.models import Code, CodeBatch, Strategy

BATCH_LOCK = 7_102_021
"""The advisory lock's key: one process makes codes at a time, and dies with its own."""
CHUNK = 10_000
ATTEMPTS = 20
COLUMNS = (
    "digest, id, text, strategy_id, batch_id, customer, uses, most_uses, active,"
    " expires_at"
)
State = CodeBatch.State


class TooShort(Exception):
    """Codes of this length could be guessed."""


class BadPrefix(Exception):
    """A prefix has other characters than people can read aloud."""


class TooMany(Exception):
    """One batch has at most settings.MOST_CODES codes."""


def request(
    strategy: Strategy,
    *,
    number: int,
    prefix: str = "",
    length: int | None = None,
    most_uses: int | None = 1,
    expires_at: datetime | None = None,
    by: str,
    at: datetime,
) -> CodeBatch:
    """Ask for a batch, which a worker makes. Raises as `check`."""
    length = check(number, prefix, length)
    return CodeBatch.objects.create(
        strategy=strategy,
        number=number,
        prefix=prefix,
        length=length,
        most_uses=most_uses,
        expires_at=expires_at,
        requested_by=by,
        created_at=at,
    )


def check(number: int, prefix: str, length: int | None) -> int:
    """Return how many random characters a batch's codes get: `length`, or the least.

    :raises TooMany: more codes than a batch may have.
    :raises BadPrefix: the prefix is too long, or of other characters.
    :raises TooShort: so many codes need more random characters; the message says it.
    """
    if not 1 <= number <= settings.MOST_CODES:
        raise TooMany(
            Wording("A batch has 1 to %(most)s codes.", most=f"{settings.MOST_CODES:,}")
        )
    if wrong := spelling.prefix_fault(prefix):
        raise BadPrefix(wrong)
    least = _least(number, prefix)
    if length is not None and length < least:
        raise TooShort(
            Wording(
                "%(number)s codes need at least %(least)s random characters, so that "
                "no more than one guess in %(odds)s hits one.",
                number=f"{number:,}",
                least=least,
                odds=f"{spelling.ODDS:,}",
            )
        )
    return length or least


def run() -> None:
    """Make the codes of all batches that wait or were left half-way.

    If another process is at it, that one does.
    """
    with races.alone(BATCH_LOCK) as alone:
        while alone and (batch := _next()):
            _make(batch)


def _least(number: int, prefix: str) -> int:
    """Codes of earlier batches with the same prefix are targets of the same guesses."""
    before = CodeBatch.objects.filter(prefix=prefix).aggregate(n=Sum("number"))["n"]
    return spelling.needed(number + (before or 0))


def _next() -> CodeBatch | None:
    waiting = CodeBatch.objects.filter(state__in=[State.WAITING, State.RUNNING])
    return waiting.order_by("created_at", "id").first()


def _make(batch: CodeBatch) -> None:
    taken = 0
    while taken < ATTEMPTS:
        try:
            if not _chunk(batch):
                return
        except IntegrityError:
            taken += 1
        else:
            taken = 0
    rows = CodeBatch.objects.filter(id=batch.id)
    rows.update(state=State.FAILED, error="There are no free codes of this prefix.")


def _chunk(batch: CodeBatch) -> bool:
    """Make the next codes; say whether some are left."""
    with transaction.atomic():
        row = CodeBatch.objects.select_for_update().get(id=batch.id)
        if row.state not in (State.WAITING, State.RUNNING):
            return False
        size = min(CHUNK, row.number - row.made)
        _copy(row, _texts(row, size))
        row.made += size
        row.state = State.DONE if row.made == row.number else State.RUNNING
        row.save(update_fields=["made", "state"])
        return row.state == State.RUNNING


def _texts(batch: CodeBatch, size: int) -> Iterator[str]:
    wanted = size * batch.length
    drawn = ""
    while len(drawn) < wanted:
        drawn += spelling.letters(secrets.token_bytes(wanted - len(drawn) + 64))
    for start in range(0, wanted, batch.length):
        yield batch.prefix + drawn[start : start + batch.length]


def _copy(batch: CodeBatch, texts: Iterator[str]) -> None:
    most = "\\N" if batch.most_uses is None else str(batch.most_uses)
    until = "\\N" if batch.expires_at is None else batch.expires_at.isoformat()
    same = f"{batch.strategy_id}\t{batch.id}\t\\N\t0\t{most}\tt\t{until}\n"
    # COPY's own spelling: a digest in hex behind \\x, \N for null.
    lines = "".join(
        f"\\\\x{spelling.digest(text).hex()}\t{uuid4()}\t{text}\t{same}"
        for text in texts
    )
    table = Code._meta.db_table
    with (
        connection.cursor() as cursor,
        # `copy` goes past Django's cursor: else a taken text is psycopg's own error.
        connection.wrap_database_errors,
        cursor.copy(f"COPY {table} ({COLUMNS}) FROM STDIN") as copy,
    ):
        copy.write(lines)
