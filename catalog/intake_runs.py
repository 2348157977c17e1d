"""Files are looked into, and imported once somebody wants it, by a worker.

Safe at any time and when killed: rows go in by chunks, each with the feed's count of
them in one transaction; orders that are in the log already are passed over. A file that
breaks off again and again is given up, and keeps nobody waiting.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from analytics import cells, clock, columns, imports, opening, races, sheets
from analytics.imports import Report
from analytics.sheets import Sheet
from analytics.wording import Wording
from catalog import order_files, row_files, source_states
from catalog.intake import BUSY, MOST_ERRORS, MOST_ROWS, PERSONAL, kept, told
from catalog.kinds import KINDS, Kind
from catalog.models import Feed
from catalog.row_files import Chunk

INTAKE_LOCK = 7_102_031
"""The advisory lock's key: one process is at files at a time, and dies with its own."""
ATTEMPTS = 3
SHOWN = 10
EVERY = 0.5
"""Seconds between two notes of how far it is."""
State = Feed.State
UNREADABLE = (
    sheets.NotATable,
    columns.WrongMapping,
    cells.UnknownClock,
    row_files.NoColumns,
)


class TooManyRows(Exception):
    """The file has more rows than are taken by the web."""


def run() -> None:
    """Go on with all files that wait. If another process is at it, that one does."""
    with races.alone(INTAKE_LOCK) as alone:
        while alone and (row := _next()):
            if not _advance(row):
                return


def _next() -> Feed | None:
    """Return whose turn it is: whoever broke off comes last."""
    waiting = Feed.objects.filter(state__in=BUSY, body__isnull=False)
    return waiting.order_by("attempts", "created_at", "id").first()


