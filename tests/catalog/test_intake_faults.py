"""What is wrong with a file's rows is told by row and field, and harms no other."""

import gzip
import io
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import opening, sheets, workbooks
from catalog import intake, row_files
from catalog.models import Product
from tests.catalog.uploads import HEAD, MARKET, csv, imported, json_lines, upload


def test_rows_with_faults_are_named_by_field_and_the_good_ones_taken(db: None) -> None:
    table = [
        HEAD,
        ["t1", "Tee", "TEA", "10,50", "3", ""],
        ["", "No number", "TEA", "1", "1", ""],
        ["t3", "Tee", "TEA", "1.005", "1.5", ""],
        ["t4", "Tee", "TEA", "-1", "9999999", ""],
        ["good", "Tee", "TEA", "1.05", "1", ""],
    ]
    shown = upload(csv(table, mark=";"))

    assert (shown.state, shown.rows, shown.taken, shown.refused) == ("shown", 5, 1, 4)
    faults = {(one["row"], one["field"]): one for one in shown.errors}
    assert faults.keys() == {
        *((2, "price"), (3, "sku"), (4, "stock"), (5, "price"), (5, "stock")),
    }
    assert "decimal comma" in faults[2, "price"]["reason"]
    assert faults[2, "price"]["value"] == "10,50"

    done = imported(shown)
    assert (done.taken, done.refused) == (1, 4)
    assert [one.sku for one in Product.objects.all()] == ["good"]


def test_a_sku_that_stands_twice_is_told_of_and_the_later_row_counts(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "CHUNK", 2)
    rows = [
        ["t1", "Tee", "TEA", "10.50", "3", ""],
        ["m1", "Milch", "MILK", "2", "", ""],
        ["t1", "", "TEA", "12", "3", ""],
        ["t1", "Black tea", "TEA", "11", "", ""],
        ["t1", "Green tea", "TEA", "9", "", ""],
    ]
    shown = upload(csv([HEAD, *rows]))

    assert (shown.state, shown.taken, shown.refused) == ("shown", 4, 1)
    told = {
        one["row"]: (one["field"], one["reason"], one["value"]) for one in shown.errors
    }
    assert told[5] == (
        "sku",
        "This sku stands in row 2 too. This row, the later, counts.",
        "t1",
    )
    assert "row 5 too" in told[6][1]
    assert told[4][0] == "name"  # a refused row is none that stands twice

    imported(shown)
    tea = Product.objects.get(sku="t1")
    assert (tea.name, tea.price, tea.stock) == ("Green tea", Decimal(9), None)


def test_a_competitor_s_product_may_be_seen_twice_in_a_file(db: None) -> None:
    table, options, _, _ = MARKET["prices"]

    shown = upload(csv([*table, table[-1]]), what="prices", **options)

    assert not [one for one in shown.errors if "stands in row" in one["reason"]]


def test_a_file_s_row_is_refused_exactly_where_the_api_refuses_it(
    api: APIClient,
) -> None:
    odd = [
        "",
        "x",
        "1.234",
        "1e3",
        "NaN",
        "-0",
        "١",
        "12345678901",
        " 7 ",
        "0.10",
        "1_0",
    ]
    table = [
        HEAD,
        *([f"s{n}", "Tee", "TEA", text, "1", ""] for n, text in enumerate(odd)),
    ]
    shown = upload(json_lines(table))

    by_file = {one["row"] for one in shown.errors}
    for place, text in enumerate(odd, start=1):
        body = {
            "sku": "s",
            "name": "Tee",
            "currency": "USD",
            "price": text.strip() or None,
        }
        answer = api.put("/api/v1/products", {"products": [body]}, format="json")
        assert (answer.status_code == 400) == (place in by_file), text


def test_broken_lines_harm_no_other(db: None) -> None:
    lines = [
        '{"sku": "a", "name": "A", "price": 1.10}',
        "not json",
        '{"sku": "b", "name": {"en": "B"}}',
        "",
        '{"sku": "c", "name": "C", "extra": true, "price": null}',
        '["d"]',
    ]
    done = imported(upload("\n".join(lines).encode()))

    assert (done.taken, done.refused, done.rows) == (2, 3, 5)
    assert [one["row"] for one in done.errors] == [2, 3, 6]
    assert Product.objects.get(sku="a").price == Decimal("1.1")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"just a sentence\n", "no header"),
        (b"a,b\n1,2\n", "no column is known for sku, name"),
        (b"PK\x03\x04rest", "neither CSV, XLSX"),
        (b"PAR1 rest", "damaged Parquet"),
        ("sku,name\n1,Tee é,\n".encode("latin-1"), "not UTF-8"),
        (gzip.compress(b"sku,name\n1,Tee\n", mtime=0), "is compressed"),
        (b"{}\n{}\n", "no line is an object"),
    ],
)
def test_what_cannot_be_read_says_so_and_keeps_nobody_waiting(
    db: None, body: bytes, reason: str
) -> None:
    feed = upload(body)

    assert feed.state == "failed"
    assert reason in feed.error
    assert "/tmp" not in feed.error  # the server's paths are nobody's business
    with pytest.raises(intake.NotReady):
        intake.start(feed.id)


def test_a_workbook_that_unpacks_to_too_much_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbooks, "MOST_BYTES", 1 << 20)
    bomb, path = io.BytesIO(), tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<x/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * (3 << 20))
    path.write_bytes(bomb.getvalue())
    assert len(bomb.getvalue()) < 10_000

    with pytest.raises(sheets.NotATable, match="unpacks to more"):
        opening.opened(path)


def test_sizes_and_queues_are_bounded(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_BYTES", 10)
    how: dict[str, Any] = {"what": "products", "options": {}, "by": "o"}
    at = timezone.now()
    with pytest.raises(intake.TooLarge):
        intake.receive("f", b"12345678901", at=at, **how)
    with pytest.raises(intake.Empty):
        intake.receive("f", b"", at=at, **how)
    for _ in range(intake.MOST_WAITING):
        intake.receive("f", b"a,b", at=at, **how)
    with pytest.raises(intake.TooMany):
        intake.receive("f", b"a,b", at=at, **how)
