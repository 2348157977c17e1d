"""Tell of every row that an import does not take, in a file of its own."""

import csv
from pathlib import Path

import polars as pl

from analytics.cells import FAULTS
from analytics.wording import Wording

SHOWN = 5


class Refusals:
    """The file of refused rows, there only if there are some; rows are like FAULTS.

    `first` are the first few faults, for a report.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self.first: list[tuple[object, ...]] = []
        path.unlink(missing_ok=True)

    def add(self, faults: pl.DataFrame) -> None:
        if not len(faults):
            return
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as text:
            writer = csv.writer(text)
            if new:
                writer.writerow(FAULTS.names())
            writer.writerows(faults.iter_rows())
        self.rows += faults["row"].n_unique()
        room = SHOWN - len(self.first)
        self.first += list(faults.head(max(room, 0)).iter_rows())


def torn(
    lines: pl.DataFrame, orders: pl.DataFrame, held: dict[str, int]
) -> pl.DataFrame:
    """Report the good rows of orders that are not taken: torn, in conflict, or held.

    `held` says for an order which row, that names none, may be a part of it.
    """
    bad = orders.filter(~pl.col("whole") | pl.col("order").is_in(list(held)))
    rows = lines.join(bad.select("order"), on="order", how="semi").filter("good")
    row = pl.col("order").replace_strict(held, default=None, return_dtype=pl.Int64)
    stray = pl.format(
        Wording("row {}, whose order cannot be read, may belong to this one"), row
    )
    wrong = pl.lit(
        Wording("another row of this order is wrong, or names another customer")
    )
    return rows.select(
        "row",
        pl.lit("").alias("column"),
        pl.coalesce(stray, wrong).alias("reason"),
        pl.col("order").alias("value"),
    )


def unwanted(lines: pl.DataFrame, refused: dict[str, tuple[str, str]]) -> pl.DataFrame:
    """Report all rows of orders that were `refused` at the door: (path, reason)."""
    why = pl.DataFrame(
        [(order, path, reason) for order, (path, reason) in refused.items()],
        schema={"order": pl.String, "column": pl.String, "reason": pl.String},
        orient="row",
    )
    rows = lines.join(why, on="order")
    return rows.select("row", "column", "reason", pl.col("order").alias("value"))
