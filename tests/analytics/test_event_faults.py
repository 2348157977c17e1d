"""A bad event is answered and kept; its neighbours are stored."""

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from analytics import store
from analytics.models import Customer, Rejection, StoredEvent
from analytics.sent import event_id
from tests.analytics.conftest import order, post, send, sent

GOOD = json.dumps(sent(id="good"))
VIEW = '"type": "product_viewed", "data": {"sku": "tea"}'


def event(**changes: Any) -> str:
    return json.dumps(sent(id="bad", **changes))


BAD: dict[str, tuple[str | bytes, str, str]] = {
    "unknown type": (
        event(type="party"),
        "Unknown event type 'party'",
        "$.type",
    ),
    "a type that only we may report": (
        event(type="price_changed"),
        "Unknown event type 'price_changed'",
        "$.type",
    ),
    "no type": ('{"id": "bad", "data": {}}', "missing required field `type`", ""),
    "no id": (f"{{{VIEW}}}", "missing required field `id`", ""),
    "empty id": (f'{{"id": "", {VIEW}}}', "length >= 1", "$.id"),
    "id of 101 characters": (
        f'{{"id": "{"x" * 101}", {VIEW}}}',
        "length <= 100",
        "$.id",
    ),
    "id is a number": (f'{{"id": 7, {VIEW}}}', "Expected `str`, got `int`", "$.id"),
    "empty customer": (event(customer=""), "length >= 1", "$.customer"),
    "customer of 201 characters": (
        event(customer="x" * 201),
        "length <= 200",
        "$.customer",
    ),
    "unknown field": (event(colour="red"), "unknown field `colour`", ""),
    "unknown field in data": (
        event(data={"sku": "tea", "colour": "red"}),
        "unknown field `colour`",
        "$.data",
    ),
    "no data": ('{"id": "bad", "type": "product_viewed"}', "field `sku`", "$.data"),
    "data is a list": (event(data=[]), "Expected `object`, got `array`", "$.data"),
    "data is null": (event(data=None), "Expected `object`, got `null`", "$.data"),
    "in the future": (
        event(occurred_at="2126-01-01T00:00:00Z"),
        "The time is in the future",
        "$.occurred_at",
    ),
    "before 1990": (
        event(occurred_at="1989-12-31T23:59:59Z"),
        "The time is before 1990",
        "$.occurred_at",
    ),
    "no time zone": (
        event(occurred_at="2026-06-01T12:00:00"),
        "timezone",
        "$.occurred_at",
    ),
    "not a time": (event(occurred_at="yesterday"), "RFC3339", "$.occurred_at"),
    "negative amount": (
        json.dumps(order(1, -0.01)),
        "Expected an amount >= 0",
        "$.data.lines[1].paid",
    ),
    "five decimals": (
        json.dumps(order("1.00001")),
        "at most 4 decimals",
        "$.data.lines[0].paid",
    ),
    "an amount of a milliard": (
        json.dumps(order(1, 2, 1_000_000_000)),
        "amount below 1e9",
        "$.data.lines[2].paid",
    ),
    "NaN as text": (json.dumps(order("NaN")), "below 1e9", "$.data.lines[0].paid"),
    "Infinity as text": (
        json.dumps(order("Infinity")),
        "below 1e9",
        "$.data.lines[0].paid",
    ),
    "1e400": (
        json.dumps(order("HUGE")).replace('"HUGE"', "1e400"),
        "below 1e9",
        "$.data.lines[0].paid",
    ),
    "1e99999999999999999999": (
        json.dumps(order("HUGE")).replace('"HUGE"', "1e99999999999999999999"),
        "Invalid decimal",
        "$.data.lines[0].paid",
    ),
    "1e-400": (
        json.dumps(order("TINY")).replace('"TINY"', "1e-400"),
        "at most 4 decimals",
        "$.data.lines[0].paid",
    ),
    "an order without lines": (json.dumps(order()), "length >= 1", "$.data.lines"),
    "a currency in small letters": (
        json.dumps(order(1)).replace("USD", "usd"),
        "matching regex",
        "$.data.currency",
    ),
    "a date that is none": (
        event(
            type="campaign_announced",
            data={
                "campaign": "may",
                "kind": "leaflet",
                "starts_on": "2026-05-01",
                "ends_on": "2026-02-30",
            },
        ),
        "Expected a date such as",
        "$.data.ends_on",
    ),
    "NUL": (event(data={"sku": "t\0ea"}), "U+0000", ""),
    "NUL in the customer": (event(customer="a\0na"), "U+0000", ""),
    "invalid UTF-8": (
        event(customer="a?na").encode().replace(b"?", b"\xff"),
        "utf-8",
        "",
    ),
    "invalid UTF-8 in data": (
        event(data={"sku": "t?ea"}).encode().replace(b"?", b"\xff"),
        "utf-8",
        "$.data",
    ),
    "an invalid name in data": (
        event(data={"s?u": "tea"}).encode().replace(b"?", b"\xff"),
        "utf-8",
        "$.data",
    ),
    "nested 500 deep": (
        event(data={"sku": "DEEP"}).replace('"DEEP"', "[" * 500 + "]" * 500),
        "Expected `str`, got `array`",
        "$.data.sku",
    ),
    "not an object": ("[1, 2]", "Expected `object`, got `array`", ""),
    "null": ("null", "Expected `object`, got `null`", ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_answered_and_kept_and_its_neighbours_stored(
    api: APIClient, name: str
) -> None:
    bad, reason, path = BAD[name]

    answer = post(api, GOOD, bad, sent(id="also good"))

    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["rejected"]) == (2, 1)
    assert [result["status"] for result in body["results"]] == [
        "accepted",
        "rejected",
        "accepted",
    ]
    assert reason in body["results"][1]["reason"]
    assert body["results"][1]["path"] == path
    rejection = Rejection.objects.get()
    assert bytes(rejection.body) == (bad.encode() if isinstance(bad, str) else bad)
    assert (rejection.source, rejection.path) == ("test shop", path)
    assert [stored.id for stored in store.read(until=store.high_water())] == [
        event_id("good"),
        event_id("also good"),
    ]
    assert list(Customer.objects.values_list("external_id", flat=True)) == ["ana"]


def beside(bad: str) -> bytes:
    return f'{{"events": [{GOOD}, {bad}]}}'.encode()


SALVAGED: dict[str, bytes] = {
    "NaN among the events": b'{"events": [%s, NaN]}' % GOOD.encode(),
    "NaN in an event": beside(json.dumps(order(float("nan")))),
    "Infinity in an event": beside(json.dumps(order(float("inf")))),
    "NUL unescaped": beside(event(customer="a?na").replace("?", "\0")),
    "a lone surrogate": beside(event(customer="\ud800")),
    "a lone surrogate in data": beside(event(data={"sku": "\udc00"})),
    "nested 5,000 deep": b'{"events": [%s, %s]}'
    % (GOOD.encode(), b"[" * 5000 + b"]" * 5000),
}


@pytest.mark.parametrize("name", SALVAGED)
def test_an_event_that_spoils_the_body_harms_no_neighbour(
    api: APIClient, name: str
) -> None:
    answer = send(api, SALVAGED[name])

    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], told["rejected"]) == (1, 1)
    assert StoredEvent.objects.count() == Rejection.objects.count() == 1


def test_a_spoilt_member_beside_the_events_does_not_matter(api: APIClient) -> None:
    deep = b"[" * 5000 + b"]" * 5000

    answer = send(api, b'{"events": [%s], "a": %s}' % (GOOD.encode(), deep))

    assert answer.json()["accepted"] == 1
