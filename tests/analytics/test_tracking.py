"""The Segment family's wire, as clients send it; real clients are in test_clients."""

import base64
import gzip
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics import access, events, store
from analytics.models import Customer, Rejection, StoredEvent, WrongKey

Post = Callable[..., Any]


@pytest.fixture
def key(db: None) -> str:
    return access.create_key("storefront", ["events"], publishable=True)


@pytest.fixture
def post(key: str, client: Client) -> Post:
    def send(path: str, body: object, **headers: str) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        basic = base64.b64encode(f"{key}:".encode()).decode()
        given = {"authorization": f"Basic {basic}"} | headers
        return client.post(path, raw, content_type="text/plain", headers=given)

    return send


def track(event: str | None = "Quiz Passed", **changes: Any) -> dict[str, Any]:
    message = {
        "type": "track",
        "messageId": f"m-{timezone.now().timestamp()}-{event}",
        "userId": "ana",
        "event": event,
        "properties": {"score": 3, "comment": "my street is Elm 5"},
        "timestamp": timezone.now().isoformat(),
    }
    return message | changes


def kept() -> list[store.Stored]:
    return list(store.read(until=store.high_water()))


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t", "/p/v1/t"])
def test_a_message_is_stored_under_every_path(post: Post, path: str) -> None:
    answer = post(path, track())

    assert (answer.status_code, answer.content) == (200, b'{"success":true}')
    [stored] = kept()
    assert stored.type == "custom_tracked"
    assert stored.event == events.CustomTracked(
        name="Quiz Passed", numbers={"score": 3}
    )
    assert stored.customer == Customer.objects.get(external_id="ana").key
    assert stored.source == "storefront"


def test_every_call_has_a_type_of_its_own(post: Post) -> None:
    batch = [
        track(),
        track(type="page", name="Home", event=None, messageId="p"),
        track(type="screen", name="Home", messageId="s"),
        track(type="group", groupId="acme", messageId="g"),
        track(type="identify", anonymousId="v-1", traits={"plan": "x"}, messageId="i"),
        track(type="alias", previousId="v-2", messageId="a"),
    ]

    assert post("/v1/batch", {"batch": batch}).status_code == 200

    assert [stored.type for stored in kept()] == [
        *("custom_tracked", "page_viewed", "screen_viewed", "group_joined"),
        *("customer_identified", "customer_aliased"),
    ]


SPEC = {
    "Products Searched": ("products_searched", {"query": "red wool socks"}),
    "Product List Viewed": ("product_list_viewed", {"products": [{"sku": "tea"}]}),
    "Product List Filtered": (
        "product_list_filtered",
        {"filters": [{"type": "price", "value": "cheap"}]},
    ),
    "Promotion Viewed": ("promotion_viewed", {"promotion_id": "p"}),
    "Promotion Clicked": ("promotion_clicked", {"promotion_id": 7}),
    "Product Clicked": ("product_clicked", {"product_id": 7, "position": 3}),
    "Product Viewed": ("product_viewed", {"sku": "tea", "value": 3.5}),
    "Product Added": ("product_added", {"sku": "tea", "quantity": "2"}),
    "Product Removed": ("product_removed", {"sku": "tea"}),
    "Cart Viewed": ("cart_viewed", {"products": [{"product_id": "tea"}]}),
    "Checkout Started": ("checkout_started", {"order_id": 5, "value": "20.00"}),
    "Checkout Step Viewed": ("checkout_step_viewed", {"step": 1}),
    "Checkout Step Completed": ("checkout_step_completed", {"step": 1}),
    "Payment Info Entered": ("payment_info_entered", {"step": 2}),
    "Order Completed": (
        "order_completed",
        {"order_id": "o", "revenue": 9.99, "products": [{"sku": "a", "price": 10}]},
    ),
    "Order Updated": ("order_updated", {"order_id": "o", "total": 9}),
    "Order Refunded": ("order_refunded", {"order_id": "o"}),
    "Order Cancelled": ("order_cancelled", {"order_id": "o"}),
    "Coupon Entered": ("coupon_entered", {"coupon_id": "c"}),
    "Coupon Applied": ("coupon_applied", {"coupon_id": "c", "discount": 2.5}),
    "Coupon Denied": ("coupon_denied", {"coupon": "c", "reason": "Too old"}),
    "Coupon Removed": ("coupon_removed", {"coupon_id": "c"}),
    "Product Added to Wishlist": ("product_added_to_wishlist", {"sku": "tea"}),
    "Product Removed from Wishlist": ("product_removed_from_wishlist", {"sku": "t"}),
    "Wishlist Product Added to Cart": ("wishlist_product_added_to_cart", {"sku": "t"}),
    "Product Shared": ("product_shared", {"sku": "tea", "share_via": "mail"}),
    "Cart Shared": ("cart_shared", {"share_via": "mail"}),
    "Product Reviewed": ("product_reviewed", {"sku": "t", "rating": 4}),
    "Viewed Product": ("product_viewed", {"sku": "tea"}),
    "Added Product": ("product_added", {"sku": "tea"}),
    "Removed Product": ("product_removed", {"sku": "tea"}),
    "Clicked Product": ("product_clicked", {"sku": "tea"}),
    "Viewed Promotion": ("promotion_viewed", {"id": "p"}),
    "Clicked Promotion": ("promotion_clicked", {"id": "p"}),
    "Viewed Product Category": ("product_list_viewed", {"category": "TEA"}),
    "Started Order": ("checkout_started", {"order_id": "o"}),
    "Completed Order": (
        "order_completed",
        {"order_id": "o", "products": [{"sku": "a", "price": 10}]},
    ),
    "Updated Order": ("order_updated", {"order_id": "o"}),
    "Viewed Checkout Step": ("checkout_step_viewed", {"step": 1}),
    "Completed Checkout Step": ("checkout_step_completed", {"step": 1}),
    "PRODUCT viewed": ("product_viewed", {"sku": "tea"}),
}


