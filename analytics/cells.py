"""Read the cells of order lines: text or typed columns to what an event holds.

Every fault is a row of `FAULTS`: the row, the file's column, the reason and the value.
Amounts are rounded to four decimals, as events take no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from analytics.columns import AMOUNTS, Source
from analytics.wording import Wording

LINES = pl.Schema(
    {
        "row": pl.Int64(),
        "customer": pl.String(),
        "order": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "sku": pl.String(),
        "category": pl.String(),
        "quantity": pl.Int64(),
        "paid": pl.String(),
        "shelf_discount": pl.String(),
        "coupon_discount": pl.String(),
        "currency": pl.String(),
        "good": pl.Boolean(),
    }
)
FAULTS = pl.Schema(
    {
        "row": pl.Int64(),
        "column": pl.String(),
        "reason": pl.String(),
        "value": pl.String(),
    }
)
# Day first before month first: where both fit, `guess_clock` asks.
CLOCKS = (
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
)
MOST = 1e9
UNITS = 1_000_000


class UnknownClock(Exception):
    """No known way of writing times fits, or two do."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read the cells; `clock` is a format of strftime, "" for typed times."""

    sources: Mapping[str, Source]
    timezone: str = "UTC"
    clock: str = ""
    comma: bool = False
    currency: str = ""

    @property
    def columns(self) -> list[str]:
        """The file's columns that are read, each once."""
        names = [name for source in self.sources.values() for name in source.columns]
        return list(dict.fromkeys(names))


def guess_clock(sample: pl.Series) -> str:
    """Return how times are written; "" if the column holds times.

    :raises UnknownClock: nothing fits, or day and month cannot be told apart.
    """
    if sample.dtype != pl.String:
        return ""
    written = sample.str.strip_chars().drop_nulls().head(10_000)
    written = written.filter(written != "")
    fits = {clock: _parsed(written, clock).drop_nulls().len() for clock in CLOCKS}
    best = max(fits.values())
    if not best:
        first = written.head(1).to_list()
        raise UnknownClock(
            Wording(
                "times like %(first)s are not known: say --time-format", first=first
            )
        )
    # Rows that do not fit what most do are faults of their own, by their numbers.
    found = [clock for clock, count in fits.items() if count == best]
    if found[0].startswith("%d/") and any(c.startswith("%m/") for c in found):
        raise UnknownClock(
            "day and month cannot be told apart: say --time-format"
            f" '{found[0]}' or '{found[0].replace('%d/%m', '%m/%d')}'"
        )
    return found[0]


def guess_comma(sample: pl.DataFrame, sources: Mapping[str, Source]) -> bool:
    """Say whether amounts are written with a decimal comma."""
    columns = {c for f in AMOUNTS if f in sources for c in sources[f].columns}
    texts = [sample[c] for c in columns if sample[c].dtype == pl.String]
    return any(s.str.contains(r"^\s*-?\d+,\d{1,4}\s*$").any() for s in texts)


