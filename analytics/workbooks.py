"""Read an XLSX file's first sheet as text, as it would be typed.

A workbook is a ZIP archive of XML, so a small one may unpack to anything: what is in it
is unpacked once and counted, before a reader gets it.
"""

import zipfile
from pathlib import Path

import fastexcel
import polars as pl

from analytics.wording import Wording

MOST_BYTES = 300 << 20
MOST_PARTS = 2000
BLOCK = 1 << 20
WORKBOOK = "xl/workbook.xml"


class NotAWorkbook(Exception):
    """The file is no XLSX, is damaged, or unpacks to too much."""


def read(path: Path) -> pl.DataFrame:
    """Return the first sheet: its first row as names, all else as text or null.

    Numbers as they are without a format (12, 10.5, 0.3), times as ISO 8601, truths as
    true and false. Rows keep their places, the empty ones too.

    :raises NotAWorkbook: it cannot be read, or should not be.
    """
    _check(path)
    try:
        book = fastexcel.read_excel(path)
        # As text: read as floats, 0.1 + 0.2 would come out with 17 digits.
        table = book.load_sheet(0, header_row=0, dtypes="string")
        return table.to_polars()
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError, IndexError) as error:
        raise NotAWorkbook(
            Wording("the workbook cannot be read: %(error)s", error=error)
        ) from error


def _check(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if WORKBOOK not in archive.namelist():
                raise NotAWorkbook(Wording("it is a ZIP archive, but no workbook"))
            if len(parts) > MOST_PARTS or _bytes(archive, parts) > MOST_BYTES:
                raise NotAWorkbook(
                    f"it unpacks to more than {MOST_BYTES >> 20} MiB: split it"
                )
    # RuntimeError: a part is encrypted; NotImplementedError: packed as zipfile cannot.
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise NotAWorkbook(
            Wording("the workbook is damaged: %(error)s", error=error)
        ) from error


def _bytes(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> int:
    """Unpack and count; what a part says of its size may be a lie."""
    # What it admits itself is not even unpacked.
    if sum(part.file_size for part in parts) > MOST_BYTES:
        return MOST_BYTES + 1
    count = 0
    for part in parts:
        with archive.open(part) as unpacked:
            while block := unpacked.read(BLOCK):
                count += len(block)
                if count > MOST_BYTES:
                    return count
    return count
