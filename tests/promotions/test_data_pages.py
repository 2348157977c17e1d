"""The page of data: what comes in, what was refused, files in and out."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from threading import Event, Thread
from typing import Any

import fastexcel
import polars as pl
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page
from rest_framework.test import APIClient

from analytics import events, inflow, projections, store, table_files
from analytics.models import Checkpoint, Customer, Rejection, StoredEvent
from catalog import feeds, intake, tasks
from catalog.models import Feed, Product
from config import services
from promotions import charts, exports, supply
from promotions.models import Offer, Redemption
from tests.browsing import TOO_WIDE, browse, sign_in
from tests.conftest import Give, Make, role
from tests.promotions.shelves import expected, listed

MOST_QUERIES = 15
BAD = 'sku,name,category,price\nt1,Tea,TEA,"10,50"\nm1,Milk,MILK,2.00\n'
MENDED = BAD.replace('"10,50"', "10.50")


@pytest.fixture
def otto(db: None) -> User:
    user = User.objects.create_user("otto", password="secret", is_staff=True)
    user.groups.add(role("Operators"))
    return user


@pytest.fixture
def office(client: Client, otto: User) -> Client:
    client.force_login(otto)
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200
    bare = re.sub(
        r"<(style|script).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", unescape(bare))


def upload(client: Client, body: str | bytes = BAD, **more: str) -> Feed:
    raw = body.encode() if isinstance(body, str) else body
    file = SimpleUploadedFile("products.csv", raw)
    answer = client.post(reverse("data"), {"file": file, "what": "products"} | more)
    assert answer.status_code == 302, text(answer)
    return Feed.objects.order_by("-created_at")[0]


def test_the_page_tells_what_comes_in(office: Client, ana: Customer) -> None:
    at = timezone.now()
    viewed = events.ProductViewed(sku="tea")
    store.append_new(
        [
            store.Fact(event=viewed, at=at, customer=ana.key, source="shop")
            for _ in range(7)
        ]
    )
    projections.catch_up()

    shown = text(office.get(reverse("data")))

    assert "7 events in the hour." in shown
    assert "product_viewed" in shown
    assert "shop" in shown
    assert "None waits." in shown
    assert shown.count("well") >= 4
    assert inflow.minutes(at + timedelta(seconds=1)).total == 7
    assert inflow.minutes(at + timedelta(hours=2)).total == 0
    assert inflow.days(at)[-1] == (at.date(), 7)


def test_a_stopped_projection_and_a_late_one_are_told_in_words(
    office: Client, ana: Customer
) -> None:
    projections.catch_up()
    old = timezone.now() - timedelta(hours=1)
    Checkpoint.objects.update_or_create(
        projection="days", defaults={"error": "at 5: ValueError('x')"}
    )
    store.append([events.CartViewed()], at=timezone.now(), customer=ana.key)
    Checkpoint.objects.update_or_create(
        projection="sources", defaults={"moved_at": old, "position": 0}
    )

    shown = text(office.get(reverse("data")))

    assert "stopped: at 5: ValueError('x')" in shown
    assert "late: is the worker running?" in shown


def test_all_of_a_reason_is_replayed_and_nothing_else(
    office: Client, api: APIClient
) -> None:
    bad = {"type": "product_viewed", "customer": "ana", "data": {}}
    good = {"type": "product_viewed", "customer": "ana", "data": {"sku": "tea"}}
    other = {"type": "nothing_like_it", "customer": "ana", "data": {}}
    near = bad | {"data": {"sku": "tea", "nope": 1}}
    sent = [bad | {"id": "1"}, bad | {"id": "2"}, other | {"id": "3"}]
    sent.append(near | {"id": "4"})
    api.post("/api/v1/events", {"events": sent}, format="json")
    of = {row.reason: row for row in inflow.refused()}
    assert sorted(row.count for row in of.values()) == [1, 1, 2]
    [twice] = [row for row in of.values() if row.count == 2]
    assert [row.path for row in of.values()].count(twice.path) == 2
    assert "Refused events" in text(office.get(reverse("data")))
    for row in Rejection.objects.filter(reason=twice.reason):
        row.body = json.dumps(good | {"id": f"mended {row.pk}"}).encode()
        row.save()

    path = reverse("replay_alike", args=[twice.example])
    assert office.get(path).status_code == 405
    shown = text(office.post(path, follow=True))

    assert "2 accepted, 0 refused again." in shown
    assert StoredEvent.objects.filter(type="product_viewed").count() == 2
    assert [row.count for row in inflow.refused()] == [1, 1]
    assert Rejection.objects.filter(replays=0).count() == 2


def test_a_file_is_looked_into_and_imported_when_somebody_says_so(
    office: Client,
) -> None:
    feed = upload(office)
    page = reverse("feed", args=[feed.pk])
    waits = office.get(page).content.decode()
    assert 'data-poll="' in waits
    assert "<progress" in waits

    tasks.take_files()
    shown = text(office.get(page))

    assert "decimal comma" in shown
    assert "Import what is good" in shown
    assert not Product.objects.exists()
    errors = office.get(reverse("feed_errors", args=[feed.pk]))
    rows = list(csv.DictReader(io.StringIO(errors.getvalue().decode())))
    assert [(row["row"], row["field"], row["value"]) for row in rows] == [
        ("2", "price", "10,50")
    ]

    office.post(page)
    tasks.take_files()
    assert [one.sku for one in Product.objects.all()] == ["m1"]
    assert "Import it again" in text(office.get(page))


def test_the_form_s_words_reach_the_importer(office: Client) -> None:
    body = "nr;what\n1;Tee\n"
    feed = upload(office, body, columns="sku=nr\n name=what ", currency="EUR")
    tasks.take_files()
    feed.refresh_from_db()
    assert feed.seen["columns"] == {"sku": "nr", "name": "what"}

    intake.start(feed.pk)
    tasks.take_files()
    assert Product.objects.get().currency == "EUR"

    lacks = upload(
        office, "customer,order,at,sku,paid\na,1,2026-01-01,x,1\n", what="orders"
    )
    tasks.take_files()
    shown = text(office.get(reverse("feed", args=[lacks.pk])))
    assert "say “Currency”, such as EUR" in shown


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "This field is required."),
        ({"currency": "euro"}, "Enter a valid value."),
        ({"timezone": "Mars/Base"}, "There is no such time zone."),
        ({"what": "people"}, "Select a valid choice"),
    ],
)
def test_a_form_that_makes_no_sense_takes_nothing(
    office: Client, fields: dict[str, str], reason: str
) -> None:
    file = {"file": SimpleUploadedFile("f.csv", b"a,b\n")} if fields else {}
    answer = office.post(reverse("data"), {"what": "products"} | fields | file)

    assert reason in text(answer)
    assert not Feed.objects.exists()


def test_a_file_that_is_too_large_is_not_even_read(
    office: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST_BYTES", 5)
    file = SimpleUploadedFile("f.csv", b"123456")
    answer = office.post(reverse("data"), {"what": "products", "file": file})

    assert "too large" in text(answer)
    assert not Feed.objects.exists()


def test_each_role_may_do_what_it_is_for(client: Client, db: None) -> None:
    may = {}
    for name in ("Operators", "Approvers", "Analysts", "Support"):
        user = User.objects.create_user(name, password="x", is_staff=True)
        user.groups.add(role(name))
        client.force_login(user)
        looks = client.get(reverse("data")).status_code == 200
        file = SimpleUploadedFile("f.csv", BAD.encode())
        sends = client.post(reverse("data"), {"what": "products", "file": file})
        replays = client.post(reverse("replay_alike", args=[1]))
        exported = client.get(reverse("export_table", args=["products", "csv"]))
        may[name] = [
            looks,
            *(one.status_code < 400 for one in (sends, replays, exported)),
        ]

    assert may == {
        "Operators": [True, True, True, True],
        "Approvers": [True, True, True, True],
        "Analysts": [True, False, False, True],
        "Support": [False, False, False, False],
    }


def test_the_page_takes_few_queries(office: Client, live: Make, ana: Customer) -> None:
    upload(office)
    store.append([events.CartViewed()], at=timezone.now(), customer=ana.key)
    projections.catch_up()
    for page in (reverse("data"), reverse("feed", args=[Feed.objects.get().pk])):
        office.get(page)
        with CaptureQueriesContext(connection) as ran:
            office.get(page)
        assert len(ran) <= MOST_QUERIES, page


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


def test_bars_stand_on_zero_and_tell_their_values() -> None:
    drawn = charts.bars([("Mon", 0.0), ("Tue", 1234.0)], title="Events <a day>")

    assert drawn.count("<rect") == 2
    assert "Tue: 1,234" in drawn
    assert "<a day>" not in drawn
    assert charts.bars([("Mon", 0.0)], title="x") == ""


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


@pytest.mark.django_db(transaction=True)
def test_an_operator_imports_a_file_with_errors_mends_it_and_imports_it(
    live_server: Any, otto: User, tmp_path: Path
) -> None:
    bad, mended = tmp_path / "bad.csv", tmp_path / "mended.csv"
    bad.write_text(BAD)
    mended.write_text(MENDED)
    over = Event()

    def work() -> None:
        while not over.wait(0.2):
            tasks.take_files()
        connection.close()

    def journey(tab: Page) -> list[int]:
        sign_in(tab, "otto", onto=reverse("data"))
        tab.set_input_files("[type=file]", str(bad))
        tab.get_by_role("button", name="Look into it").click()
        tab.get_by_text("It has a decimal comma").wait_for()
        tab.get_by_role("link", name="Back to the data").click()
        tab.set_input_files("[type=file]", str(mended))
        tab.get_by_role("button", name="Look into it").click()
        tab.get_by_role("button", name="Import", exact=True).click()
        tab.get_by_role("button", name="Import it again").wait_for()
        tab.set_viewport_size({"width": 390, "height": 844})
        widths = [tab.evaluate(TOO_WIDE)]
        tab.goto(reverse("data"))
        return [*widths, tab.evaluate(TOO_WIDE)]

    worker = Thread(target=work)
    worker.start()
    try:
        widths = browse(journey, base_url=live_server.url)
    finally:
        over.set()
        worker.join(30)

    assert max(widths) == 0
    assert Product.objects.get(sku="t1").price == Decimal("10.50")
    assert Product.objects.count() == 2
