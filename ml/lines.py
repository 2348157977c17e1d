"""The order lines of the log, as a frame: what features and demand are counted from."""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import polars as pl

from analytics import order_exports
from ml import returns
from ml.codes import EPOCH
from ml.purchases import Codes, History, Purchases

LINES = pl.List(
    pl.Struct(
        {
            "sku": pl.String,
            "category": pl.String,
            "quantity": pl.Int64,
            "paid": pl.String,
            "shelf_discount": pl.String,
            "coupon_discount": pl.String,
        }
    )
)
HISTORY = pl.Schema(
    {
        "customer": pl.Categorical(),
        "order": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "sku": pl.Categorical(),
        "category": pl.Categorical(),
        "quantity": pl.Float64(),
        "paid": pl.Float64(),
        "shelf_discount": pl.Float64(),
        "coupon_discount": pl.Float64(),
        "until": pl.Datetime("us", "UTC"),
    }
)
"""One row is one order line, or a part of it; `order` is the event's position in the
log. `until` is when the part went back, null where it stays (ml.returns)."""
LEFT_OUT = {
    "category": "",
    "quantity": 1,
    "shelf_discount": "0",
    "coupon_discount": "0",
}
"""The defaults of events.OrderLine, which the log leaves out of a line."""


def read(*, until: datetime, customers: Sequence[UUID] | None = None) -> pl.DataFrame:
    """Read all order lines before `until` (of `customers`) in the shape HISTORY."""
    blocks = [_parsed(block) for block in order_exports.export_orders(until, customers)]
    # The empty frame gives a log without orders its columns.
    return pl.concat([HISTORY.to_frame(), *blocks])


def standing(frame: pl.DataFrame, *, until: datetime | None = None) -> pl.DataFrame:
    """Keep what had not gone back before `until`, or at all."""
    stays = pl.col("until").is_null()
    return frame.filter(stays if until is None else stays | (pl.col("until") >= until))


def last(frame: pl.DataFrame) -> datetime | None:
    """Return the moment of the last order or return."""
    newest = frame.select(pl.max_horizontal(pl.col("at", "until").max())).item()
    return newest if isinstance(newest, datetime) else None


def arrays(frame: pl.DataFrame) -> History:
    """Lay a frame of HISTORY out as arrays, oldest line first.

    A line without a category has category -1.
    """
    rows = frame.sort("at", "order", maintain_order=True)
    customers, customer = _coded(rows["customer"])
    products, product = _coded(rows["sku"])
    categories, category = _coded(rows["category"])
    # "" sorts first: without it all codes move down by one, and it becomes −1.
    if categories[:1] == [""]:
        categories, category = categories[1:], category - 1
    # Divided as codes.day_of does: a cut-off and an order of one moment are equal.
    day = rows["at"].dt.epoch("us").to_numpy() / 86_400e6
    until = rows["until"].dt.epoch("us").cast(pl.Float64).fill_null(np.inf) / 86_400e6
    money = ("quantity", "paid", "shelf_discount", "coupon_discount")
    amounts = {name: rows[name].cast(pl.Float64).to_numpy() for name in money}
    purchases = Purchases(
        customer=customer,
        order=rows["order"].to_numpy(),
        day=day,
        product=product,
        category=category,
        until=until.to_numpy(),
        **amounts,
    )
    return History(
        purchases=purchases,
        customers=customers,
        products=products,
        categories=categories,
    )


def _coded(column: pl.Series) -> tuple[list[str], Codes]:
    """Number the values in their order; categoricals' own codes differ by process."""
    physical = column.to_physical().to_numpy()
    known, first, spot = np.unique(physical, return_index=True, return_inverse=True)
    names = column.gather(first).cast(pl.String).to_list()
    order = np.argsort(np.array(names, dtype=object))
    place = np.empty(len(known), np.int32)
    place[order] = np.arange(len(known), dtype=np.int32)
    return [names[i] for i in order], place[spot]


def _parsed(block: io.BytesIO) -> pl.DataFrame:
    block.seek(0)
    schema = {
        "customer": pl.String,
        "order": pl.Int64,
        "at": pl.Int64,
        "lines": pl.String,
        "back": pl.String,
    }
    orders = pl.read_csv(block, has_header=False, schema=schema)
    # Only the few orders of which something went back take Python's way, line by line:
    # reading all 155,848 takes 2.0 CPU s, as before there were returns.
    kept = orders.filter(pl.col("back").is_null())
    lines = kept.with_columns(pl.col("lines").str.json_decode(LINES)).explode("lines")
    whole = (
        lines.unnest("lines")
        .with_columns(
            pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC"),
            until=pl.lit(None),
        )
        .select(
            pl.coalesce(pl.col(name), pl.lit(LEFT_OUT.get(name))).cast(kind)
            for name, kind in HISTORY.items()
        )
    )
    rows = orders.drop_nulls("back").iter_rows()
    parts = [part for order in rows for part in _parts(*order)]
    return pl.concat([whole, pl.DataFrame(parts, schema=HISTORY, orient="row")])


def _parts(customer: str, order: int, at: int, lines: str, back: str) -> list[Any]:
    """Return the rows of an order of which something went back."""
    return [
        (
            *(customer, order, _moment(at), line.sku, line.category, line.quantity),
            *(line.paid, line.shelf_discount, line.coupon_discount),
            None if until is None else _moment(until),
        )
        for line, until in returns.parts(_lines.decode(lines), _back.decode(back))
    ]


def _moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


# Money is text in the log.
_lines = msgspec.json.Decoder(list[returns.Line], strict=False)
_back = msgspec.json.Decoder(list[returns.Back], strict=False)
