"""Put an order's lines together into the event that a shop would have sent.

Set-wise, as JSON text by Polars, since the files are long.
"""

import polars as pl


def assembled(lines: pl.DataFrame, prefix: str) -> pl.DataFrame:
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
    # Lines of two customers, or currencies, are no order, whatever their number says.
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
    # Polars writes JSON of structs only: one of a single field, less its frame.
    encoded = pl.struct(text.alias("c")).struct.json_encode()
    return encoded.str.strip_prefix('{"c":').str.strip_suffix("}")


def _unless(default: pl.Expr, before: str, value: pl.Expr) -> pl.Expr:
    member = pl.concat_str(pl.lit(before), value)
    return pl.when(default).then(pl.lit("")).otherwise(member)


def _discount(name: str) -> pl.Expr:
    quoted = pl.concat_str(pl.lit('"'), pl.col(name), pl.lit('"'))
    return _unless(pl.col(name) == "0.00", f',"{name}":', quoted)