def test_every_event_of_the_specification_is_typed(post: Post) -> None:
    batch = [
        track(name, properties=properties, messageId=name)
        for name, (_, properties) in SPEC.items()
    ]

    post("/v1/batch", {"batch": batch})

    assert not list(Rejection.objects.values_list("reason", "path"))
    assert [stored.type for stored in kept()] == [kind for kind, _ in SPEC.values()]
    for stored in kept():
        assert stored.event is not None


def test_what_an_order_paid_adds_up_over_its_lines(post: Post) -> None:
    products = [{"sku": s, "price": 3.33, "quantity": 3} for s in "abc"]
    paid = {"order_id": "o", "revenue": 19.99, "discount": 9.98, "products": products}

    post("/v1/track", track("Order Completed", properties=paid))

    [stored] = kept()
    assert isinstance(stored.event, events.OrderCompleted)
    lines = stored.event.lines
    assert sum(line.paid for line in lines) * 100 == 1999
    assert sum(line.paid + line.coupon_discount for line in lines) * 100 == 2997


def test_free_text_and_addresses_never_enter_the_log(post: Post) -> None:
    secret = "ana.smith@example.com, Elm Street 5"
    context = {
        "ip": "203.0.113.77",
        "userAgent": "Mozilla/5.0 Secret",
        "page": {"url": f"https://shop.example/?q={secret}", "title": secret},
        "traits": {"email": secret},
    }
    shared: dict[str, Any] = {
        "context": context,
        "traits": {"email": secret, "plan": "gold"},
    }
    names = ["Products Searched", "Product Reviewed", "Coupon Denied", "Something Else"]
    texts = ("query", "review_body", "reason", "note", "url", "email")
    properties = dict.fromkeys(texts, secret) | {"sku": "tea"}
    batch = [track(n, properties=properties, messageId=n, **shared) for n in names]
    batch += [track(type=t, messageId=t, groupId="g", **shared) for t in ("identify",)]
    batch += [track(type="page", messageId="page", properties=properties, **shared)]

    post("/v1/batch", {"batch": batch, "context": context})

    assert not Rejection.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(e::text, ' ') FROM analytics_storedevent e")
        [everything] = cursor.fetchone()
    assert len(kept()) == 6
    for word in ("Elm", "smith", "203.0.113", "Mozilla", "example"):
        assert word not in everything


def test_a_retry_is_stored_once_also_by_another_way(post: Post, api: Any) -> None:
    message = track(messageId="same")
    post("/v1/track", message)
    post("/v1/batch", {"batch": [message], "sentAt": timezone.now().isoformat()})
    access.create_key("other", ["events"])
    native = {"id": "same", "type": "product_viewed", "data": {"sku": "tea"}}

    answer = api.post("/api/v1/events", {"events": [native]}, format="json")

    assert answer.json()["duplicate"] == 1
    assert len(kept()) == 1


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