def _advance(row: Feed) -> bool:
    """Look into a file, or import it; False if something else must end first."""
    if row.attempts >= ATTEMPTS:
        _end(
            row,
            State.FAILED,
            error=Wording("It broke off %(attempts)s times.", attempts=ATTEMPTS),
        )
        return True
    looks = row.state == State.WAITING
    # Counted before the work: a kill of the process must count, too.
    Feed.objects.filter(id=row.id).update(
        attempts=F("attempts") + 1, state=row.state if looks else State.TAKING
    )
    with TemporaryDirectory(prefix="proffer-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(bytes(row.body or b""))
        try:
            sheet = opening.opened(path, encoding=row.options.get("encoding", ""))
            # Of CSV the number is a guess by its size, which MOST_BYTES bounds.
            if sheet.form != "csv" and sheet.rows > MOST_ROWS:
                raise TooManyRows(
                    Wording(
                        "it has more than %(most_rows)s rows",
                        most_rows=f"{MOST_ROWS:,}",
                    )
                )
            if kind := KINDS.get(row.what):
                _rows(row, sheet, kind, look=looks)
            else:
                _orders(row, sheet, Path(folder) / "errors", look=looks)
        except imports.Busy:
            # It was not its fault: waiting for another import is no attempt.
            Feed.objects.filter(id=row.id).update(attempts=F("attempts") - 1)
            return False
        except (*UNREADABLE, TooManyRows) as error:
            # People know the file's name, not that of our copy.
            text = str(error).replace(str(path), f"“{row.name}”")
            _end(row, State.FAILED, error=text)
    return True


def _rows(row: Feed, sheet: Sheet, kind: Kind, *, look: bool) -> None:
    usual = {"currency": settings.CURRENCY}
    all_rows = {
        name: row.options.get(name) or usual.get(name, "") for name in kind.said
    }
    said = [one for one in row.options.get("columns", "").split("\n") if one]
    sources = row_files.mapped(said, sheet.header, kind, all_rows)
    before, row.errors = (0, []) if look else (row.done, row.errors)
    if not before:
        row.rows, row.errors = max(sheet.rows, 1), []
        row.done = row.taken = row.refused = row.changes = 0
    first, seen, noted = list[dict[str, str]](), 0, monotonic()
    for chunk in row_files.chunks(sheet, sources, kind, all_rows):
        seen += chunk.rows
        first += chunk.raw[: SHOWN - len(first)]
        # Taken before a kill: rows are read again to get there, and written once.
        if seen <= before:
            continue
        _count(row, chunk, seen)
        if not look:
            _take(row, chunk, kind)
        elif monotonic() - noted > EVERY:
            _note(row, "done", "rows")
            noted = monotonic()
    row.rows = row.done = seen
    unused = [name for name in sheet.header if name not in sources.values()]
    row.seen = row.seen | _seen(sheet, sources, unused, first)
    _end(row, State.SHOWN if look else State.DONE)


def _count(row: Feed, chunk: Chunk, seen: int) -> None:
    row.done, row.rows = seen, max(row.rows, seen)
    row.taken += len(chunk.listed)
    row.refused += chunk.rows - len(chunk.listed)
    room = MOST_ERRORS - len(row.errors)
    faults = chunk.faults
    # The row's number and the reason are enough to find it in one's own file.
    if row.what in PERSONAL:
        faults = [replace(one, value="") for one in faults]
    row.errors = [*row.errors, *told(faults)[:room]]


COUNTS = ("done", "rows", "taken", "refused", "changes", "errors")


def _take(row: Feed, chunk: Chunk, kind: Kind) -> None:
    """Take a chunk's good rows, and note so: both or neither."""
    with transaction.atomic():
        _note(row, *COUNTS)
        if chunk.listed:
            taken = kind.take(chunk.listed, at=clock.now())
            row.changes += taken.changes
    # What it changed is told with the next note: the log is written last.


def _orders(row: Feed, sheet: Sheet, errors: Path, *, look: bool) -> None:
    asked = order_files.order(row.options, dry_run=look)
    said = row.options.get("columns", "").split("\n")
    how = imports.reading(sheet, [one for one in said if one], asked)
    noted = monotonic()

    def moved(step: str, done: int, total: int) -> None:
        nonlocal noted
        if monotonic() - noted > EVERY:
            row.step, row.done, row.rows = step, done, total
            _note(row, "step", "done", "rows")
            noted = monotonic()

    report, faults = order_files.run(
        sheet, how, asked, errors=errors, at=clock.now(), progress=moved
    )
    row.rows = row.done = report.rows
    row.refused, row.errors = report.refused_rows, told(faults)
    row.taken, row.changes = report.orders, report.accepted
    names = {name: source.text for name, source in how.sources.items()}
    used = set(how.columns)
    unused = [name for name in sheet.header if name not in used]
    first = order_files.first_rows(sheet, how) if look else row.seen.get("first", [])
    row.seen = row.seen | _seen(sheet, names, unused, first) | _summed(report)
    row.seen |= {"clock": how.clock, "comma": how.comma}
    _end(row, State.SHOWN if look else State.DONE)


def _summed(report: Report) -> dict[str, Any]:
    return {
        "orders": report.orders,
        "known": report.known,
        "held": report.held,
        "customers": len(report.customers),
        "paid": {name: f"{paid:.2f}" for name, paid in report.paid.items()},
        "from": _day(report.first),
        "to": _day(report.last),
    }


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else ""


def _seen(
    sheet: Sheet, sources: Any, unused: list[str], first: list[dict[str, str]]
) -> dict[str, Any]:
    return {
        "form": sheet.form,
        "encoding": sheet.encoding if sheet.form == "csv" else "",
        "columns": dict(sources),
        "unused": unused,
        "first": first,
    }


def _note(row: Feed, *names: str) -> None:
    # Not save(): it would write the file's body, up to 32 MiB, each time.
    Feed.objects.filter(id=row.id).update(
        **{name: getattr(row, name) for name in names}
    )


def _end(row: Feed, state: str, *, error: str = "") -> None:
    """Tell how it ended. A file that tells of customers goes at once when taken."""
    row.state, row.error, row.finished_at = state, kept(error), clock.now()
    row.seen = kept(row.seen)
    row.attempts, row.step = 0, ""
    fields = [*COUNTS, "state", "error", "finished_at", "attempts", "step", "seen"]
    if state == State.DONE and row.what in PERSONAL:
        row.body, row.seen = None, row.seen | {"first": []}
        fields.append("body")
    with transaction.atomic():
        _note(row, *fields)
        source_states.ended(row)
