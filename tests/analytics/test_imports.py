"""Past orders from files: what is taken, what is refused, what is said of it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from analytics import imports, ingestion, privacy, sent, sheets
from analytics.models import ArchivedId, Customer, StoredEvent
from demo.journey import Journey
from tests.analytics.imported import (
    COLUMNS,
    MAPS,
    PLAIN,
    contents,
    do,
    file,
    folder,
    refused,
    subset,
)

__all__ = ["folder"]


def log() -> list[tuple[Any, ...]]:
    names: dict[Any, Any] = dict(Customer.objects.values_list("key", "external_id"))
    rows = StoredEvent.objects.order_by("id")
    return [
        (row.id, row.type, names.get(row.customer), row.occurred_at, row.data)
        for row in rows
    ]


def test_lines_that_are_not_adjacent_come_together(db: None, tmp_path: Path) -> None:
    told, status = do(file(tmp_path, PLAIN))

    assert status == 0, told
    assert "2 taken, 0 in the log already" in told
    assert "customer         <- customer  (guessed)" in told
    ana = StoredEvent.objects.get(data__order_id="1")
    assert ana.source == "import"
    assert ana.data["lines"] == [
        {"sku": "tea", "category": "TEA", "paid": "10.00"},
        {"sku": "mug, blue", "paid": "4.50"},
    ]
    assert not list(tmp_path.glob("*.errors.csv"))
    assert not (tmp_path / "var" / "import").exists()


def test_twice_is_once(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, PLAIN)
    do(path)
    before = log()

    told, status = do(path)

    assert status == 0
    assert "0 taken, 2 in the log already" in told
    assert log() == before


def test_a_dry_run_writes_nothing(db: None, tmp_path: Path) -> None:
    told, status = do(file(tmp_path, PLAIN), "--dry-run")

    assert status == 0
    assert "2 would be taken" in told
    assert "18.50 EUR" in told
    assert not StoredEvent.objects.exists()
    assert not Customer.objects.exists()


def test_a_messy_file_loses_no_good_order_and_names_every_bad_row(
    db: None, tmp_path: Path
) -> None:
    text = (
        "\ufeffKundennr;Bestellnr;Datum;Artikelnr;Menge;Betrag;Filiale\n"
        "7;A;05.01.2026 10:00;tee;1;10,50;x\n"
        ";B;05.01.2026 10:01;tee;1;10,50;x\n"
        "8;C;05.01.2026 10:02;tee;-2;1,00;x\n"
        "8;C;05.01.2026 10:02;milch;1;1,00;x\n"
        "9;D;05.01.2026 10:03;tee;1;1,00\n"
        "9;E;31.02.2026 10:03;tee;1;1,00;x\n"
        "\n"
        "7;A;05.01.2026 10:00;milch;3;2;x\n"
        "7;A;05.01.2026 10:00;milch;3;2;x\n"
        "7;F;05.01.2026 10:00;milch;3;1.234,00;x\n"
        "7;G;05.01.2026 10:00;milch;1;1,00;x\n"
        "8;G;05.01.2026 10:00;milch;1;1,00;x\n"
    )
    path = file(tmp_path, text)

    told, status = do(path, "--currency", "EUR", "--timezone", "Europe/Berlin")

    assert status == 3
    assert "1 taken" in told
    assert "1 repeated exactly (kept)" in told
    kept = StoredEvent.objects.get(type="order_completed")
    assert kept.occurred_at.isoformat() == "2026-01-05T09:00:00+00:00"
    assert [line["paid"] for line in kept.data["lines"]] == ["10.50", "2.00", "2.00"]
    found = {(int(row), column): value for row, column, _, value in refused(path)}
    assert found == {
        (3, "Kundennr"): "",
        (4, "Menge"): "-2",
        (5, ""): "C",
        (6, ""): "9;D;05.01.2026 10:03;tee;1;1,00",
        (7, "Datum"): "31.02.2026 10:03",
        (11, "Betrag"): "1.234,00",
        (12, ""): "G",
        (13, ""): "G",
    }


@pytest.mark.parametrize(
    ("content", "args", "reason"),
    [
        (b"", [], "is empty"),
        (b"PK\x03\x04rest", [], "neither CSV, XLSX, JSON Lines nor Parquet"),
        (b"PAR1 but no more", [], "damaged Parquet"),
        (b"just a sentence\n", [], "no header"),
        (b"a,b\n1,2\n", [], "no column is known for customer, order, at, sku, paid"),
        (PLAIN[:56].encode(), [], "no rows"),
        (PLAIN.encode(), ["--map", "paid=price"], "no column 'price'"),
        (PLAIN.encode(), ["--map", "price=paid"], "is not FIELD=COLUMN"),
        (PLAIN.encode(), ["--timezone", "Mars/Base"], "no such --timezone"),
        ("a,b\né,2\n".encode("latin-1"), [], "not UTF-8"),
        (PLAIN.replace(",currency", ",x").encode(), [], "say --currency"),
        (PLAIN.replace("2026-01-0", "01/02/2026?").encode(), [], "--time-format"),
    ],
)
def test_what_cannot_be_imported_is_said(
    db: None, tmp_path: Path, content: bytes, args: list[str], reason: str
) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)

    told, status = do(path, *args)

    assert reason in told
    assert status == 1
    assert not StoredEvent.objects.exists()


def test_who_was_refused_at_the_door_is_reported(db: None, tmp_path: Path) -> None:
    late = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%d")
    path = file(tmp_path, PLAIN.replace("2026-01-06", late))

    for args in (["--dry-run"], []):
        told, status = do(path, *args)

        assert status == 3, told
        assert refused(path) == [
            ["3", "$.occurred_at", "The time is in the future", "2"]
        ]


def test_a_limit_takes_the_orders_the_file_begins_with_whole(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "BUCKET_ROWS", 1)
    rows = [f"ana,{n},2026-02-{28 - n:02},tea,,1,1.00,EUR\n" for n in range(20)]
    path = file(tmp_path, PLAIN.splitlines()[0] + "\n" + "".join(rows + rows))

    do(path, "--limit", "7")

    taken = {e.data["order_id"]: e.data["lines"] for e in StoredEvent.objects.all()}
    assert set(taken) == {str(n) for n in range(7)}
    assert {len(lines) for lines in taken.values()} == {2}


def test_a_dry_run_knows_the_erased_and_the_archived(db: None, tmp_path: Path) -> None:
    path = file(tmp_path, PLAIN)
    privacy.erase("ben", by="test", at=timezone.now())
    ArchivedId.objects.create(id=sent.event_id("order-1"))

    for args, verb in (["--dry-run"], "would be taken"), ([], "taken"):
        told, status = do(path, *args)

        assert f"0 {verb}, 1 in the log already; 1 rows refused" in told
        assert status == 3
        assert refused(path) == [["3", "$.customer", "The customer was erased", "2"]]


def test_the_imported_journey_equals_the_demo_s_events(
    db: None, tmp_path: Path
) -> None:
    households = (1, 7, 900)
    path = subset(tmp_path, households)
    told, status = do(path, *MAPS)
    assert status == 0, told
    imported = contents()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE analytics_storedevent")

    raws = list(Journey(shift=timedelta(0), households=households).events())
    ingestion.ingest(raws, source="demo", at=timezone.now())

    assert contents() == imported
    assert len(imported) > 100


@pytest.mark.parametrize("rows", [700, 10**6])
def test_many_buckets_take_the_same_as_one(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(imports, "BUCKET_ROWS", rows)
    monkeypatch.setattr(sheets, "BATCH", 500)
    path = subset(tmp_path, (1, 7, 900))

    told, status = do(path, *MAPS)

    assert status == 0, told
    raws = list(Journey(shift=timedelta(0), households=(1, 7, 900)).events())
    again = ingestion.ingest(raws, source="demo", at=timezone.now())
    orders = [r for r in again if r.id and r.id.startswith("order-")]
    assert {r.status for r in orders} == {"duplicate"}
    assert len(orders) == len(contents())
    demo = {len(one[3]) for one in contents().values()}
    assert max(demo) > 5


def test_the_totals_are_of_what_is_taken(db: None, tmp_path: Path) -> None:
    path = file(
        tmp_path,
        COLUMNS + "c1,A,1800-01-01 10:00:00,tea,,1,5.00,EUR\n"
        "c1,B,2026-01-05 10:00:00,tea,,1,2.00,EUR\n",
    )

    told, status = do(path)

    assert status == 3
    assert "1 lines, 2.00 EUR" in told
    assert "from 2026-01-05 to 2026-01-05" in told