def test_the_key_may_stand_in_three_places(key: str, client: Client) -> None:
    def send(path: str, body: object, **headers: str) -> int:
        raw = json.dumps(body)
        return client.post(path, raw, "text/plain", headers=headers).status_code

    basic = base64.b64encode(f"{key}:".encode()).decode()
    bare = base64.b64encode(key.encode()).decode()
    assert send("/v1/t", track(messageId="1"), authorization=f"Basic {basic}") == 200
    assert send("/v1/t", track(messageId="2"), authorization=f"Basic {bare}") == 200
    assert send("/v1/t", track(messageId="3", writeKey=key)) == 200
    assert send("/v1/b", {"batch": [track(messageId="4")], "writeKey": key}) == 200
    path = f"/beacon/v1/batch?writeKey={key}"
    assert send(path, {"batch": [track(messageId="5")]}) == 200
    assert len(kept()) == 5


def test_a_wrong_key_is_401_and_seen_by_the_operator(client: Client, db: None) -> None:
    for _ in range(3):
        answer = client.post(
            "/v1/track?writeKey=pk_wrong_key", json.dumps(track()), "text/plain"
        )
        assert answer.status_code == 401

    row = WrongKey.objects.get()
    assert (row.hint, row.attempts) == ("pk_wron", 3)
    assert not kept()


def test_a_key_works_for_its_sites_only(client: Client, db: None) -> None:
    key = access.create_key(
        "shop", ["events"], publishable=True, origins=["https://shop.example"]
    )

    def send(origin: str) -> int:
        body = json.dumps(track(writeKey=key, messageId=origin))
        headers = {"origin": origin}
        return client.post("/v1/t", body, "text/plain", headers=headers).status_code

    assert send("https://shop.example") == 200
    assert send("https://evil.example") == 401


def test_a_publishable_key_can_do_nothing_more(db: None) -> None:
    with pytest.raises(access.UnknownScope):
        access.create_key("shop", ["events", "carts"], publishable=True)


def test_browsers_may_ask_before_they_send(client: Client) -> None:
    answer = client.options(
        "/v1/t",
        headers={
            "origin": "https://shop.example",
            "access-control-request-headers": "authorization, anonymousid, sentat",
        },
    )

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert (
        answer["Access-Control-Allow-Headers"] == "authorization, anonymousid, sentat"
    )
    assert int(answer["Access-Control-Max-Age"]) >= 3600


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/track/", "/v1/"])
def test_an_unknown_call_is_400(client: Client, path: str) -> None:
    assert client.post(path, b"{}", "text/plain").status_code == 400
    assert client.get("/v1/track").status_code == 400


def test_browser_libraries_boot(client: Client) -> None:
    settings = client.get("/v1/projects/abc/settings").json()
    assert settings["integrations"]["Segment.io"]["apiKey"] == "abc"
    source = client.get("/sourceConfig/?writeKey=abc").json()["source"]
    assert (source["writeKey"], source["enabled"]) == ("abc", True)


BROWSER = {"library": {"name": "analytics.js"}}
SERVER = {"library": {"name": "analytics-python"}}


@pytest.mark.parametrize(
    ("context", "clock", "delay", "error"),
    [
        (BROWSER, timedelta(days=1), timedelta(0), timedelta(0)),
        (BROWSER, timedelta(days=-1), timedelta(0), timedelta(0)),
        (BROWSER, timedelta(minutes=-2), timedelta(0), timedelta(minutes=-2)),
        (SERVER, timedelta(0), timedelta(minutes=10), timedelta(0)),
        (SERVER, timedelta(hours=-3), timedelta(0), timedelta(hours=-3)),
    ],
)
def test_only_a_shoppers_clock_that_is_far_off_is_corrected(
    post: Post,
    context: dict[str, Any],
    clock: timedelta,
    delay: timedelta,
    error: timedelta,
) -> None:
    """`clock`: how far it is ahead; `delay`: since a frozen body was first sent."""
    now = timezone.now()
    happened = now - delay - timedelta(seconds=30)
    sent_at, original = now - delay + clock, happened + clock
    message = track(
        context=context, timestamp=original.isoformat(), sentAt=sent_at.isoformat()
    )

    post("/v1/track", message)

    row = StoredEvent.objects.get()
    assert abs(row.occurred_at - happened - error) < timedelta(seconds=5)
    assert (row.original_at, row.sent_at) == (original, sent_at)


def test_nothing_happens_in_the_future(post: Post) -> None:
    soon = timezone.now() + timedelta(hours=2)

    post("/v1/track", track(context=SERVER, timestamp=soon.isoformat()))

    row = StoredEvent.objects.get()
    assert row.occurred_at <= row.recorded_at
    assert row.original_at == soon


