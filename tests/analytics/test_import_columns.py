"""How a file's columns are read: dates, amounts, types, mappings, clocks."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from analytics import cells, columns
from analytics.models import StoredEvent
from tests.analytics.imported import COLUMNS, PLAIN, do, file, folder, refused

__all__ = ["folder"]


def test_day_and_month_are_never_guessed(db: None, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        PLAIN.replace("2026-01-05 ", "05/01/2026 ").replace(
            "2026-01-06 ", "06/01/2026 "
        ),
    )

    told, status = do(path)
    assert status == 1
    assert "day and month cannot be told apart" in told

    do(path, "--time-format", "%d/%m/%Y %H:%M:%S")
    assert StoredEvent.objects.get(data__order_id="2").occurred_at.month == 1


def test_amounts_may_be_sums_products_and_negated(db: None, tmp_path: Path) -> None:
    header = "customer,order,at,sku,price,n,rebate,c1,c2\n"
    text = f"{header}ana,1,2026-01-05,tea,1.25,3,-0.5,0.1,0.2\n"
    path = file(tmp_path, text)
    maps = ["paid=price*n", "quantity=n", "shelf_discount=-rebate"]

    told, status = do(
        path, "--currency", "EUR", "--map", *maps, "coupon_discount=c1+c2"
    )

    assert status == 0, told
    assert StoredEvent.objects.get().data["lines"] == [
        {
            "sku": "tea",
            "quantity": 3,
            "paid": "3.75",
            "shelf_discount": "0.50",
            "coupon_discount": "0.30",
        }
    ]


def test_parquet_with_typed_columns(db: None, tmp_path: Path) -> None:
    path = tmp_path / "orders.parquet"
    pl.DataFrame(
        {
            "customer_id": [7, 7, None],
            "order_id": [1, 1, 2],
            "date": [datetime(2026, 1, 5, 10)] * 3,  # noqa: DTZ001
            "sku": ["a", "b", "c"],
            "quantity": [1.0, 2.5, 1.0],
            "paid": pl.Series(["1.10", "2.20", "3.30"]).cast(pl.Decimal(9, 2)),
        }
    ).write_parquet(path)

    told, status = do(path, "--currency", "EUR")

    assert (status, StoredEvent.objects.count()) == (3, 0), told
    assert [row[:2] for row in refused(path)] == [
        ["4", "customer_id"],
        ["3", "quantity"],
        ["2", ""],
    ]


def test_a_mapping_is_said_or_guessed_and_checked() -> None:
    header = ["Customer ID", "OrderID", "date", "SKU", "a+b", "x"]

    found = columns.mapped(["paid=a+b"], header)

    assert found["customer"].text == "Customer ID"
    assert found["paid"].columns == ("a+b",)
    with pytest.raises(columns.WrongMapping, match="takes one column"):
        columns.mapped(["sku=x+date", "paid=x"], header)


def test_a_clock_change_is_a_fault_and_no_guess() -> None:
    header = ["customer", "order", "at", "sku", "paid"]
    rows = pl.DataFrame(
        [
            (2, "a", "1", "2026-03-29 02:30", "t", "1"),
            (3, "a", "2", "2026-10-25 02:30", "t", "1"),
        ],
        schema=["row", *header],
        orient="row",
    )
    how = cells.Reading(
        sources=columns.mapped([], header),
        timezone="Europe/Berlin",
        clock="%Y-%m-%d %H:%M",
        currency="EUR",
    )

    lines, faults = cells.read(rows, how)

    assert faults.rows() == [(2, "at", "not a time", "2026-03-29 02:30")]
    assert lines["at"][1].isoformat() == "2026-10-25T00:30:00+00:00"


def test_what_is_shown_of_a_long_value_is_its_start(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, COLUMNS + f"c1,A,2026-01-05 10:00:00,{'x' * 600},,1,5,EUR\n")

    told, _ = do(path)

    assert "x" * 60 in told
    assert "x" * 100 not in told


def test_a_currency_that_is_none_is_told_before_any_row(
    db: None, tmp_path: Path
) -> None:
    path = file(tmp_path, PLAIN.replace(",currency", ",x"))

    told, status = do(path, "--currency", "eur")

    assert (told, status) == ("--currency is three capital letters: eur", 1)
