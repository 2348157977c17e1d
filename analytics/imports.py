"""Bring a shop's order history into the log from a file of order lines.

Through the door that everybody uses (`ingestion.ingest`), each order one event whose id
comes from the order's number: what is known already is passed over, so a second import,
or one that goes on after a kill, adds nothing twice. An order with a bad row is refused
whole and every row of it reported.

The lines of an order need not be adjacent. Rows are first spread over buckets on disk
by their order, so memory holds a batch, then a bucket, whatever the file's size. Within
a bucket the oldest order goes first; across buckets positions do not follow time.
"""

import csv
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl
from django.conf import settings
from django.db import connection

from analytics import cells, ingestion, native, store
from analytics.cells import FAULTS, Reading
from analytics.columns import mapped
from analytics.sent import Refused, event_id
from analytics.sheets import Sheet

IMPORT_LOCK = 7_102_019
"""The advisory lock's key: one import at a time, since it owns its folder."""
BATCH = 5000
BUCKET_ROWS = 200_000
SHOWN = 5
SOURCE = "import"
Progress = Callable[[str, int, int], None]
"""(step, done, total)."""


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
    """What became of the file; `first_faults` are (row, column, reason, value)."""

    rows: int = 0
    orders: int = 0
    accepted: int = 0
    known: int = 0
    refused_rows: int = 0
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
    wanted = _wanted(Reading(sources=sources))
    sample = next(iter(sheet.batches(wanted)), None)
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
    report = Report()
    with _alone(), _folder() as folder, _Faults(errors, report) as faults:
        count = 1 + sheet.rows // BUCKET_ROWS
        _spread(sheet, how, folder, count, faults, progress)
        for number in range(count):
            lines = _bucket(folder / str(number))
            if lines is not None:
                _take(lines, order, report, faults, at)
            progress("orders", number + 1, count)
    return report


class _Faults:
    """The file of refused rows; it is there only if there are some."""

    def __init__(self, path: Path, report: Report) -> None:
        self.path, self.report = path, report

    def __enter__(self) -> "_Faults":
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add(self, faults: pl.DataFrame) -> None:
        if not len(faults):
            return
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as text:
            writer = csv.writer(text)
            if new:
                writer.writerow(FAULTS.names())
            writer.writerows(faults.iter_rows())
        self.report.refused_rows += faults["row"].n_unique()
        room = SHOWN - len(self.report.first_faults)
        self.report.first_faults += list(faults.head(max(room, 0)).iter_rows())


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [IMPORT_LOCK])
        if not cursor.fetchone()[0]:
            raise Busy("another import is under way")
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [IMPORT_LOCK])


@contextmanager
def _folder() -> Iterator[Path]:
    """What a killed import left behind goes first: it holds customers' orders."""
    folder = Path(settings.ARCHIVE_DIR).parent / "import"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wanted(how: Reading) -> list[str]:
    names = [name for source in how.sources.values() for name in source.columns]
    return list(dict.fromkeys(names))


def _spread(
    sheet: Sheet,
    how: Reading,
    folder: Path,
    count: int,
    faults: _Faults,
    progress: Progress,
) -> None:
    sheet.broken.clear()
    for number, rows in enumerate(sheet.batches(_wanted(how))):
        lines, bad = cells.read(rows, how)
        faults.add(bad)
        faults.report.rows += len(rows)
        bucket = (pl.col("order").hash(seed=7) % count).alias("bucket")
        named = lines.filter(pl.col("order").is_not_null()).with_columns(bucket)
        for (place,), part in named.partition_by(
            "bucket", as_dict=True, include_key=False
        ).items():
            (folder / str(place)).mkdir(exist_ok=True)
            part.write_ipc(folder / str(place) / f"{number}.arrow")
        progress("reading", faults.report.rows, max(sheet.rows, faults.report.rows))
    faults.report.rows += len(sheet.broken)
    rows_ = [(row, "", reason, value) for row, reason, value in sheet.broken]
    faults.add(pl.DataFrame(rows_, schema=FAULTS, orient="row"))


def _bucket(folder: Path) -> pl.DataFrame | None:
    files = sorted(folder.glob("*.arrow"), key=lambda path: int(path.stem))
    if not files:
        return None
    return pl.concat([pl.read_ipc(file) for file in files])


def _take(
    lines: pl.DataFrame, how: Order, report: Report, faults: _Faults, at: datetime
) -> None:
    left = None if how.limit is None else how.limit - report.orders
    orders = _assembled(lines, how.prefix)
    good = orders.filter("whole").sort("at", "order")
    good = good if left is None else good.head(max(left, 0))
    faults.add(_torn(lines, orders))
    refused: dict[str, tuple[str, str]] = {}
    for start in range(0, len(good), BATCH):
        _send(good[start : start + BATCH], how, report, refused, at)
    if refused:
        faults.add(_unwanted(lines, refused))
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


