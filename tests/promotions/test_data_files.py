"""Tables go out as files and come back as they went, and say whose no row is."""

import csv
import io
import json
import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import fastexcel
import polars as pl
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, projections, store, table_files
from analytics.models import Customer
from catalog import feeds, intake, tasks
from catalog.models import Product
from config import services
from promotions import exports, supply
from promotions.models import Offer, Redemption
from tests.conftest import Give, Make
from tests.promotions.data_office import office, otto, upload
from tests.promotions.shelves import expected, listed

__all__ = ["office", "otto"]

NASTY = '=HYPERLINK("http://evil")'


def read(form: str, raw: bytes) -> list[dict[str, Any]]:
    match form:
        case "csv":
            return list(csv.DictReader(io.StringIO(raw.decode(), newline="")))
        case "jsonl":
            return [json.loads(line) for line in raw.splitlines()]
        case "xlsx":
            table = fastexcel.read_excel(raw).load_sheet(0, dtypes="string")
            return table.to_polars().to_dicts()
        case _:
            return pl.read_parquet(raw).to_dicts()


def taken(client: Client, table: str, form: str) -> bytes:
    answer = client.get(reverse("export_table", args=[table, form]))
    assert answer.status_code == 200
    assert answer["Content-Type"] == table_files.FORMS[form]
    assert f'filename="{table}.{form}"' in answer["Content-Disposition"]
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", table_files.FORMS)
def test_products_come_back_as_they_went(office: Client, form: str) -> None:
    listed = [
        feeds.Listed(
            sku="a", name=NASTY, category="茶", currency="USD", price=Decimal("1.10")
        ),
        feeds.Listed(
            sku="b", name='T, "x"; y', currency="JPY", price=Decimal(7), stock=0
        ),
        feeds.Listed(sku="c", name="-", currency="USD", promotable=False),
    ]
    feeds.take(listed, at=timezone.now())
    before = list(Product.objects.order_by("sku").values(*feeds.COLUMNS))

    raw = taken(office, "products", form)

    rows = read(form, raw)
    assert [row["sku"] for row in rows] == ["a", "b", "c"]
    assert Decimal(str(rows[0]["price"])) == Decimal("1.1")
    if form in ("csv", "xlsx"):
        assert rows[0]["name"] == f"'{NASTY}"
        assert b"<f>" not in raw
    Product.objects.all().delete()
    feed = upload(office, raw)
    tasks.take_files()
    intake.start(feed.pk)
    tasks.take_files()
    feed.refresh_from_db()
    assert feed.refused == 0
    assert list(Product.objects.order_by("sku").values(*feeds.COLUMNS)) == before


def test_no_file_says_whose_a_row_is(
    office: Client, live: Make, give: Give, shelf: None, api: APIClient, ana: Customer
) -> None:
    offer = give(live(), ana)
    order = {
        "customer": "ana",
        "order_id": "order-of-ana",
        "lines": [{"sku": "tea", "quantity": 1}],
        "offers": [str(offer.id)],
    }
    api.post(
        "/api/v1/redemptions", order, format="json", headers={"Idempotency-Key": "k"}
    )
    bought = events.OrderCompleted(
        order_id="order-of-ana",
        currency="USD",
        lines=(events.OrderLine(sku="tea", category="TEA", paid=Decimal(9)),),
    )
    store.append([bought], at=timezone.now(), customer=ana.key)
    projections.catch_up()
    now = timezone.now()
    listed("few", at=now, stock=1)
    expected("few", 20.0, at=now)
    supply.refresh(at=now)
    assert Offer.objects.count() == Redemption.objects.count() == 1

    for table in exports.TABLES:
        for form in table_files.FORMS:
            raw = taken(office, table, form)
            rows = read(form, raw)
            assert rows, (table, form)
            assert list(rows[0]) == list(exports.TABLES[table].columns)
            for name in ("order-of-ana", str(ana.key), "ana"):
                assert name not in [str(cell) for row in rows for cell in row.values()]
    [day] = read("csv", taken(office, "orders", "csv"))
    assert (day["orders"], day["paid"], day["currency"]) == ("1", "9.00", "USD")
    assert "customer" not in "".join(
        name for one in exports.TABLES.values() for name in one.columns
    )


@pytest.mark.parametrize("form", table_files.FORMS)
def test_an_empty_table_is_a_file_too(office: Client, form: str) -> None:
    raw = taken(office, "offers", form)

    assert read(form, raw) == []


def test_what_is_no_table_or_form_is_not_found(office: Client) -> None:
    for table, form in (("customers", "csv"), ("products", "exe")):
        path = reverse("export_table", args=[table, form])
        assert office.get(path).status_code == 404


def test_the_web_process_reads_no_table_itself() -> None:
    ask = (
        "import django; django.setup(); import config.urls, sys;"
        "heavy = {'polars', 'fastexcel', 'xlsxwriter', 'pandas'};"
        "print(sorted(heavy & {*sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=services.ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
