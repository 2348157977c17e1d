import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, log_lock, store
from analytics.api import MOST_EVENTS
from analytics.models import ApiKey, Customer, Rejection, StoredEvent
from analytics.sent import AHEAD, event_id
from tests.analytics.conftest import order, post, send, sent, with_key

PATH = "/api/v1/events"
GOOD = json.dumps(sent(id="good"))
VIEW = '"type": "product_viewed", "data": {"sku": "tea"}'


def assert_problem(answer: Any, status: int, code: str) -> str:
    """Check that the answer is a problem and that nothing was written."""
    body = answer.json()
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert (body["status"], body["code"]) == (status, code)
    assert not StoredEvent.objects.exists()
    assert not Customer.objects.exists()
    assert not Rejection.objects.exists()
    return str(body["detail"])


def test_a_batch_is_stored_and_each_event_answered(api: APIClient) -> None:
    answer = post(api, sent(id="a"), order("9.50", "0.5000", id="b"), sent(id="a"))

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 2,
        "duplicate": 1,
        "rejected": 0,
        "results": [
            {"id": "a", "status": "accepted"},
            {"id": "b", "status": "accepted"},
            {"id": "a", "status": "duplicate"},
        ],
    }
    assert StoredEvent.objects.count() == 2


def test_a_batch_sent_again_is_stored_once(api: APIClient) -> None:
    batch = [sent(id=f"m-{number}") for number in range(MOST_EVENTS)]

    first, again = post(api, *batch), post(api, *batch)

    assert first.json()["accepted"] == MOST_EVENTS
    assert again.json()["duplicate"] == MOST_EVENTS
    assert StoredEvent.objects.count() == MOST_EVENTS
    assert Customer.objects.count() == 1


def test_any_http_client_will_do(api: APIClient) -> None:
    key = access.create_key("shop", ["events"])

    answer = Client().post(
        PATH,
        f'{{"events": [{GOOD}]}}',
        content_type="text/plain",
        headers={"Authorization": f"bearer {key}"},
    )

    assert answer.json()["accepted"] == 1


def test_no_events_are_no_fault(api: APIClient) -> None:
    answer = send(api, b'{"events": []}')

    assert answer.status_code == 200
    assert answer.json()["results"] == []


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


UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"hello",
    "cut off": b'{"events": [{"id": ',
    "not an object": b"[]",
    "a number": b"7",
    "no events": b"{}",
    "events is null": b'{"events": null}',
    "events is an object": b'{"events": {}}',
    "only brackets": b"[" * 100_000,
    "not UTF-8": b'{"\xff": 1}',
    "UTF-16": '{"events": []}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_problem(api: APIClient, name: str) -> None:
    answer = send(api, UNREADABLE[name])

    assert assert_problem(answer, 400, "unreadable")


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


def test_too_many_events_are_refused_whole(api: APIClient) -> None:
    answer = post(api, *[GOOD] * (MOST_EVENTS + 1))

    detail = assert_problem(answer, 413, "batch_too_large")
    assert detail == "Send at most 2500 events at a time."


def test_too_long_a_body_is_refused_whole(api: APIClient) -> None:
    answer = send(api, b'{"events": [%s%s]}' % (b" " * (4 << 20), GOOD.encode()))

    detail = assert_problem(answer, 413, "body_too_large")
    assert detail == "Send at most 4 MiB at a time."


def test_a_body_of_four_mebibytes_is_taken(api: APIClient) -> None:
    body = b'{"events": [%s]}' % GOOD.encode()

    answer = send(api, body + b" " * ((4 << 20) - len(body)))

    assert answer.json()["accepted"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "key_missing"),
        ("Bearer", "key_missing"),
        ("Basic c2s6", "key_missing"),
        ("Bearer a b", "key_missing"),
        ("Bearer sk_unknown", "key_refused"),
        ("Bearer \xff\x00", "key_refused"),
    ],
)
def test_without_a_right_key_nothing_is_taken(header: str, code: str) -> None:
    client = APIClient()
    client.credentials(**({"HTTP_AUTHORIZATION": header} if header else {}))

    answer = post(client, GOOD)

    assert_problem(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_a_revoked_key_stops_at_once() -> None:
    client = with_key("events")
    assert post(client, sent(customer=None)).status_code == 200

    access.revoke_key(ApiKey.objects.get().id)
    answer = post(client, sent(customer=None))

    assert answer.status_code == 401
    assert answer.json()["code"] == "key_refused"
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_key_without_the_scope_is_told_which() -> None:
    answer = post(with_key("offers", "carts", "catalog"), GOOD)

    detail = assert_problem(answer, 403, "scope_missing")
    assert detail == "This key lacks the scope `events`."


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_the_door_takes_posts_only(api: APIClient, method: str) -> None:
    answer = getattr(api, method)(PATH)

    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_an_address_that_is_not_there_is_a_problem_too(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/party"), 404, "not_found")
    assert api.get("/party")["Content-Type"].startswith("text/html")


def test_a_failure_of_ours_is_a_problem_too(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "INSERT", "INSERT INTO no_such_table (id)")
    api.raise_request_exception = False

    answer = post(api, GOOD, event(type="party"))

    assert_problem(answer, 500, "server_error")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_503_and_loses_nothing(
    api: APIClient,
) -> None:
    other = connection.copy()
    with other.cursor() as held, connection.cursor() as cursor:
        held.execute("SELECT pg_advisory_lock(%s)", [log_lock.LOG_LOCK])
        cursor.execute("SET lock_timeout = '50ms'")

        answer = post(api, GOOD)

        cursor.execute("SET lock_timeout = 0")
    other.close()
    assert_problem(answer, 503, "try_again")
    assert answer["Retry-After"] == "1"
    assert post(api, GOOD).json()["accepted"] == 1


def test_a_time_of_now_may_run_five_minutes_ahead(api: APIClient) -> None:
    now = timezone.now()
    soon = (now + AHEAD * 0.9).isoformat()
    later = (now + AHEAD * 1.5).isoformat()

    answer = post(api, sent(occurred_at=soon), sent(occurred_at=later))

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == ["accepted", "rejected"]
