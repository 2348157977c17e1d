"""An import that is killed goes on; what came is forgotten in time."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import opening
from analytics.models import StoredEvent
from catalog import competitor_feeds, feeds, intake, intake_runs, kinds, row_files
from catalog.models import CompetitorProduct, Feed, Product
from tests.catalog.uploads import HEAD, TABLE, csv, upload, worked


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

    monkeypatch.setattr(opening, "opened", breaks)
    for _ in range(intake_runs.ATTEMPTS):
        with pytest.raises(RuntimeError):
            intake_runs.run()
    intake_runs.run()

    feed.refresh_from_db()
    assert (feed.state, feed.error) == ("failed", "It broke off 3 times.")


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
        taken = competitor_feeds.take_prices(listed, at=at)
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
