"""Files of past orders, and how tests bring them in."""

import csv
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.core.management import CommandError, call_command

from analytics.models import Customer, StoredEvent
from demo import journey


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> None:
    settings.ARCHIVE_DIR = tmp_path / "var" / "archive"


def do(path: Path, *args: str) -> tuple[str, int]:
    """Run the command; return what it wrote and its exit status."""
    out = StringIO()
    try:
        call_command("import_history", str(path), *args, stdout=out)
    except CommandError as error:
        return out.getvalue() + str(error), error.returncode
    return out.getvalue(), 0


def file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "orders.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refused(path: Path) -> list[list[str]]:
    with path.with_name(f"{path.name}.errors.csv").open(newline="") as text:
        return list(csv.reader(text))[1:]


def subset(tmp_path: Path, households: tuple[int, ...]) -> Path:
    """The shop's own table, as it would export it."""
    folder = journey.folder()
    lines = pl.read_parquet(folder / "transactions.parquet")
    names = pl.read_parquet(folder / "products.parquet")
    path = tmp_path / "journey.csv"
    lines.filter(pl.col("household_id").is_in(households)).join(
        names.select("product_id", "product_category"), on="product_id", how="left"
    ).with_columns(pl.format("hh-{}", "household_id").alias("household_id")).write_csv(
        path
    )
    return path


MAPS = (
    *("--currency", "USD", "--map", "coupon_discount=coupon_disc+coupon_match_disc"),
)


def contents() -> dict[str, Any]:
    """The orders by their id, amounts as numbers."""
    named: dict[Any, Any] = dict(Customer.objects.values_list("key", "external_id"))
    found = {}
    for row in StoredEvent.objects.filter(type="order_completed"):
        lines = [
            {
                name: Decimal(value) if name.endswith(("paid", "discount")) else value
                for name, value in one.items()
            }
            for one in row.data["lines"]
        ]
        lines.sort(key=str)
        who = named[row.customer]
        found[str(row.id)] = (who, row.occurred_at, row.data["order_id"], lines)
    return found


COLUMNS = "customer,order,date,sku,category,quantity,paid,currency\n"


PLAIN = COLUMNS + (
    "ana,1,2026-01-05 10:00:00,tea,TEA,1,10.00,EUR\n"
    "ben,2,2026-01-06 11:30:00,milk,MILK,2,4.00,EUR\n"
    'ana,1,2026-01-05 10:00:00,"mug, blue",,1,4.5,EUR\n'
)
