"""The Segment family's wire: every call and event of its specification is kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from analytics import access, events
from analytics.models import Customer, Rejection, StoredEvent
from tests.analytics.tracked import Post, kept, key, post, track

__all__ = ["key", "post"]


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


def test_a_message_without_a_time_of_sending_has_its_batchs(post: Post) -> None:
    ahead = timedelta(days=3)
    now = timezone.now()
    said = (now + ahead).isoformat()
    message = track(context=BROWSER, timestamp=said, sentAt=None)

    post("/v1/batch", {"batch": [message], "sentAt": said})

    assert abs(StoredEvent.objects.get().occurred_at - now) < timedelta(seconds=5)
