"""What is wrong with a message harms no neighbour and costs little."""

import gzip
import json
import time
from typing import Any

import pytest
from django.test import Client

from analytics import events
from analytics.models import Customer, Rejection, StoredEvent
from tests.analytics.tracked import Post, kept, key, post, track

__all__ = ["key", "post"]


def test_a_bad_message_goes_to_the_dead_letters_alone(post: Post) -> None:
    good = [track(messageId=f"good-{n}") for n in range(93)]
    bad = [
        track("Product Viewed", messageId="b1", properties={}),
        track("Order Completed", messageId="b2", properties={"order_id": "o"}),
        track("Product Viewed", messageId="b3", properties={"sku": "x" * 300}),
        track(messageId="x" * 101),
        track(messageId="b5", userId=None),
        track(messageId="b6", userId="undefined"),
        track(messageId="b7", type="dance"),
    ]

    answer = post("/v1/batch", {"batch": good + bad})

    assert answer.status_code == 200
    assert len(kept()) == 93
    assert list(Rejection.objects.order_by("id").values_list("path", flat=True)) == [
        *("$.properties.sku", "$.properties.products", "$.properties.sku"),
        *("$.messageId", "$.userId", "$.userId", "$.type"),
    ]
    assert {row.source for row in Rejection.objects.all()} == {"storefront"}
    assert json.loads(bytes(Rejection.objects.earliest("id").body)) == bad[0]


POISON = {
    "NUL": b'{"type":"track","event":"a\\u0000b","userId":"ana"}',
    "lone surrogate": b'{"type":"track","event":"\\ud800","userId":"ana"}',
    "huge number": b'{"type":"track","event":"a","userId":"ana",'
    b'"properties":{"x":1e400000}}',
    "huge amount": b'{"type":"track","event":"Order Completed","userId":"ana",'
    b'"properties":{"order_id":"o","revenue":1e400000,"products":[{"sku":"a"}]}}',
    "NaN": b'{"type":"track","event":"a","userId":"ana","properties":{"x":NaN}}',
    "deep": b'{"type":"track","event":"a","userId":"ana","properties":{"x":'
    + b"[" * 7000
    + b"]" * 7000
    + b"}}",
    "bad UTF-8": b'{"type":"track","event":"\xff\xfe","userId":"ana"}',
    "long id": b'{"type":"track","event":"a","userId":"ana","messageId":"%s"}'
    % (b"x" * 101),
    "no object": b'"hello"',
    "nothing": b"null",
    "wrong shapes": b'{"type":"track","event":{},"userId":[],"properties":3}',
    "big integer": b'{"type":"track","event":"a","userId":"ana",'
    b'"properties":{"x":' + b"9" * 5000 + b"}}",
    "infinite position": b'{"type":"track","event":"Product Clicked","userId":"ana",'
    b'"properties":{"sku":"a","position":"inf"}}',
    "infinite dwell": b'{"type":"track","event":"Product Viewed","userId":"ana",'
    b'"properties":{"sku":"a","dwell_seconds":"nan"}}',
    "far time": b'{"type":"track","event":"a","userId":"ana",'
    b'"timestamp":"9999-12-31T23:59:59Z"}',
    "old time": b'{"type":"track","event":"a","userId":"ana",'
    b'"timestamp":"0001-01-01T00:00:00Z"}',
    "odd time": b'{"type":"track","event":"a","userId":"ana","timestamp":true}',
    "duplicate keys": b'{"type":"track","event":"a","event":"b","userId":"ana"}',
    "numeric ids": b'{"type":"track","event":"a","userId":7,"messageId":12}',
    "null ids": b'{"type":"track","event":"a","userId":null,"anonymousId":null}',
    "poisonous id": b'{"type":"track","event":"a","userId":"[object Object]"}',
    "NUL id": b'{"type":"track","event":"a","userId":"a\\u0000"}',
    "a list for a time": b'{"type":"track","event":"a","userId":"b","timestamp":[1]}',
    "an object for a time": b'{"type":"track","event":"a","userId":"b",'
    b'"sentAt":{"$date":"x"}}',
    "a clock out of its mind": b'{"type":"track","event":"a","userId":"b",'
    b'"context":{"library":{"name":"analytics.js"}},'
    b'"timestamp":"9999-12-31T00:00:00Z","sentAt":"2000-01-01T00:00:00Z"}',
    "a zone before all times": b'{"type":"track","event":"a","userId":"b",'
    b'"sentAt":"0001-01-01T00:00:00+14:00"}',
    "NaN for a total": b'{"type":"track","event":"Order Completed","userId":"b",'
    b'"properties":{"order_id":"o","total":"NaN","products":[{"sku":"a"}]}}',
    "a huge revenue": b'{"type":"track","event":"Order Completed","userId":"b",'
    b'"properties":{"order_id":"o","revenue":"1e30","products":[{"sku":"a"}]}}',
    "infinite price": b'{"type":"track","event":"Order Completed","userId":"b",'
    b'"properties":{"order_id":"o","products":[{"sku":"a","price":"Infinity"}]}}',
    "a long previous id": b'{"type":"alias","userId":"b","previousId":"%s"}'
    % (b"xy" * 5000),
    "an object for an id": b'{"type":"track","event":"a","userId":{"email":"a@b.c"}}',
    "a list for a message id": b'{"type":"track","event":"a","userId":"b",'
    b'"messageId":["m"]}',
}


