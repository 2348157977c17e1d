"""Storefronts read prices: many at once, only what changed, and nothing unannounced."""

import threading
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from rest_framework.test import APIClient

from analytics import access
from catalog import feeds, price_api, prices, shown_prices
from catalog.feeds import Listed
from catalog.models import ShownPrice
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def feed(at: Any = NOW, **shelf: str | None) -> None:
    feeds.take(
        [
            Listed(
                sku=sku,
                name=sku,
                currency="USD",
                price=None if price is None else Decimal(price),
            )
            for sku, price in shelf.items()
        ],
        at=at,
    )


@pytest.fixture(autouse=True)
def nothing_in_memory() -> None:
    """What a test rolls back was never to be seen."""
    shown_prices.memory.forget()
    price_api.answers.clear()


@pytest.fixture
def browser(db: None) -> APIClient:
    key = access.create_key("storefront", ["offers"], publishable=True)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    return client


def ask(client: APIClient, *skus: str, **headers: str) -> Any:
    query = urlencode([("sku", sku) for sku in skus])
    return client.get(f"/api/v1/prices?{query}", headers=headers)


def changed(client: APIClient, since: int, limit: int = 1000) -> Any:
    return client.get(f"/api/v1/prices?since={since}&limit={limit}").json()


def test_prices_of_many_products_come_at_once(browser: APIClient) -> None:
    feed(tea="10.00", milk="2.00")

    found = ask(browser, "milk", "tea", "unknown").json()["prices"]

    assert [(one["sku"], one["price"]) for one in found] == [
        ("milk", "2.00"),
        ("tea", "10.00"),
    ]
    assert found[0]["valid_from"] == "2026-06-01T12:00:00Z"
    assert "reference_price" not in found[0]


def test_a_thousand_are_answered_and_one_more_is_not(browser: APIClient) -> None:
    feed(tea="10.00")
    some = [f"sku-{i}" for i in range(999)]

    assert len(ask(browser, "tea", *some).json()["prices"]) == 1
    assert ask(browser, "tea", "more", *some).status_code == 400
    sent = browser.post("/api/v1/prices", {"skus": ["tea", *some]}, format="json")
    assert len(sent.json()["prices"]) == 1


def test_what_is_known_already_is_not_sent_again(browser: APIClient) -> None:
    feed(tea="10.00", milk="2.00")
    first = ask(browser, "tea")
    tag = first["ETag"]
    assert ask(browser, "tea", **{"If-None-Match": tag}).status_code == 304

    feed(milk="2.10", at=NOW + DAY)
    assert ask(browser, "tea", **{"If-None-Match": tag}).status_code == 304

    feed(tea="9.50", at=NOW + DAY)
    again = ask(browser, "tea", **{"If-None-Match": tag})
    assert (again.status_code, again["ETag"] != tag) == (200, True)


def test_a_new_product_changes_the_tag_of_who_asked_for_it(browser: APIClient) -> None:
    feed(tea="10.00")
    tag = ask(browser, "tea", "later")["ETag"]

    feed(later="1.00", at=NOW + DAY)

    assert ask(browser, "tea", "later", **{"If-None-Match": tag}).status_code == 200


def test_changes_come_after_a_cursor_page_by_page(browser: APIClient) -> None:
    feed(a="1.00", b="2.00", c="3.00")
    page = changed(browser, 0, limit=2)
    assert (len(page["prices"]), page["more"]) == (2, True)

    rest = changed(browser, page["cursor"])
    assert (len(rest["prices"]), rest["more"]) == (1, False)

    feed(a="1.00", b="2.50", c=None, at=NOW + DAY)
    news = changed(browser, rest["cursor"])
    assert {one["sku"]: one["price"] for one in news["prices"]} == {
        "b": "2.50",
        "c": None,
    }
    assert changed(browser, news["cursor"])["prices"] == []


def test_a_cursor_beyond_the_end_begins_anew(browser: APIClient) -> None:
    """It is of a database that was lost: a backup of an earlier one was put back."""
    assert changed(browser, 7) == {"prices": [], "cursor": 0, "more": False}
    feed(a="1.00", b="2.00")
    end = changed(browser, 0)["cursor"]

    beyond = changed(browser, end + 1, limit=1)

    assert (len(beyond["prices"]), beyond["more"]) == (1, True)
    assert beyond["cursor"] < end
    assert changed(browser, end)["cursor"] == end
    assert changed(browser, 2**63 - 1)["cursor"] == end


def test_a_reduction_is_told_against_the_lowest_of_thirty_days(
    browser: APIClient,
) -> None:
    feed(tea="9.00", at=NOW - 20 * DAY)
    feed(tea="10.00", at=NOW - 5 * DAY)
    feed(tea="8.00")

    (found,) = ask(browser, "tea").json()["prices"]

    assert (found["reference_price"], found["percent_off"]) == ("9.00", 11)


