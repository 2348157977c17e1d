"""The page of data: what comes in, what was refused, files brought in."""

import csv
import io
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Event, Thread
from typing import Any

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

from analytics import events, inflow, projections, store
from analytics.models import Checkpoint, Customer, Rejection, StoredEvent
from catalog import intake, tasks
from catalog.models import Feed, Product
from promotions import charts
from tests.browsing import TOO_WIDE, browse, sign_in
from tests.conftest import Make, role
from tests.promotions.data_office import BAD, office, otto, upload
from tests.promotions.reading import text

__all__ = ["office", "otto"]

MOST_QUERIES = 15
MENDED = BAD.replace('"10,50"', "10.50")


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


def test_bars_stand_on_zero_and_tell_their_values() -> None:
    drawn = charts.bars([("Mon", 0.0), ("Tue", 1234.0)], title="Events <a day>")

    assert drawn.count("<rect") == 2
    assert "Tue: 1,234" in drawn
    assert "<a day>" not in drawn
    assert charts.bars([("Mon", 0.0)], title="x") == ""


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
