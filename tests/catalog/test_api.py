import json
from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from analytics.models import StoredEvent
from catalog.models import Feed, Product
from tests.analytics.conftest import with_key

PATH = "/api/v1/products"


def tea(**changes: Any) -> dict[str, Any]:
    listed = {"sku": "tea", "name": "Tea", "currency": "USD", "price": "10.00"}
    return listed | changes


def put(client: APIClient, *products: Any) -> Any:
    return client.put(PATH, {"products": products}, format="json")


def send(client: APIClient, body: bytes, kind: str = "application/json") -> Any:
    return client.put(PATH, body, content_type=kind)


def assert_problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is a problem and that nothing was taken."""
    body = answer.json()
    assert answer.status_code == status, body
    assert answer["Content-Type"] == "application/problem+json"
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"]
    assert not Product.objects.exists()
    assert not StoredEvent.objects.exists()
    return dict(body)


def test_products_are_taken(api: APIClient) -> None:
    answer = put(api, tea(stock=3), tea(sku="milk", price=2.5, cost="1.10"))

    assert (answer.status_code, answer.json()) == (200, {"products": 2, "changes": 4})
    assert Product.objects.get(sku="milk").price == D("2.50")
    assert Product.objects.get(sku="tea").stock == 3


def test_a_price_has_the_decimals_of_its_currency(
    api: APIClient, client: Client, olga: User
) -> None:
    answer = put(api, tea(price="1.235", cost="0.905", currency="KWD"))

    assert (answer.status_code, answer.json()["changes"]) == (200, 2)
    assert Product.objects.get().price == D("1.235")
    client.force_login(olga)
    listed = client.get(reverse("admin:catalog_product_changelist")).content.decode()
    assert "1.235" in listed
    assert "1.2350" not in listed


def test_a_feed_sent_twice_leaves_no_new_events(api: APIClient) -> None:
    put(api, tea(stock=3))

    answer = put(api, tea(stock=3))

    assert answer.json() == {"products": 1, "changes": 0}
    assert StoredEvent.objects.count() == 2


def test_a_sku_twice_in_a_feed_counts_as_last_listed(api: APIClient) -> None:
    answer = put(api, tea(), tea(price="9.00"))

    assert answer.json() == {"products": 1, "changes": 1}
    assert Product.objects.get().price == D("9.00")


def test_what_an_export_has_more_is_told_of_and_breaks_nothing(
    api: APIClient, client: Client, olga: User
) -> None:
    answer = put(api, tea(colour="green", stok=3, **{"a\0b": 1}), tea(sku="milk"))

    assert answer.status_code == 200
    assert Product.objects.get(sku="tea").stock is None
    told = {one["field"]: one for one in answer.json()["unused"]}
    assert set(told) == {"colour", "stok", "a\0b"}
    assert told["stok"] == {
        "field": "stok",
        "rows": 1,
        "first": "products[0]",
        "like": "stock",
    }
    client.force_login(olga)
    page = client.get(reverse("feed", args=[Feed.objects.get().pk])).content.decode()
    assert "Not read: a\ufffdb, colour, stok." in page


def test_a_feed_of_ten_thousand_is_taken(api: APIClient) -> None:
    answer = put(api, *(tea(sku=f"tea-{number}") for number in range(10_000)))

    assert answer.json() == {"products": 10_000, "changes": 10_000}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"price": "-0.01"}, "price", "min_value"),
        ({"price": "1.001"}, "price", "decimals"),
        ({"cost": "1.001"}, "cost", "decimals"),
        ({"price": "1.5", "currency": "JPY"}, "price", "decimals"),
        ({"price": "1.2345", "currency": "KWD"}, "price", "decimals"),
        ({"price": "1.00001"}, "price", "max_decimal_places"),
        ({"price": "99999999999.00"}, "price", "max_whole_digits"),
        ({"price": "NaN"}, "price", "invalid"),
        ({"price": "Infinity"}, "price", "invalid"),
        ({"price": "dear"}, "price", "invalid"),
        ({"price": "1_000"}, "price", "invalid"),
        ({"price": "１２"}, "price", "invalid"),
        ({"stock": "1_000"}, "stock", "invalid"),
        ({"price": []}, "price", "invalid"),
        ({"cost": "-1"}, "cost", "min_value"),
        ({"stock": -1}, "stock", "min_value"),
        ({"stock": 1_000_001}, "stock", "max_value"),
        ({"stock": 1.5}, "stock", "invalid"),
        ({"sku": ""}, "sku", "blank"),
        ({"sku": None}, "sku", "null"),
        ({"sku": "x" * 201}, "sku", "max_length"),
        ({"sku": "te\0a"}, "sku", "null_characters_not_allowed"),
        ({"name": {}}, "name", "invalid"),
        ({"currency": "usd"}, "currency", "invalid"),
        ({"promotable": "perhaps"}, "promotable", "invalid"),
        ({"gtin": "4006381333932"}, "gtin", "gtin"),
        ({"gtin": "４００６３８１３３３９３１"}, "gtin", "gtin"),
        ({"gtin": "40063813339310000"}, "gtin", "max_length"),
        ({"lead_days": -1}, "lead_days", "min_value"),
        ({"pack": 0}, "pack", "min_value"),
        ({"pack": None}, "pack", "null"),
        ({"expires_on": "2027-02-30"}, "expires_on", "invalid"),
        ({"expires_on": "2027-02-03T00:00:00Z"}, "expires_on", "invalid"),
        ({"expires_on": "9999-12-31"}, "expires_on", "out_of_range"),
        ({"expires_on": "0001-01-01"}, "expires_on", "out_of_range"),
        ({"incoming_on": "9999-12-31"}, "incoming_on", "out_of_range"),
        ({"expires_on": None, "expiring": 3}, "expiring", "expires_on"),
    ],
)
def test_one_wrong_product_is_named_and_none_is_taken(
    api: APIClient, changes: dict[str, Any], field: str, code: str
) -> None:
    answer = put(api, tea(), tea(sku="milk") | changes, tea(sku="mug"))

    problem = assert_problem(answer, 400, "invalid")
    errors = [(error["field"], error["code"]) for error in problem["errors"]]
    assert errors == [(f"products[1].{field}", code)]
    assert problem["errors"][0]["detail"]


def test_every_wrong_field_is_named(api: APIClient) -> None:
    answer = put(api, tea(price="-1", stock=-1), tea(), {"sku": "milk"}, "tea")

    problem = assert_problem(answer, 400, "invalid")
    assert {error["field"] for error in problem["errors"]} == {
        "products[0].price",
        "products[0].stock",
        "products[2].name",
        "products[2].currency",
        "products[3].non_field_errors",
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"products": []}, "empty"),
        ({"products": None}, "null"),
        ({"products": "tea"}, "not_a_list"),
        ({}, "required"),
    ],
)
def test_a_feed_without_products_is_refused(
    api: APIClient, body: dict[str, Any], code: str
) -> None:
    answer = send(api, json.dumps(body).encode())

    problem = assert_problem(answer, 400, "invalid")
    assert [error["field"] for error in problem["errors"]] == ["products"]
    if code != "empty":
        assert problem["errors"][0]["code"] == code


def test_a_feed_of_more_than_ten_thousand_is_refused(api: APIClient) -> None:
    answer = put(api, *(tea(sku=str(number)) for number in range(10_001)))

    problem = assert_problem(answer, 400, "invalid")
    assert problem["errors"][0]["field"] == "products"
    assert "10000" in problem["errors"][0]["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b'{"products": [',
        b'{"products": [%s]}' % json.dumps(tea(price=float("nan"))).encode(),
        b'{"products": [%s]}' % json.dumps(tea(name="\ud800")).encode(),
        b'{"products": [{"price": 1e400}]}',
        b'{"products": [{"sku": "\xff"}]}',
        b'{"products": %s}' % (b"[" * 5000 + b"]" * 5000),
        b"[" * 100_000,
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(api: APIClient, body: bytes) -> None:
    assert_problem(send(api, body), 400, "unreadable")


@pytest.mark.parametrize("body", [b"[]", b"7", b'"tea"', b"null"])
def test_a_body_that_is_no_object_is_a_problem(api: APIClient, body: bytes) -> None:
    assert_problem(send(api, body), 400, "invalid")


def test_too_long_a_body_is_refused(api: APIClient) -> None:
    body = json.dumps({"products": [tea()]}).encode() + b" " * (4 << 20)

    assert_problem(send(api, body), 413, "body_too_large")


def test_a_body_of_another_kind_is_refused(api: APIClient) -> None:
    answer = send(api, b"<products/>", "application/xml")

    assert_problem(answer, 415, "unsupported_media_type")


def test_without_a_key_nothing_is_taken(db: None) -> None:
    assert_problem(put(APIClient(), tea()), 401, "key_missing")


def test_a_key_without_the_scope_is_told_which(db: None) -> None:
    answer = put(with_key("events", "offers", "carts"), tea())

    assert "`catalog`" in assert_problem(answer, 403, "scope_missing")["detail"]


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_the_door_takes_puts_only(api: APIClient, method: str) -> None:
    assert_problem(getattr(api, method)(PATH), 405, "method_not_allowed")


def test_what_tells_of_orders_expiry_and_other_shops_is_kept(api: APIClient) -> None:
    said = {
        "gtin": "4006381333931",
        "mpn": "GT-50",
        "family": "green tea",
        "lead_days": 7,
        "pack": 12,
        "expires_on": "2027-02-03",
        "expiring": 4,
    }

    assert put(api, tea() | said).status_code == 200

    kept = Product.objects.values(*said).get()
    assert kept == said | {"expires_on": date(2027, 2, 3)}
    assert put(api, tea()).status_code == 200
    assert Product.objects.values_list("gtin", "pack", "expires_on").get() == (
        *("", 1),
        None,
    )