def _assembled(lines: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Return one row an order with its event as JSON, `whole` if it may be taken."""
    # As a real client would: what is a default is left out, a third of the bytes.
    line = pl.concat_str(
        pl.lit('{"sku":'),
        _json("sku"),
        _unless(pl.col("category") == "", ',"category":', _json("category")),
        _unless(pl.col("quantity") == 1, ',"quantity":', pl.col("quantity")),
        pl.lit(',"paid":"'),
        "paid",
        pl.lit('"'),
        _discount("shelf_discount"),
        _discount("coupon_discount"),
        pl.lit("}"),
    )
    one = pl.col("customer", "currency").first()
    agrees = (pl.col("customer").n_unique() == 1) & (pl.col("currency").n_unique() == 1)
    grouped = lines.sort("row").group_by("order", maintain_order=True)
    return grouped.agg(
        one,
        pl.col("at").min(),
        (pl.col("good").all() & agrees).alias("whole"),
        line.str.join(",").alias("lines"),
    ).with_columns(message=pl.concat_str(pl.lit(prefix), "order"), raw=_event(prefix))


def _event(prefix: str) -> pl.Expr:
    message = pl.concat_str(pl.lit(prefix), "order").alias("message")
    return pl.concat_str(
        pl.lit('{"id":'),
        _json(message),
        pl.lit(',"type":"order_completed","customer":'),
        _json("customer"),
        pl.lit(',"occurred_at":"'),
        pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.fZ"),
        pl.lit('","data":{"order_id":'),
        _json("order"),
        pl.lit(',"currency":"'),
        "currency",
        pl.lit('","lines":['),
        "lines",
        pl.lit("]}}"),
    )


def _json(column: str | pl.Expr) -> pl.Expr:
    text = pl.col(column) if isinstance(column, str) else column
    encoded = pl.struct(text.alias("c")).struct.json_encode()
    return encoded.str.strip_prefix('{"c":').str.strip_suffix("}")


def _unless(default: pl.Expr, before: str, value: pl.Expr) -> pl.Expr:
    member = pl.concat_str(pl.lit(before), value)
    return pl.when(default).then(pl.lit("")).otherwise(member)


def _discount(name: str) -> pl.Expr:
    quoted = pl.concat_str(pl.lit('"'), pl.col(name), pl.lit('"'))
    return _unless(pl.col(name) == "0.00", f',"{name}":', quoted)


def _torn(lines: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Report the good rows of orders that have a bad one, or disagree."""
    bad = orders.filter(~pl.col("whole")).select("order")
    rows = lines.join(bad, on="order", how="semi").filter("good")
    return rows.select(
        "row",
        pl.lit("").alias("column"),
        pl.lit("another row of this order is wrong, or names another customer").alias(
            "reason"
        ),
        pl.col("order").alias("value"),
    )


def _unwanted(lines: pl.DataFrame, refused: dict[str, tuple[str, str]]) -> pl.DataFrame:
    why = pl.DataFrame(
        [(order, path, reason) for order, (path, reason) in refused.items()],
        schema={"order": pl.String, "column": pl.String, "reason": pl.String},
        orient="row",
    )
    rows = lines.join(why, on="order")
    return rows.select("row", "column", "reason", pl.col("order").alias("value"))


def _send(
    some: pl.DataFrame,
    how: Order,
    report: Report,
    refused: dict[str, tuple[str, str]],
    at: datetime,
) -> None:
    """Pass what is known over without reading it: a second run takes seconds."""
    ids = {event_id(message): place for place, message in enumerate(some["message"])}
    known = {ids[id_] for id_ in store.positions(ids)}
    fresh = [place for place in range(len(some)) if place not in known]
    report.orders += len(some)
    report.known += len(known)
    raws = [raw.encode() for raw in some["raw"].gather(fresh)]
    orders = some["order"].gather(fresh).to_list()
    for order, (status, path, reason) in zip(
        orders, _became(raws, at, dry_run=how.dry_run), strict=True
    ):
        report.accepted += status == "accepted"
        report.known += status == "duplicate"
        if status == "rejected":
            refused[order] = (path, reason)


def _became(
    raws: list[bytes], at: datetime, *, dry_run: bool
) -> Iterator[tuple[str, str, str]]:
    if not dry_run:
        for result in ingestion.ingest(raws, source=SOURCE, at=at, keep=False):
            yield result.status, result.path, result.reason
        return
    for raw in raws:
        try:
            native.read(raw, at)
        except Refused as fault:
            yield "rejected", fault.path, str(fault)
        else:
            yield "accepted", "", ""
