"""Bring a shop's order history into the log from a file of order lines.

Through the door that everybody uses (`ingestion.ingest`), each order one event whose id
comes from the order's number: what is known already is passed over, so a second import,
or one that goes on after a kill, adds nothing twice. An order with a bad row is refused
whole and every row of it reported; so is one that a row may belong to whose order
cannot be read (analytics.strays).

The lines of an order need not be adjacent (analytics.buckets). Within a bucket the
oldest order goes first; across buckets positions do not follow time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from analytics import (
    archive,
    buckets,
    cells,
    glances,
    identity,
    ingestion,
    native,
    races,
    refusals,
)
from analytics.assembled import assembled
from analytics.buckets import Progress
from analytics.cells import Reading
from analytics.columns import mapped
from analytics.refusals import Refusals
from analytics.sent import Refused, event_id
from analytics.sheets import Sheet
from analytics.wording import Wording

IMPORT_LOCK = 7_102_037
"""The advisory lock's key: one import at a time, since it owns its folder."""
BATCH = 5000
BUCKET_ROWS = 200_000
SOURCE = "import"


class Busy(Exception):
    """Another import is under way."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """How to import: what the command's options say."""

    timezone: str = "UTC"
    clock: str = ""
    comma: bool | None = None
    currency: str = ""
    prefix: str = "order-"
    limit: int | None = None
    dry_run: bool = False


@dataclass(kw_only=True)
class Report:
    """What became of the file; `first_faults` are (row, column, reason, value).

    `held` counts the orders that a row may belong to which names none.
    """

    rows: int = 0
    orders: int = 0
    accepted: int = 0
    known: int = 0
    refused_rows: int = 0
    held: int = 0
    repeated_rows: int = 0
    lines: int = 0
    paid: dict[str, float] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None
    customers: set[str] = field(default_factory=set)
    first_faults: list[tuple[object, ...]] = field(default_factory=list)


def reading(sheet: Sheet, said: list[str], how: Order) -> Reading:
    """Say how the file's cells are to be read: as said, else guessed from its start.

    :raises columns.WrongMapping, cells.UnknownClock: what must be said.
    """
    sources = mapped(said, sheet.header)
    if "currency" not in sources and not how.currency:
        raise cells.UnknownClock(
            "the file has no currency: say --currency, such as EUR"
        )
    wanted = Reading(sources=sources).columns
    sample = next((rows for rows in sheet.batches(wanted) if len(rows)), None)
    # This was only a look: the reading finds its broken rows again.
    sheet.broken.clear()
    if sample is None:
        raise cells.UnknownClock(f"{sheet.path} has a header and no rows")
    comma = how.comma
    return Reading(
        sources=sources,
        timezone=how.timezone,
        clock=how.clock or cells.guess_clock(sample[sources["at"].text]),
        comma=cells.guess_comma(sample, sources) if comma is None else comma,
        currency=how.currency,
    )


def run(
    sheet: Sheet,
    how: Reading,
    order: Order,
    *,
    errors: Path,
    at: datetime,
    progress: Progress,
) -> Report:
    """Import the file, or say what would happen; what is refused goes to `errors`.

    :raises Busy: another import is under way.
    """
    report, faults = Report(), Refusals(errors)
    with _alone(), buckets.folder() as folder:
        # One bucket is in memory at a time.
        count = 1 + sheet.rows // BUCKET_ROWS
        spread = buckets.Spread(sheet, how, order.limit, faults)
        report.rows = spread.over(folder, count, progress)
        for number in range(count):
            lines = buckets.bucket(folder / str(number))
            if lines is not None:
                _take(lines, order, report, faults, spread.held.by, at)
            progress("orders", number + 1, count)
    report.refused_rows, report.first_faults = faults.rows, faults.first
    return report


@contextmanager
def _alone() -> Iterator[None]:
    with races.alone(IMPORT_LOCK) as alone:
        if not alone:
            raise Busy(Wording("another import is under way"))
        yield


def _take(
    lines: pl.DataFrame,
    how: Order,
    report: Report,
    faults: Refusals,
    held: dict[str, int],
    at: datetime,
) -> None:
    orders = assembled(lines, how.prefix)
    free = ~pl.col("order").is_in(list(held))
    good = orders.filter(pl.col("whole") & free).sort("at", "order")
    report.held += len(orders) - len(orders.filter(free))
    faults.add(refusals.torn(lines, orders, held))
    refused: dict[str, tuple[str, str]] = {}
    for start in range(0, len(good), BATCH):
        _send(good[start : start + BATCH], how, report, refused, at)
    if refused:
        faults.add(refusals.unwanted(lines, refused))
        good = good.filter(~pl.col("order").is_in(list(refused)))
    content = [name for name in lines.columns if name != "row"]
    kept = lines.join(good.select("order"), on="order", how="semi")
    report.repeated_rows += len(kept) - kept.select(content).n_unique()
    report.lines += len(kept)
    _sum_up(kept, good, report)


def _sum_up(kept: pl.DataFrame, good: pl.DataFrame, report: Report) -> None:
    sums = kept.group_by("currency").agg(pl.col("paid").cast(pl.Float64).sum())
    for currency, paid in sums.iter_rows():
        report.paid[currency] = report.paid.get(currency, 0.0) + paid
    report.customers.update(good["customer"].unique())
    ends = [t for t in (report.first, *good["at"].head(1)) if t]
    report.first = min(ends, default=None)
    report.last = max(
        [t for t in (report.last, *good["at"].tail(1)) if t], default=None
    )


def _send(
    some: pl.DataFrame,
    how: Order,
    report: Report,
    refused: dict[str, tuple[str, str]],
    at: datetime,
) -> None:
    """Pass what is known over without reading it: a second run takes seconds."""
    ids = {event_id(message): place for place, message in enumerate(some["message"])}
    # What was archived is out of the table, and in the log still.
    known = {ids[id_] for id_ in {*glances.positions(ids), *archive.moved(ids)}}
    fresh = some[[place for place in range(len(some)) if place not in known]]
    report.orders += len(some)
    report.known += len(known)
    for order, (status, path, reason) in zip(
        fresh["order"], _became(fresh, at, dry_run=how.dry_run), strict=True
    ):
        report.accepted += status == "accepted"
        report.known += status == "duplicate"
        if status == "rejected":
            refused[order] = (path, reason)


def _became(
    some: pl.DataFrame, at: datetime, *, dry_run: bool
) -> Iterator[tuple[str, str, str]]:
    raws = [raw.encode() for raw in some["raw"]]
    if dry_run:
        yield from _would(raws, some["customer"].to_list(), at)
        return
    # What is refused has its rows told in a file: no dead letters beside it.
    for result in ingestion.ingest(raws, source=SOURCE, at=at, keep=False):
        yield result.status, result.path, result.reason


def _would(
    raws: Sequence[bytes], customers: Sequence[str], at: datetime
) -> Iterator[tuple[str, str, str]]:
    gone = identity.erased(customers)
    for raw, customer in zip(raws, customers, strict=True):
        try:
            native.read(raw, at)
        except Refused as fault:
            yield "rejected", fault.path, str(fault)
        else:
            erased = ("rejected", "$.customer", "The customer was erased")
            yield erased if customer in gone else ("accepted", "", "")