@pytest.mark.parametrize("name", POISON)
def test_poison_harms_no_neighbour_and_is_no_error(post: Post, name: str) -> None:
    before = json.dumps(track(messageId="before")).encode()
    after = json.dumps(track(messageId="after")).encode()
    body = b'{"batch":[' + b" , ".join([before, POISON[name], after]) + b"]}"

    answer = post("/v1/batch", body)

    assert answer.status_code == 200
    ids = set(StoredEvent.objects.values_list("id", flat=True))
    from analytics.sent import event_id

    assert {event_id("before"), event_id("after")} <= ids
    assert len(ids) + Rejection.objects.count() == 3
    for stored in kept():
        assert stored.event is not None


@pytest.mark.parametrize("name", POISON)
def test_poison_alone_is_no_error_either(post: Post, name: str) -> None:
    assert post("/v1/track", POISON[name]).status_code in (200, 400)
    assert StoredEvent.objects.count() + Rejection.objects.count() == 1


def test_what_is_no_json_is_kept_and_said(post: Post) -> None:
    answer = post("/v1/batch", b'{"batch":[{"type":')

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert bytes(Rejection.objects.get().body) == b'{"batch":[{"type":'


def test_gzip_is_known_by_its_first_bytes_and_bounded(post: Post) -> None:
    body = json.dumps({"batch": [track()]}).encode()
    assert post("/v1/batch", gzip.compress(body)).status_code == 200
    assert len(kept()) == 1

    bomb = gzip.compress(b" " * 200_000_000, compresslevel=9)
    assert post("/v1/batch", bomb).status_code == 413
    assert post("/v1/batch", gzip.compress(body)[:-20]).status_code == 400


def test_too_much_at_once_is_413(post: Post) -> None:
    assert post("/v1/batch", {"batch": [{}] * 2501}).status_code == 413
    assert post("/v1/batch", b" " * (5 << 20)).status_code == 413
    assert not Rejection.objects.exists()


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/track/", "/v1/"])
def test_an_unknown_call_is_400(client: Client, path: str) -> None:
    assert client.post(path, b"{}", "text/plain").status_code == 400
    assert client.get("/v1/track").status_code == 400


def test_a_floats_noise_is_rounded_off_and_a_weight_is_a_quantity(post: Post) -> None:
    products = [{"sku": "a", "price": 1.1 * 3}, {"sku": "b", "price": 10 / 3}]
    products += [{"sku": "c", "price": 2.5, "quantity": 1.5}]
    order = {"order_id": "o", "products": products}

    post("/v1/track", track("Order Completed", properties=order))

    assert not list(Rejection.objects.values_list("reason", "path"))
    [stored] = kept()
    assert isinstance(stored.event, events.OrderCompleted)
    lines = stored.event.lines
    assert [str(line.paid) for line in lines] == ["3.3000", "3.3333", "3.7500"]
    assert [line.quantity for line in lines] == [1, 1, 2]


@pytest.mark.parametrize(
    "odd",
    [{"value": [1]}, {"products": {"a": 1}}, {"step": {}}, {"filters": 7}],
)
def test_what_an_event_does_not_need_cannot_spoil_it(
    post: Post, odd: dict[str, Any]
) -> None:
    post("/v1/track", track("Product Viewed", properties={"sku": "tea", **odd}))
    steps = {"step": "shipping", "position": "hero"}
    post("/v1/track", track("Checkout Step Viewed", properties=steps, messageId="2"))

    assert not list(Rejection.objects.values_list("reason", "path"))
    assert len(kept()) == 2


def test_a_spoilt_batch_may_have_its_key_and_its_consent_inside(
    key: str, client: Client
) -> None:
    good = json.dumps(track()).encode()
    body = (
        b'{"writeKey":"%s","context":{"consent":{"categoryPreferences":{}}},'
        b'"batch":[%s,{"event":NaN}]}' % (key.encode(), good)
    )

    assert client.post("/v1/batch", body, "text/plain").status_code == 200

    assert Customer.objects.get(external_id="ana").consent is False
    assert Rejection.objects.count() == 1


def test_an_object_is_no_id_and_leaves_nothing_of_itself(post: Post) -> None:
    post("/v1/track", track(userId={"email": "leak@example.org"}))

    assert not Customer.objects.exists()
    assert Rejection.objects.get().path == "$.userId"


def test_a_gzip_stream_may_have_two_members(post: Post) -> None:
    text = json.dumps({"batch": [track(messageId="1"), track(messageId="2")]}).encode()

    body = gzip.compress(text[:100]) + gzip.compress(text[100:])

    assert post("/v1/batch", body).status_code == 200
    assert len(kept()) == 2


def test_a_text_without_end_costs_no_more_than_its_length(post: Post) -> None:
    body = b'{"a":"' + b'\\"' * 500_000

    started = time.perf_counter()
    assert post("/v1/track", body).status_code == 400
    assert post("/v1/batch", body).status_code == 400
    assert time.perf_counter() - started < 5


def test_a_long_time_of_sending_is_not_copied(post: Post) -> None:
    bad = [track("Product Viewed", properties={}, messageId=f"b{n}") for n in "abc"]

    post("/v1/batch", {"batch": bad, "sentAt": "x" * 20_000})

    assert max(len(bytes(r.body)) for r in Rejection.objects.all()) < 2000


@pytest.mark.parametrize("path", ["/v1", "/p/v1", "/v1/a%0Ab", "/v1/?" + "a&" * 1100])
def test_odd_addresses_are_400_too(client: Client, path: str) -> None:
    assert client.post(path, b"{}", "text/plain").status_code in (400, 401)
