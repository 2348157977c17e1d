"""A surge of bad opinion: seen, told to shops, flagged, held out of proposals."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics import clock, events, store
from catalog.models import Review
from ml.models import Opinion, Surge
from promotions import flags, menus, proposable, webhooks
from promotions.models import Delivery
from tests.conftest import Counted, Make

PAGE = "/admin/opinions"


def surge(level: str = "product", key: str = "tea", **more: Any) -> Surge:
    today = clock.now().date()
    fields = {"day": today, "since": today, "texts": 12, "negative": 9, "expected": 2.0}
    return Surge.objects.create(level=level, key=key, **fields | more)


@pytest.fixture
def said(shelf: None) -> None:
    at = clock.now()
    for n in range(40):
        day = (at - timedelta(days=n // 2)).date()
        bad = n < 4
        Opinion.objects.create(
            review=f"r{n}",
            day=day,
            sku="tea",
            category="TEA",
            source="shop",
            negative=bad,
        )
    Review.objects.create(
        id="r0",
        sku="tea",
        text="It <b>stinks</b>",
        written_at=at,
        kept_until=at.date(),
        negative=0.9,
        neutral=0.05,
        positive=0.05,
        words=[["stinks", 2.0]],
        judged_by="test",
    )


def shown(client: Client, query: str = "") -> str:
    answer = client.get(PAGE + query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_tells_of_surges_and_leads_to_texts(
    client: Client, olga: User, said: None, statements: Counted
) -> None:
    surge()
    client.force_login(olga)
    statements()
    page = shown(client)

    assert statements() <= 15
    assert "product: Tea (tea)" in page
    assert "?level=product&amp;key=tea" in page

    statements()
    page = shown(client, "?level=product&key=tea")
    assert statements() <= 15
    assert "<svg" in page
    assert "&lt;b&gt;stinks" in page
    assert "9 of 12 texts were negative" in page


def test_who_may_not_read_texts_sees_numbers_alone(client: Client, said: None) -> None:
    from django.contrib.auth.models import Permission

    ben = User.objects.create_user("ben", is_staff=True)
    client.force_login(ben)
    assert client.get(PAGE).status_code == 403
    ben.user_permissions.add(Permission.objects.get(codename="view_opinion"))

    assert "stinks" not in shown(client, "?level=product&key=tea")


@pytest.mark.parametrize(
    "query", ["?level=x&key=tea", "?key=mug", "?level=product&key=%00"]
)
def test_what_is_not_there_is_not_found(
    client: Client, olga: User, said: None, query: str
) -> None:
    client.force_login(olga)
    assert client.get(PAGE + query).status_code == 404


def test_running_offers_with_it_are_flagged(shelf: None, live: Make) -> None:
    strategy = live()
    assert not list(flags.raised(at=clock.now()))

    surge()
    (flag,) = flags.raised(at=clock.now())
    assert flag.kind == "opinion"
    assert flag.strategy == strategy
    assert "tea" in flag.text

    Surge.objects.all().delete()
    surge("category", "MILK")
    assert not flags.raised(at=clock.now())


def test_held_products_and_categories_are_not_proposed(shelf: None) -> None:
    from ml import opinions

    at = clock.now()
    assert proposable.allowed(opinions.held(), at) >= {"TEA", "MILK"}
    surge()
    held = opinions.held()
    assert "TEA" not in proposable.allowed(held, at)  # nothing else of it is on sale
    assert proposable.without(held, "TEA") == {"excluded_skus": ["tea"]}
    assert proposable.without(held, "MILK") == {}
    surge("category", "MILK")
    assert "MILK" not in proposable.allowed(opinions.held(), at)
    assert menus._gift("TEA", 100) is None  # type: ignore[arg-type]


def test_shops_are_told_by_webhook(shelf: None) -> None:
    webhooks.register("https://shop.example/hook", [], at=clock.now())
    turned = events.OpinionTurned(
        level="product",
        key="tea",
        worse=True,
        day=datetime(2026, 6, 1, tzinfo=UTC).date(),
        since=datetime(2026, 6, 1, tzinfo=UTC).date(),
        texts=12,
        negative=9,
        expected=2.0,
    )
    store.append([turned], at=clock.now())
    webhooks.catch_up()

    delivery = Delivery.objects.get()
    (stored,) = store.read(until=store.high_water(), types=["opinion_turned"])
    body = webhooks.message(delivery, stored).body.decode()
    assert '"key":"tea"' in body
    assert "strategy" not in body
