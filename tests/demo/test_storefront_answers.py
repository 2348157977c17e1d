"""The demo shop's answers: policy, keys, carts, what is not there."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics import access
from analytics.models import ApiKey, Customer
from catalog.models import Product
from demo import backend, deals
from promotions.models import Offer
from tests.demo.shopping import cast, fresh, kinds, profiled, web

__all__ = ["cast", "fresh", "web"]

pytestmark = pytest.mark.usefixtures("fresh", "shelf")


def visit(client: Client, name: str, **route: str) -> Any:
    return client.get(reverse(name, kwargs=route))


@pytest.mark.django_db
def test_every_answer_has_the_strict_policy(client: Client) -> None:
    answers = [
        visit(client, "storefront"),
        visit(client, "shop_product", sku="nothing"),
        visit(client, "shop_checkout"),
        client.post(reverse("shop_switch"), {"shopper": "guest"}),
    ]

    assert [answer.status_code for answer in answers] == [200, 404, 302, 302]
    for answer in answers:
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy.split("; ")
        assert "unsafe" not in policy
        assert b"<script>" not in answer.content


@pytest.mark.django_db
def test_the_key_in_the_page_is_no_secret_and_can_do_little(client: Client) -> None:
    page = visit(client, "storefront").content.decode()

    assert "sk_" not in page
    shown = access.find(backend.publishable_key())
    assert shown is not None
    assert shown.publishable
    assert shown.scopes == access.PUBLIC
    secret = ApiKey.objects.get(name=backend.NAME)
    assert set(secret.scopes) == set(backend.SECRET)
    visit(client, "storefront")
    assert ApiKey.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["shop_product", "shop_category"])
@pytest.mark.parametrize("path", ["nothing", "a\0b", "a/b", "%2e%2e"])
def test_what_is_not_sold_is_not_found(client: Client, name: str, path: str) -> None:
    answer = client.get(reverse(name, args=[path]))

    assert answer.status_code == 404
    assert "We do not have that" in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "code", ["-", "---", "\0", "x" * 300, "<b>x</b>", "😀", "٣٤٥٦"]
)
def test_whatever_is_typed_as_a_code_the_cart_is_shown(
    client: Client, code: str
) -> None:
    client.post(reverse("shop_change"), {"add": "tea"})

    answer = client.post(reverse("shop_change"), {"code": code}, follow=True)

    assert answer.status_code == 200
    assert "$14.90" in answer.content.decode()
    assert "<b>x</b>" not in answer.content.decode()


@pytest.mark.django_db
def test_what_is_no_longer_sold_leaves_the_cart_unharmed(client: Client) -> None:
    for sku in ("tea", "milk"):
        client.post(reverse("shop_change"), {"add": sku})
    Product.objects.get(sku="milk").delete()

    page = visit(client, "shop_cart").content.decode()

    assert "$14.90" in page
    assert "Milk" not in page


@pytest.mark.django_db(transaction=True)
def test_the_pictures_are_taken_by_a_command(
    web: str, cast: dict[str, Offer], tmp_path: Path
) -> None:
    address = web.removesuffix("/shop/")

    call_command("screenshots", address=address, to=tmp_path, stdout=StringIO())

    taken = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert {"storefront.png", "storefront-phone.png", "home.png"} <= taken.keys()
    assert "results.png" in taken
    assert max(taken.values()) < 250_000


@pytest.mark.django_db
def test_a_revoked_key_closes_the_shop(client: Client) -> None:
    visit(client, "storefront")
    access.revoke_key(ApiKey.objects.get(name=backend.NAME).pk)

    answer = visit(client, "storefront")

    assert answer.status_code == 503
    assert "The demo shop is closed" in answer.content.decode()
    assert "default-src 'self'" in answer["Content-Security-Policy"].split("; ")


@pytest.mark.django_db
def test_an_order_sent_twice_is_one(client: Client, ana: Customer) -> None:
    client.post(reverse("shop_change"), {"add": "tea"})
    sent = {"order": "shop-1", "total": "14.90"}

    for _ in range(2):
        answer = client.post(reverse("shop_order"), sent)
        assert answer["Location"] == reverse("shop_thanks")

    assert kinds() == ["order_completed"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "units"),
    [
        ({"add": "tea", "quantity": "3"}, 3),
        ({"add": "tea", "quantity": "-3"}, 1),
        ({"add": "tea", "quantity": "1e9"}, 1),
        ({"add": "tea", "quantity": "1000"}, 99),
        ({"add": "nothing"}, 0),
        ({"sku": "tea", "quantity": "5"}, 0),
    ],
)
def test_the_cart_takes_what_is_sold_in_whole_units(
    client: Client, sent: dict[str, str], units: int
) -> None:
    answer = client.post(
        reverse("shop_change"), sent, headers={"Accept": "application/json"}
    )

    assert answer.json() == {"units": units, "added": units}


@pytest.mark.django_db
def test_the_shop_speaks_chinese_and_the_api_leaves_it_so(client: Client) -> None:
    page = client.get(reverse("storefront"), headers={"Accept-Language": "zh-Hans"})

    assert '<html lang="zh-hans"' in page.content.decode()


def test_every_refusal_of_a_code_has_its_words() -> None:
    known = {code: deals.refused(code) for code in deals.REFUSED}

    assert len(set(known.values())) == len(known)
    assert deals.refused("something new") == known["unknown_code"]


def test_each_shopper_keeps_a_cart_and_its_codes(
    client: Client, ana: Customer, ben: Customer
) -> None:
    profiled(ana, "loyal")
    profiled(ben, "new")
    cache.set(
        "storefront:shoppers", {"loyal": "ana", "new": "ben"}
    )  # of who has offers; here nobody needs one

    def go_on_as(slug: str) -> dict[str, int]:
        client.post(reverse("shop_switch"), {"shopper": slug})
        kept: dict[str, Any] = client.session["storefront"]
        return dict(kept["lines"])

    assert go_on_as("loyal") == {}
    client.post(reverse("shop_change"), {"add": "tea", "quantity": "2"})
    client.post(reverse("shop_change"), {"code": "TEATIME"})
    assert go_on_as("new") == {}
    client.post(reverse("shop_change"), {"add": "milk"})
    assert go_on_as("loyal") == {"tea": 2}
    assert client.session["storefront"]["codes"] == ["TEATIME"]
    assert client.session["storefront"]["customer"] == "ana"
    assert go_on_as("new") == {"milk": 1}
    assert client.session["storefront"]["codes"] == []
    assert go_on_as("new") == {"milk": 1}


def test_who_signs_up_takes_the_guest_s_cart_along(client: Client) -> None:
    client.post(reverse("shop_change"), {"add": "tea"})
    guest = client.session["storefront"]["visitor"]

    for _ in range(2):
        client.post(reverse("shop_switch"), {"shopper": "newcomer"})
        found = client.session["storefront"]
        if guest:
            assert (found["lines"], found["visitor"]) == ({"tea": 1}, guest)
        else:
            assert found["lines"] == {}  # the next newcomer is somebody new
        guest = ""

    client.post(reverse("shop_switch"), {"shopper": "guest"})
    assert client.session["storefront"]["lines"] == {}