def test_bots_are_stored_and_known(post: Post) -> None:
    bot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    server = SERVER | {"userAgent": bot}
    post("/v1/t", track(messageId="1", context=BROWSER | {"userAgent": bot}))
    post("/v1/t", track(messageId="2", context=BROWSER | {"userAgent": "Mozilla/5.0"}))
    post("/v1/t", track(messageId="3", context=server))

    assert [stored.bot for stored in kept()] == [True, False, False]


def test_a_batchs_context_counts_for_its_messages_and_costs_little(post: Post) -> None:
    """100 KB must not become 10 MB; what a message says itself goes first."""
    refusing = {"consent": {"categoryPreferences": {"Advertising": False}}}
    context = BROWSER | refusing | {"page": {"title": "x" * 100_000}}
    batch = [track(messageId=f"m-{n}", context={"app": {}}) for n in range(50)]
    batch += [track("Product Viewed", properties={}, messageId=f"b-{n}") for n in "ab"]

    post("/v1/batch", {"batch": batch, "context": context})

    assert Customer.objects.get(external_id="ana").consent is False
    assert max(len(bytes(r.body)) for r in Rejection.objects.all()) < 2000


@pytest.mark.parametrize(
    ("word", "consent"),
    [(True, True), (False, False), ("granted", True), ("denied", False), (None, False)],
)
def test_consent_managers_words_are_understood(
    post: Post, word: object, *, consent: bool
) -> None:
    said = {"consent": {"categoryPreferences": {"advertising": word}}}

    post("/v1/t", track(context=said))

    assert Customer.objects.get(external_id="ana").consent is consent


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


def test_a_call_without_any_key_is_no_wrong_key(client: Client, db: None) -> None:
    assert client.post("/v1/track", b"{}", "text/plain").status_code == 401
    assert not WrongKey.objects.exists()


def test_an_object_is_no_id_and_leaves_nothing_of_itself(post: Post) -> None:
    post("/v1/track", track(userId={"email": "leak@example.org"}))

    assert not Customer.objects.exists()
    assert Rejection.objects.get().path == "$.userId"


def test_a_batchs_yes_is_a_yes_among_many_categories(post: Post) -> None:
    many = {f"category {n}": False for n in range(30)} | {"Advertising": "true"}
    context = {"consent": {"categoryPreferences": many}}

    post("/v1/batch", {"batch": [track()], "context": context})

    assert Customer.objects.get(external_id="ana").consent is True


def test_of_two_words_at_once_the_later_counts(post: Post) -> None:
    def said(*, yes: bool) -> dict[str, Any]:
        return {"consent": {"categoryPreferences": {"Advertising": yes}}}

    batch = [
        track(messageId=f"m-{yes}", timestamp=None, context=said(yes=yes))
        for yes in (True, False)
    ]

    post("/v1/batch", {"batch": batch})

    assert Customer.objects.get(external_id="ana").consent is False


def test_a_yes_from_the_future_does_not_outlast_a_no(post: Post, api: Any) -> None:
    ahead = (timezone.now() + timedelta(minutes=4)).isoformat()
    yes = {"consent": {"categoryPreferences": {"Advertising": True}}}
    post("/v1/track", track(timestamp=ahead, context=yes))

    api.post("/api/v1/consent", {"customer": "ana", "personalised": False}, "json")

    assert Customer.objects.get(external_id="ana").consent is False


def test_nobody_can_take_the_place_of_a_messages_consent(post: Post) -> None:
    post("/v1/track", track(messageId="consent of m-1", userId="eve"))
    no = {"consent": {"categoryPreferences": {"Advertising": False}}}

    post("/v1/track", track(messageId="m-1", context=no))

    assert Customer.objects.get(external_id="ana").consent is False


def test_a_gzip_stream_may_have_two_members(post: Post) -> None:
    text = json.dumps({"batch": [track(messageId="1"), track(messageId="2")]}).encode()

    body = gzip.compress(text[:100]) + gzip.compress(text[100:])

    assert post("/v1/batch", body).status_code == 200
    assert len(kept()) == 2


def test_a_message_without_a_time_of_sending_has_its_batchs(post: Post) -> None:
    ahead = timedelta(days=3)
    now = timezone.now()
    said = (now + ahead).isoformat()
    message = track(context=BROWSER, timestamp=said, sentAt=None)

    post("/v1/batch", {"batch": [message], "sentAt": said})

    assert abs(StoredEvent.objects.get().occurred_at - now) < timedelta(seconds=5)


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
