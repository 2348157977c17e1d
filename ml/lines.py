"""The order lines of the log, as a frame: what features and demand are counted from."""

import io
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import numpy as np
import polars as pl

from analytics import store
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


def arrays(frame: pl.DataFrame) -> History:
    """Lay a frame of HISTORY out as arrays, oldest line first.

    A line without a category has category -1.
    """
    rows = frame.sort("at", "order", maintain_order=True)
    customers, customer = _coded(rows["customer"])
    products, product = _coded(rows["sku"])
    categories, category = _coded(rows["category"])
    if categories[:1] == [""]:
        categories, category = categories[1:], category - 1
    day = rows["at"].dt.epoch("us").to_numpy() / 86_400e6
    money = ("quantity", "paid", "shelf_discount", "coupon_discount")
    amounts = {name: rows[name].cast(pl.Float64).to_numpy() for name in money}
    purchases = Purchases(
        customer=customer,
        order=rows["order"].to_numpy(),
        day=day,
        product=product,
        category=category,
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