def test_a_reduction_is_news_no_more_after_a_month(browser: APIClient) -> None:
    feed(tea="10.00", at=NOW - 20 * DAY)
    feed(tea="8.00")
    (found,) = ask(browser, "tea").json()["prices"]
    assert found["percent_off"] == 20
    cursor = changed(browser, 0)["cursor"]

    prices.refresh(at=NOW + 31 * DAY)

    (found,) = changed(browser, cursor)["prices"]
    assert "percent_off" not in found


@pytest.mark.parametrize(
    "query", ["", "since=x", "since=-1", "since=0&limit=0", "since=0&limit=1001"]
)
def test_what_makes_no_sense_is_refused(browser: APIClient, query: str) -> None:
    answer = browser.get(f"/api/v1/prices?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_name_that_no_product_can_have_is_no_error(browser: APIClient) -> None:
    assert browser.get("/api/v1/prices?sku=a%00b").json() == {"prices": []}


def test_an_answer_is_given_again_only_while_it_is_so_and_to_whom_it_may(
    browser: APIClient, statements: Callable[[], int]
) -> None:
    feed(tea="10.00")
    first = ask(browser, "tea")
    statements()
    again = ask(browser, "tea")
    assert (again.content, again["ETag"]) == (first.content, first["ETag"])
    assert statements() == 1

    feed(tea="9.00", at=NOW + DAY)
    assert ask(browser, "tea").json()["prices"][0]["price"] == "9.00"

    other = APIClient()
    assert ask(other, "tea").status_code == 401
    other.credentials(
        HTTP_AUTHORIZATION=f"Bearer {access.create_key('x', ['catalog'])}"
    )
    assert ask(other, "tea").status_code == 403


def test_a_key_for_another_site_is_refused_what_is_in_memory(db: None) -> None:
    key = access.create_key(
        "site", ["offers"], publishable=True, origins=["https://ours.example"]
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    feed(tea="10.00")
    assert ask(client, "tea", origin="https://ours.example").status_code == 200
    assert ask(client, "tea", origin="https://theirs.example").status_code == 401


def test_without_the_scope_nothing_is_read(db: None) -> None:
    client = APIClient()
    client.credentials(
        HTTP_AUTHORIZATION=f"Bearer {access.create_key('x', ['catalog'])}"
    )
    assert ask(client, "tea").status_code == 403


def test_a_memory_that_is_full_forgets_and_answers_all_the_same(
    browser: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_prices, "MOST", 1)
    monkeypatch.setattr(shown_prices, "MOST_NEWS", 2)
    feed(a="1.00", b="2.00", c="3.00")
    for turn in range(4):
        feed(a=f"{turn + 1}.50", b="2.00", c=f"{turn + 1}.70", at=NOW + turn * DAY)
        found = ask(browser, "a", "b", "c").json()["prices"]
        assert [one["price"] for one in found] == [
            f"{turn + 1}.50",
            "2.00",
            f"{turn + 1}.70",
        ]


@pytest.mark.django_db(transaction=True)
def test_answers_are_never_older_than_what_was_committed_before() -> None:
    """Many ask one process's memory while prices go up: nobody sees an old one."""
    feed(tea="1.00")
    known, wrong = [1], []

    def write() -> None:
        for turn in range(2, 40):
            feed(tea=f"{turn}.00")
            known.append(turn)
        connection.close()

    def ask_on() -> None:
        while known[-1] < 39:
            least = known[-1]
            *_, body = shown_prices.read(["tea", f"other-{least}"])
            if float(body.split('"price":"')[1].split('"')[0]) < least:
                wrong.append(body)
        connection.close()

    threads = [threading.Thread(target=one) for one in (write, *[ask_on] * 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_a_reader_of_changes_misses_none_while_many_write() -> None:
    """Naive numbering loses what commits late; here all hold one lock."""
    seen: dict[str, str] = {}
    done = threading.Event()

    def write(of: int) -> None:
        for turn in range(12):
            feed(**{f"{of}-{turn}": "1.00", f"{of}-x": f"{turn + 1}.00"})
        connection.close()

    def read() -> None:
        cursor, last = 0, False
        while not last:
            last = done.is_set()
            rows = ShownPrice.objects.filter(version__gt=cursor)
            for row in rows.order_by("version"):
                seen[row.sku] = row.body
                cursor = row.version
        connection.close()

    writers = [threading.Thread(target=write, args=[n]) for n in range(4)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert seen == dict(ShownPrice.objects.values_list("sku", "body"))
    assert len(seen) == 4 * 13
