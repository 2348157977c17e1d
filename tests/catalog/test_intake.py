"""Files of products and past orders: looked into, mended, imported, repeated."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics import encodings, privacy, sheets, workbooks
from analytics.models import Customer, StoredEvent
from catalog import (
    feeds,
    intake,
    intake_runs,
    kinds,
    market_feeds,
    row_files,
    tasks,
)
from catalog.models import CompetitorProduct, Feed, Product, SeriesValue, ShopDay

HEAD = ["sku", "name", "Category", "price", "stock", "colour"]
ROWS: list[list[Any]] = [
    ["t1", "Tee", "TEA", "10.50", "3", "red"],
    ["m1", "Milch 牛奶", "MILK", "2", "", ""],
]
TABLE = [HEAD, *ROWS]
Form = Callable[[Sequence[Sequence[Any]]], bytes]


def csv(
    table: Sequence[Sequence[Any]], mark: str = ",", encoding: str = "utf-8"
) -> bytes:
    text = "".join(mark.join(map(str, row)) + "\r\n" for row in table)
    return text.encode(encoding)


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


def json_lines(table: Sequence[Sequence[Any]]) -> bytes:
    head, *rows = table
    some = [dict(zip(head, row, strict=True)) for row in rows]
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in some).encode()


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


def upload(body: bytes, what: str = "products", **options: str) -> Feed:
    feed = intake.receive(
        "file", body, what=what, options=options, by="olga", at=timezone.now()
    )
    return worked(feed)


def worked(feed: Feed) -> Feed:
    tasks.take_files()
    return Feed.objects.get(id=feed.id)


def imported(feed: Feed) -> Feed:
    intake.start(feed.id)
    return worked(feed)


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
        (gzip.compress(b"sku,name\n1,Tee\n"), "is compressed"),
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
        sheets.opened(path)


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


class Killed(BaseException):
    pass


def test_a_killed_import_goes_on_where_it_was(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "CHUNK", 10)
    rows = [[f"s{n:03}", "Tee", "TEA", "1", "1", ""] for n in range(45)]
    rows[7][3] = "x"
    feed = upload(csv([HEAD, *rows]))
    take, calls = feeds.take, list[int]()

    def dies(listed: Any, *, at: Any) -> Any:
        calls.append(len(listed))
        if len(calls) == 3:
            raise Killed
        return take(listed, at=at)

    intake.start(feed.id)
    with monkeypatch.context() as patch:
        products = replace(kinds.KINDS["products"], take=dies)
        patch.setitem(kinds.KINDS, "products", products)
        with pytest.raises(Killed):
            intake_runs.run()
    halfway = Feed.objects.get(id=feed.id)
    assert (halfway.state, halfway.done, halfway.taken) == ("taking", 20, 19)

    done = worked(feed)

    assert (done.state, done.rows, done.taken, done.refused) == ("done", 45, 44, 1)
    assert [one["row"] for one in done.errors] == [9]
    assert Product.objects.count() == 44
    assert StoredEvent.objects.filter(type="price_changed").count() == 44


def test_a_file_that_breaks_off_again_and_again_is_given_up(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = intake.receive(
        "f", csv(TABLE), what="products", options={}, by="o", at=timezone.now()
    )

    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(sheets, "opened", breaks)
    for _ in range(intake_runs.ATTEMPTS):
        with pytest.raises(RuntimeError):
            intake_runs.run()
    intake_runs.run()

    feed.refresh_from_db()
    assert (feed.state, feed.error) == ("failed", "It broke off 3 times.")


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


def test_the_api_s_feeds_are_kept_with_what_was_wrong(api: APIClient) -> None:
    good = {"sku": "a", "name": "A", "currency": "USD", "price": "1.00"}
    bad = {"sku": "", "name": "B", "currency": "usd", "price": "1,5"}
    assert (
        api.put("/api/v1/products", {"products": [good]}, format="json").status_code
        == 200
    )
    assert (
        api.put(
            "/api/v1/products", {"products": [good, bad]}, format="json"
        ).status_code
        == 400
    )
    assert (
        api.put("/api/v1/products", {"products": []}, format="json").status_code == 400
    )

    done, refused, empty = Feed.objects.order_by("created_at")

    assert (done.state, done.rows, done.taken, done.changes) == ("done", 1, 1, 1)
    assert (refused.state, refused.rows, refused.taken) == ("failed", 2, 0)
    assert {(one["row"], one["field"]) for one in refused.errors} == {
        *((2, "sku"), (2, "currency"), (2, "price")),
    }
    assert refused.name == "test shop"
    assert empty.errors
    assert Product.objects.count() == 1


def test_files_go_after_a_day_and_rows_after_a_month(db: None) -> None:
    at = timezone.now()
    feed = upload(csv(TABLE))
    for _ in range(3):
        intake.taken_call("shop", rows=1, changes=0, at=at)

    intake.forget(at=at + timedelta(hours=23))
    feed.refresh_from_db()
    assert feed.body

    intake.forget(at=at + timedelta(days=2))
    feed.refresh_from_db()
    assert feed.body is None
    assert Feed.objects.count() == 4

    intake.forget(at=at + timedelta(days=31))
    assert not Feed.objects.exists()


@given(st.text(max_size=200))
def test_utf_8_is_always_known_and_so_is_a_mark(text: str) -> None:
    assert encodings.guess(text.encode()) == (
        "utf-8-sig" if not text.encode().startswith((b"\xff", b"\xfe")) else "utf-16"
    )
    assert encodings.guess(text.encode("utf-16")) == "utf-16"


@given(
    st.text("abc éüñßà,;\n", min_size=1, max_size=60).filter(lambda t: not t.isascii())
)
def test_western_code_pages_are_never_taken_for_chinese(text: str) -> None:
    apart = f"{' '.join(text)} "
    assert encodings.guess(apart.encode("cp1252")) is None


@given(st.text("商品编号名称价格库存 ,\n123", max_size=60))
def test_chinese_is_read_as_it_was_written(text: str) -> None:
    """A single word may be UTF-8 as well; a header and a row are not."""
    table = f"商品编号,名称\n{text}"
    assert encodings.guess(table.encode("gb18030")) == "gb18030"


def test_a_character_cut_at_the_end_of_what_was_looked_at_is_no_fault() -> None:
    cut = "价格".encode()[:-1]
    assert encodings.guess(cut, whole=False) == "utf-8-sig"
    assert encodings.guess(cut) != "utf-8-sig"


MARKET: dict[
    str, tuple[list[list[str]], dict[str, str], Any, list[tuple[int, str]]]
] = {
    "prices": (
        [
            ["artikel", "bezeichnung", "preis", "ean", "datum", "uvp", "available"],
            ["r-1", "Tee", "4.20", "", "2026-05-01T06:00:00Z", "4.90", "true"],
            ["r-2", "Kaffee", "4.205", "", "2026-05-01T06:00:00Z", "", ""],
            ["r-3", "Kakao", "3.10", "1234567890123", "2026-05-01T06:00:00Z", "", "no"],
            ["r-4", "Saft", "2", "", "2026-05-01", "", ""],
        ],
        {"competitor": "Rival", "columns": "product=artikel"},
        CompetitorProduct,
        [(3, "price"), (5, "seen_at")],
    ),
    "calendar": (
        [
            ["name", "art", "von", "bis", "region"],
            ["Ferien", "school_holidays", "2026-07-20", "2026-08-31", "DE-BY"],
            ["Markt", "", "2026-07-21", "", ""],
            ["Fest", "party", "2026-07-21", "2026-07-20", ""],
        ],
        {"columns": "kind=art\nfirst=von\nlast=bis"},
        ShopDay,
        [(4, "kind")],
    ),
    "series": (
        [
            ["date", "value", "region"],
            ["2026-07-20", "21.5", "DE"],
            ["2026-07-21", "", "DE"],
            ["2026-07-22", "warm", "DE"],
        ],
        {"series": "temperature"},
        SeriesValue,
        [(4, "value")],
    ),
}


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


def test_a_killed_import_of_prices_goes_on_and_tells_each_change_once(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_files, "CHUNK", 10)
    head = ["competitor", "product", "name", "price", "currency", "seen_at"]
    rows = [
        ["Rival", f"r{n:03}", "Tea", "1.50", "USD", "2026-05-01T06:00:00Z"]
        for n in range(45)
    ]
    feed = upload(csv([head, *rows]), what="prices")
    calls = list[int]()

    def dies(listed: Any, *, at: Any) -> Any:
        calls.append(len(listed))
        taken = market_feeds.take_prices(listed, at=at)
        if len(calls) == 3:
            raise Killed
        return taken

    intake.start(feed.id)
    with monkeypatch.context() as patch:
        patch.setitem(kinds.KINDS, "prices", replace(kinds.KINDS["prices"], take=dies))
        with pytest.raises(Killed):
            intake_runs.run()
    halfway = Feed.objects.get(id=feed.id)
    assert (halfway.done, CompetitorProduct.objects.count()) == (20, 20)

    done = worked(feed)

    assert (done.state, done.taken, done.refused) == ("done", 45, 0)
    assert CompetitorProduct.objects.count() == 45
    assert StoredEvent.objects.filter(type="competitor_price_changed").count() == 45
