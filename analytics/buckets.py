"""Spread a file's order lines over buckets on disk by their order.

So a bucket holds whole orders, wherever their lines stand in the file, and memory a
batch, then a bucket, whatever the file's size.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from django.conf import settings

from analytics import cells
from analytics.cells import FAULTS, Reading
from analytics.refusals import Refusals
from analytics.sheets import Sheet
from analytics.strays import Held

Progress = Callable[[str, int, int], None]
"""(step, done, total)."""


@contextmanager
def folder() -> Iterator[Path]:
    """What a killed import left behind goes first: it holds customers' orders."""
    place = Path(settings.ARCHIVE_DIR).parent / "import"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True, mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


class Spread:
    """Reads the file into buckets by order, and learns whom it must hold back.

    With a limit, of the orders that the file begins with; all rows are checked.
    """

    def __init__(
        self, sheet: Sheet, how: Reading, limit: int | None, faults: Refusals
    ) -> None:
        self.sheet, self.how, self.limit, self.faults = sheet, how, limit, faults
        self.held = Held()
        self.first: dict[str, None] = {}

    def over(self, folder: Path, count: int, progress: Progress) -> int:
        """Fill `count` buckets; return the number of rows."""
        place = self.sheet.header.index(self.how.sources["order"].text)
        seen = 0
        self.sheet.broken.clear()
        for number, rows in enumerate(self.sheet.batches(self.how.columns)):
            lines, bad = cells.read(rows, self.how)
            broken = self.sheet.broken[:]
            self.sheet.broken.clear()
            told = [(b.row, "", b.reason, b.value) for b in broken]
            self.faults.add(bad)
            self.faults.add(pl.DataFrame(told, schema=FAULTS, orient="row"))
            self.held.look(lines, broken, place)
            self._write(lines, folder, count, number)
            seen += len(rows) + len(broken)
            progress("reading", seen, max(self.sheet.rows, seen))
        return seen

    def _write(
        self, lines: pl.DataFrame, folder: Path, count: int, number: int
    ) -> None:
        named = lines.filter(pl.col("order").is_not_null())
        if self.limit is not None:
            self._note(named["order"].unique(maintain_order=True), self.limit)
            named = named.filter(pl.col("order").is_in(list(self.first)))
        parts = named.with_columns(
            # One seed for all batches, or an order's lines would part.
            (pl.col("order").hash(seed=7) % count).alias("bucket")
        ).partition_by("bucket", as_dict=True, include_key=False)
        for (place,), part in parts.items():
            (folder / str(place)).mkdir(exist_ok=True)
            part.write_ipc(folder / str(place) / f"{number}.arrow")

    def _note(self, orders: pl.Series, limit: int) -> None:
        for order in orders:
            if len(self.first) >= limit:
                return
            self.first[order] = None


def bucket(folder: Path) -> pl.DataFrame | None:
    """Return a bucket's lines in the file's order; None if it got none."""
    # By number: as text, batch 10 would come before batch 9.
    files = sorted(folder.glob("*.arrow"), key=lambda path: int(path.stem))
    if not files:
        return None
    return pl.concat([pl.read_ipc(file) for file in files])
