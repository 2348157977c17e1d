"""Files are looked into first and then taken: rows, faults, bounds."""

import io
import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from django.utils import timezone

from analytics import privacy
from analytics.models import Customer, StoredEvent
from catalog import intake
from catalog.models import Product
from tests.catalog.uploads import MARKET, TABLE, csv, imported, json_lines, upload

Form = Callable[[Sequence[Sequence[Any]]], bytes]


def xlsx(table: Sequence[Sequence[Any]]) -> bytes:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held) as book:
        sheet = book.add_worksheet()
        for place, row in enumerate(table):
            for column, value in enumerate(row):
                number = str(value).replace(".", "", 1).isdigit()
                if value != "":
                    sheet.write(place, column, float(value) if number else value)
    return held.getvalue()


def parquet(table: Sequence[Sequence[Any]]) -> bytes:
    head, *rows = table
    held = io.BytesIO()
    schema = dict.fromkeys(head, pl.String)
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(held)
    return held.getvalue()


FORMS: dict[str, Form] = {
    "utf-8": csv,
    "with a mark": lambda table: csv(table, encoding="utf-8-sig"),
    "semicolons": lambda table: csv(table, mark=";"),
    "utf-16": lambda table: csv(table, encoding="utf-16"),
    "gb18030": lambda table: csv(table, encoding="gb18030"),
    "xlsx": xlsx,
    "json lines": json_lines,
    "parquet": parquet,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_shown_first_and_then_taken(db: None, form: str) -> None:
    shown = upload(FORMS[form](TABLE))

    assert (shown.state, shown.error) == ("shown", "")
    assert (shown.rows, shown.taken, shown.refused) == (2, 2, 0)
    assert shown.seen["columns"]["category"] == "Category"
    assert shown.seen["unused"] == ["colour"]
    assert shown.seen["first"][1]["name"] == "Milch 牛奶"
    assert not Product.objects.exists()
    assert not StoredEvent.objects.exists()

    done = imported(shown)

    assert (done.state, done.done, done.taken) == ("done", 2, 2)
    tea = Product.objects.get(sku="t1")
    assert (tea.price, tea.stock, tea.currency) == (Decimal("10.5"), 3, "USD")
    assert Product.objects.get(sku="m1").stock is None
    assert done.changes == StoredEvent.objects.count() == 3


@pytest.mark.parametrize("what", ["products", "prices"])
def test_a_nul_among_the_first_rows_harms_its_row_alone(db: None, what: str) -> None:
    head = ["id", "name", "price", "currency", "competitor", "colour\0"]
    rows = [["t1", "T\0ee", "1", "USD", "Rival", ""], ["m1", "M", "2", "USD", "R", ""]]

    shown = upload(csv([head, *rows]), what)

    assert (shown.state, shown.error) == ("shown", "")
    assert shown.seen["first"][0]["name"] == "T\ufffdee"
    done = imported(shown)
    assert (done.state, done.taken, done.refused) == ("done", 1, 1)


def test_a_nul_in_what_a_message_quotes_is_told(db: None) -> None:
    shown = upload(csv([["colour\0", "b"], ["red", ""]]))

    assert shown.state == "failed"
    assert "colour\ufffd" in shown.error


def test_an_import_may_be_repeated_and_changes_nothing_twice(db: None) -> None:
    first = imported(upload(csv(TABLE)))

    again = imported(first)
    same = imported(upload(xlsx(TABLE)))

    assert (again.state, again.taken, again.changes) == ("done", 2, 0)
    assert (same.taken, same.changes) == (2, 0)
    assert StoredEvent.objects.count() == 3


ORDERS = [
    ["customer", "order", "at", "sku", "paid", "currency"],
    ["ana-1", "1", "2026-01-02 10:00:00", "tea", "5.00", "USD"],
    ["ana-1", "1", "2026-01-02 10:00:00", "milk", "2.00", "USD"],
    ["ben-1", "2", "2026-01-03 10:00:00", "tea", "x", "USD"],
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("form", ["utf-8", "gb18030", "json lines", "parquet"])
def test_past_orders_come_by_the_same_importer_and_tell_of_nobody(form: str) -> None:
    shown = upload(FORMS[form](ORDERS), what="orders")

    assert (shown.state, shown.error) == ("shown", "")
    assert (shown.rows, shown.taken, shown.refused) == (3, 1, 1)
    assert shown.seen["orders"] == 1
    assert shown.errors[0]["field"] == "paid"
    assert "ana-1" not in json.dumps([shown.seen, shown.errors])
    assert not StoredEvent.objects.exists()

    done = imported(shown)

    assert (done.state, done.taken, done.changes, done.body) == ("done", 1, 1, None)
    assert StoredEvent.objects.get().type == "order_completed"
    with pytest.raises(intake.NotReady):
        intake.start(done.id)
    again = imported(upload(FORMS[form](ORDERS), what="orders"))
    assert (again.taken, again.changes, again.seen["known"]) == (1, 0, 1)
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_was_erased_does_not_come_back_by_a_file() -> None:
    Customer.objects.create(external_id="ana-1")
    privacy.erase("ana-1", by="olga", at=timezone.now())

    done = imported(upload(csv(ORDERS[:3]), what="orders"))

    assert done.changes == 0
    assert not Customer.objects.exists()


def test_the_example_of_the_docs_is_read_by_well_known_names(db: None) -> None:
    docs = Path(__file__).parents[2] / "docs" / "market.md"
    example = docs.read_text().partition("```\nshop;")[2].partition("```")[0]

    shown = upload(f"shop;{example}".encode(), "prices", currency="EUR")

    assert (shown.state, shown.error, shown.rows) == ("shown", "", 1)
    assert shown.seen["columns"]["product"] == "artikel"
    (fault,) = shown.errors
    assert (fault["row"], fault["field"], fault["value"]) == (2, "price", "4,20")
    assert "decimal comma" in fault["reason"]


@pytest.mark.parametrize("what", MARKET)
@pytest.mark.parametrize("form", ["utf-8", "xlsx", "json lines", "parquet"])
def test_market_data_come_by_the_same_road(db: None, what: str, form: str) -> None:
    table, options, kept, wrong = MARKET[what]

    shown = upload(FORMS[form](table), what=what, **options)

    assert (shown.state, shown.error) == ("shown", "")
    first = 1 if form == "json lines" else 0  # they have no header
    named = [(one["row"] + first, one["field"]) for one in shown.errors]
    assert named == wrong
    assert not kept.objects.exists()
    done = imported(shown)
    assert (done.state, done.taken) == ("done", len(table) - 1 - len(wrong))
    count = StoredEvent.objects.count()
    again = imported(upload(FORMS[form](table), what=what, **options))
    assert (again.taken, again.changes) == (done.taken, 0)
    assert StoredEvent.objects.count() == count


def test_what_all_rows_need_may_be_said_once_but_must_be_said(db: None) -> None:
    table, options, _, _ = MARKET["prices"]

    missing = upload(csv(table), what="prices", columns=options["columns"])

    assert missing.state == "failed"
    assert "no column is known for competitor" in missing.error
