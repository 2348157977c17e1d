"""The order lines of the log, as a frame: what features and demand are counted from."""

import io
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import polars as pl

from analytics import store

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
        "quantity": pl.Int64(),
        "paid": pl.Float64(),
        "shelf_discount": pl.Float64(),
        "coupon_discount": pl.Float64(),
    }
)
"""One row is one order line; `order` is the event's position in the log."""
LEFT_OUT = {
    "category": "",
    "quantity": 1,
    "shelf_discount": "0",
    "coupon_discount": "0",
}
"""The defaults of events.OrderLine, which the log leaves out of a line."""


def read(*, until: datetime, customers: Sequence[UUID] | None = None) -> pl.DataFrame:
    """Read all order lines before `until` (of `customers`) in the shape HISTORY."""
    blocks = [_parsed(block) for block in store.export_orders(until, customers)]
    return pl.concat([HISTORY.to_frame(), *blocks])


def _parsed(block: io.BytesIO) -> pl.DataFrame:
    block.seek(0)
    schema = {
        "customer": pl.String,
        "order": pl.Int64,
        "at": pl.Int64,
        "lines": pl.String,
    }
    orders = pl.read_csv(block, has_header=False, schema=schema)
    lines = orders.with_columns(pl.col("lines").str.json_decode(LINES)).explode("lines")
    return (
        lines.unnest("lines")
        .with_columns(pl.from_epoch("at", time_unit="us").dt.replace_time_zone("UTC"))
        .select(
            pl.coalesce(pl.col(name), pl.lit(LEFT_OUT.get(name))).cast(kind)
            for name, kind in HISTORY.items()
        )
    )