def read(rows: pl.DataFrame, how: Reading) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the rows in the shape LINES and the faults found, `good` where none is."""
    values = rows.select("row", *(_value(field, rows, how) for field in _FIELDS))
    faults = pl.concat([FAULTS.to_frame(), *_faults(rows, values, how)])
    bad = faults["row"].unique()
    lines = values.with_columns(good=~pl.col("row").is_in(bad.implode()))
    return lines.select(pl.col(n).cast(t) for n, t in LINES.items()), faults


_FIELDS = tuple(name for name in LINES if name not in {"row", "good"})
_REASONS = {
    "customer": Wording("empty, or longer than 200"),
    "order": Wording("empty, or longer than 80"),
    "at": Wording("not a time"),
    "sku": Wording("empty, or longer than 200"),
    "category": Wording("longer than 200"),
    "quantity": Wording("not a whole number from 0 to %(units)s", units=f"{UNITS:,}"),
    "paid": Wording("not an amount from 0 to 1e9"),
    "shelf_discount": Wording("not an amount from 0 to 1e9"),
    "coupon_discount": Wording("not an amount from 0 to 1e9"),
    "currency": Wording("not three capital letters, such as EUR"),
}


def _value(field: str, rows: pl.DataFrame, how: Reading) -> pl.Expr:
    source = how.sources.get(field)
    if source is None:
        default = {"quantity": 1, "category": "", "currency": how.currency}
        return pl.lit(default.get(field, "0.00")).alias(field)
    if field in AMOUNTS:
        return _amount(source, rows, how).alias(field)
    column = pl.col(source.text)
    if field == "at":
        return _time(column, rows.schema[source.text], how).alias(field)
    if field == "quantity":
        return _whole(_number(column, rows.schema[source.text], how)).alias(field)
    # With its prefix an order's number is a message's id, of 100 characters at most.
    most = {"order": 80}.get(field, 200)
    text = column.cast(pl.String).str.strip_chars()
    if field == "category":
        text = text.fill_null("")
        return pl.when(text.str.len_chars() <= most).then(text).alias(field)
    fits = text.str.len_chars().is_between(1, most)
    if field == "currency":
        fits = text.str.contains("^[A-Z]{3}$")
    return pl.when(fits).then(text).alias(field)


def _number(column: pl.Expr, kind: pl.DataType, how: Reading) -> pl.Expr:
    if kind != pl.String:
        # What is no number becomes null, and so a fault.
        return column.cast(pl.Float64, strict=False)
    text = column.str.strip_chars()
    if how.comma:
        # With a decimal comma, 1.234 may be either: it is no amount, rather than a
        # wrong one.
        plain = pl.when(~text.str.contains(".", literal=True)).then(text)
        text = plain.str.replace(",", ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _amount(source: Source, rows: pl.DataFrame, how: Reading) -> pl.Expr:
    total = pl.lit(-0.0)
    for term in source.terms:
        product = pl.lit(1.0)
        for name in term:
            product = product * _number(pl.col(name), rows.schema[name], how)
        total = total + product
    amount = ((-total if source.negative else total).round(4)) + 0.0
    # What does not fit becomes null, and every null is told of as a fault.
    fits = amount.is_finite() & (amount >= 0) & (amount < MOST)
    text = amount.cast(pl.Decimal(18, 4), strict=False).cast(pl.String)
    # 12.3400 becomes 12.34; what has all four decimals keeps them.
    return pl.when(fits).then(text.str.replace(r"00$", ""))


def _whole(number: pl.Expr) -> pl.Expr:
    fits = number.is_between(0, UNITS) & (number == number.floor())
    return pl.when(fits).then(number.cast(pl.Int64, strict=False))


def _parsed(text: pl.Series, clock: str) -> pl.Series:
    zone = "UTC" if "z" in clock else None
    return text.str.to_datetime(
        clock, strict=False, time_unit="us", time_zone=zone, ambiguous="null"
    )


def _time(column: pl.Expr, kind: pl.DataType, how: Reading) -> pl.Expr:
    zoned = (
        "z" in how.clock if kind == pl.String else bool(getattr(kind, "time_zone", 0))
    )
    if kind == pl.String:
        zone = "UTC" if zoned else None
        text = column.str.strip_chars()
        at = text.str.to_datetime(
            how.clock, strict=False, time_unit="us", time_zone=zone
        )
    else:
        at = column.cast(pl.Datetime("us", getattr(kind, "time_zone", None)))
    if not zoned:
        # The hour that the end of summer time repeats is taken as the first; one that
        # its beginning skips is no time.
        at = at.dt.replace_time_zone(
            how.timezone, ambiguous="earliest", non_existent="null"
        )
    return at.dt.convert_time_zone("UTC")


def _faults(
    rows: pl.DataFrame, values: pl.DataFrame, how: Reading
) -> list[pl.DataFrame]:
    found = []
    for field, source in how.sources.items():
        bad = values[field].is_null()
        if bad.any():
            shown = pl.concat_str(
                [pl.col(c).cast(pl.String).fill_null("") for c in source.columns],
                separator=" | ",
            )
            found.append(
                rows.filter(bad).select(
                    "row",
                    pl.lit(source.text).alias("column"),
                    pl.lit(_REASONS[field]).alias("reason"),
                    shown.str.slice(0, 200).alias("value"),
                )
            )
    return found
