"""The pages, files and door of stock: what they tell, to whom, and in how many asks."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from analytics import access
from catalog.models import Product
from promotions import clearances, stock_product, supply
from promotions.models import Strategy, Supply
from tests.browsing import browse, sign_in
from tests.conftest import Counted
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db
STATEMENTS = 15


def texts(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def stocked(db: None) -> Strategy:
    """Tea runs short, yogurt will expire and is to be cleared, fans are too many."""
    at = timezone.now()
    soon = at.date() + timedelta(days=36)
    listed("tea", at=at, stock=3, pack=12)
    listed("yogurt", at=at, stock=200, category="DAIRY", expires_on=soon)
    listed("fan", at=at, stock=2000, category="FANS")
    listed("milk", at=at, stock=60, category="DAIRY")
    listed("silent", at=at, stock=None, category="DAIRY")
    for sku in ("tea", "yogurt", "fan", "milk", "silent"):
        expected(sku, 10.0, at=at)
    supply.refresh(at=at)
    made = clearances.propose(at=at)
    return next(one for one in made if one.scope == ["DAIRY"])


@pytest.fixture
def buyer(client: Client) -> Client:
    user = User.objects.create_user("bea", password="secret", is_staff=True)
    user.groups.add(Group.objects.get(name="Buyers"))
    client.force_login(user)
    return client


def test_the_gravest_is_told_first(stocked: Strategy, buyer: Client) -> None:
    page = texts(buyer.get(reverse("stock")).content.decode())
    places = [page.index(word) for word in ("Runs short", "Will expire", "Too much")]
    sections = [page.rindex(word) for word in ("Runs short", "Order suggestions")]
    assert places == sorted(places) or sections == sorted(sections)
    for name in ("Tea", "Yogurt", "Fan", "Clearance: DAIRY"):
        assert name in page
    assert "It sends none of 1 products" in page
    assert "Silent" not in page


def test_a_product_is_found_by_its_name(stocked: Strategy, buyer: Client) -> None:
    page = texts(buyer.get(reverse("stock"), {"q": "mil"}).content.decode())
    assert "Milk" in page
    assert "Yogurt" not in page


def test_the_curve_of_what_is_left_never_rises(stocked: Strategy) -> None:
    """Also where weeks are ever less sure, and where counted units become a normal."""
    product, today = Product.objects.get(sku="milk"), timezone.now().date()
    known = supply.outlooks(["milk"], timezone.now())["milk"]
    unsure = tuple(10.0 * 2**n for n in range(len(known.units)))
    known = replace(known, low=(0.0,) * len(unsure), high=unsure)
    marks = list(stock_product._ahead(product, known, today))
    for before, now in pairwise(marks):
        assert now.value <= before.value
        assert now.high <= before.high  # type: ignore[operator]
    for mark in marks:
        assert 0 <= mark.low <= mark.value <= mark.high <= 60  # type: ignore[operator]


def test_a_product_s_page_has_its_fan_and_its_path(
    stocked: Strategy, buyer: Client
) -> None:
    html = buyer.get(reverse("product_stock", args=["yogurt"])).content.decode()
    assert html.count("<svg") >= 3
    page = texts(html)
    assert "Mark-down path" in html
    told = stocked.forecast["clearance"]["yogurt"]
    assert f"{told['prices'][told['path'][0]]:,.2f} USD" in page
    assert "If the price stays" in page


def test_a_shop_without_stock_is_told_so(buyer: Client) -> None:
    at = timezone.now()
    listed("silent", at=at, stock=None)
    supply.refresh(at=at)
    assert "The shop sends no stock" in buyer.get(reverse("stock")).content.decode()
    page = buyer.get(reverse("product_stock", args=["silent"])).content.decode()
    assert "nothing is known of it" in page
    assert buyer.get(reverse("product_stock", args=["nothing"])).status_code == 404


@pytest.mark.parametrize("address", ["/admin/stock", "/admin/stock/tea"])
def test_who_may_not_view_stock_is_refused(
    stocked: Strategy, client: Client, address: str
) -> None:
    user = User.objects.create_user("sam", password="secret", is_staff=True)
    client.force_login(user)
    assert client.get(address).status_code == 403


@pytest.mark.parametrize("address", ["/admin/stock", "/admin/stock/yogurt"])
def test_a_page_asks_little(
    stocked: Strategy, buyer: Client, statements: Counted, address: str
) -> None:
    buyer.get(address)
    statements()
    buyer.get(address)
    assert statements() <= STATEMENTS


def test_orders_can_be_taken_away(stocked: Strategy, buyer: Client) -> None:
    answer = buyer.get(reverse("export_table", args=["order-suggestions", "csv"]))
    text = b"".join(answer).decode()
    row = next(line for line in text.splitlines() if line.startswith("tea"))
    assert str(Supply.objects.get(pk="tea").order) in row
    assert "fan" not in text


def stock(client: Client, **asked: Any) -> Any:
    key = access.create_key("shop", ["reports"])
    headers = {"Authorization": f"Bearer {key}"}
    return client.get("/api/v1/stock", asked, headers=headers)


def test_the_api_tells_stock_by_page(stocked: Strategy, client: Client) -> None:
    first = stock(client, limit=3).json()
    rest = stock(client, after=first["next"]).json()
    skus = [one["sku"] for one in first["products"] + rest["products"]]
    assert skus == ["fan", "milk", "tea", "yogurt"]
    assert rest["next"] is None
    [tea] = stock(client, to_order=True).json()["products"]
    assert (tea["sku"], tea["state"]) == ("tea", "short")
    assert tea["order"] % 12 == 0
    assert stock(client, state="gone").status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_fits_its_window_and_can_be_heard(
    live_server: Any, olga: User, stocked: Strategy, width: int
) -> None:
    pages = ["/admin/stock", "/admin/stock/yogurt"]

    def journey(tab: Page) -> list[tuple[int, list[str]]]:
        sign_in(tab, "olga")
        seen = []
        for address in pages:
            tab.goto(address)
            wide = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
            seen.append((wide, tab.evaluate(MAIN)))
            if shots := os.environ.get("SHOTS"):
                name = address.rsplit("/", 1)[1]
                tab.screenshot(path=f"{shots}/{name}-{width}.png", full_page=True)
        return seen

    window = {"width": width, "height": 800}
    for wide, nameless in browse(journey, base_url=live_server.url, viewport=window):
        assert wide <= 0
        assert nameless == []


MAIN = """() => [...document.querySelectorAll(".report svg, .report input")].filter(
  (one) => !one.getAttribute("aria-label") && !one.labels?.length
).map((one) => one.outerHTML.slice(0, 80))"""
