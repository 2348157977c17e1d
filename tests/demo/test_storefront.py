"""The demo shop in a real browser, against the web server as it really starts."""

import time
from collections.abc import Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from analytics import access
from analytics.models import ApiKey, Assignment, Customer, Rejection, StoredEvent
from catalog.models import Product
from demo import backend, deals
from ml.models import CustomerProfile
from promotions import giving
from promotions.giving import Given
from promotions.models import Feedback, Offer, Redemption, Strategy
from tests import serving
from tests.browsing import NAMELESS, TOO_WIDE, browse
from tests.conftest import Give, Make

pytestmark = pytest.mark.usefixtures("fresh", "shelf")
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def fresh() -> None:
    """Best sellers and shoppers are kept for an hour."""
    cache.clear()


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[str]:
    with serving.granian() as url:
        yield f"{url}/shop/"


def profiled(customer: Customer, segment: str) -> None:
    CustomerProfile.objects.create(
        customer=customer.key,
        segment=segment,
        orders=9,
        spend=Decimal(90),
        computed_at=timezone.now(),
    )


@pytest.fixture
def cast(
    transactional_db: None, ana: Customer, ben: Customer, live: Make, give: Give
) -> dict[str, Offer]:
    """Ana is loyal, and gets 3.00 off 20.00 of tea; ben is new, with 10 % off tea."""
    profiled(ana, "loyal")
    profiled(ben, "new")
    threshold, percentage = live("threshold"), live("percentage")
    return {"ana": give(threshold, ana), "ben": give(percentage, ben)}


def play(tab: Page, web: str, slug: str) -> None:
    """Shop as somebody."""
    tab.goto(web)
    tab.click(f".shoppers [value={slug}]")
    tab.wait_for_selector(f".shoppers [value={slug}][aria-current]")
    tab.wait_for_load_state("networkidle")


def add(tab: Page, name: str) -> None:
    """Put a product of the shown page into the cart."""
    before = int(tab.inner_text("#units"))
    tab.click(f"[aria-label='Add {name} to the cart']")
    tab.wait_for_selector(f"#units:text-is('{before + 1}')")


def logged(kind: str, *, number: int = 1) -> list[StoredEvent]:
    """Return the events of a type, when so many have come in."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = list(StoredEvent.objects.filter(type=kind).order_by("position"))
        if len(found) >= number:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{kind} is not in the log: {kinds()}")


def kinds() -> list[str]:
    """Return the types of what the shop reported."""
    reported = StoredEvent.objects.exclude(source=None)
    return list(reported.values_list("type", flat=True))


def test_a_shopper_sees_offers_fills_the_cart_and_checks_out(
    web: str, cast: dict[str, Offer], by_code: Strategy, live: Make, ana: Customer
) -> None:
    on_milk = live(trigger="code", holdout=0, scope=["MILK"])
    giving.give(on_milk, [Given(text="SUMMER10", most_uses=None)])
    giving.give(by_code, [Given(text="TEATIME", most_uses=None)])

    def journey(tab: Page) -> dict[str, str]:
        told = {}
        play(tab, web, "loyal")
        told["offer"] = tab.inner_text(".offer .deal")
        tab.click(".offer .see")
        tab.wait_for_url("**/category/TEA")
        tab.click(".card a")
        tab.wait_for_url("**/product/tea")
        tab.click(".buy button")
        tab.wait_for_selector("#units:text-is('1')")
        tab.goto(f"{web}cart")
        told["hint"] = tab.inner_text(".hint")
        tab.fill("#code", "NOPE-1234")
        tab.press("#code", "Enter")
        told["wrong"] = tab.inner_text(".code.bad small")
        tab.click("[aria-label='Take out the code NOPE-1234']")
        tab.wait_for_selector(".code", state="detached")
        tab.click("[aria-label='One more: Tea']")
        tab.wait_for_selector(".sums .off")
        told["discount"] = tab.inner_text(".sums .off")
        tab.fill("#code", "TEATIME")
        tab.click(".enter button")
        told["idle"] = tab.inner_text("[data-code=TEATIME] small")
        tab.goto(f"{web}category/MILK")
        add(tab, "Milk")
        tab.goto(f"{web}cart")
        tab.fill("#code", "SUMMER10")
        tab.click(".enter button")
        tab.wait_for_selector("[data-code=SUMMER10]:not(.bad)")
        tab.click("text=Check out")
        told["total"] = tab.inner_text(".sums .total dd")
        tab.click(".final button.go")
        tab.wait_for_url("**/thanks")
        told["thanks"] = tab.inner_text("main")
        told["units"] = tab.inner_text("#units")
        tab.wait_for_load_state("networkidle")
        return told

    told = browse(journey)

    assert told["offer"] == "Spend $20, save $3"
    assert "Spend $10.00 more" in told["hint"]
    assert told["wrong"] == "There is no such code."
    assert told["discount"].split("\n")[-1] == "−$3.00"
    assert told["idle"].startswith("Your other offers save you more")
    assert told["total"] == "$23.70"  # 22.00, less 3.00 and 0.20, and 4.90 to deliver
    assert "Your order is placed: $23.70." in told["thanks"]
    assert told["units"] == "0"
    redeemed = Redemption.objects.order_by("-discount")
    assert [one.offer for one in redeemed] == [cast["ana"].id, None]
    assert [one.discount for one in redeemed] == [Decimal("3.00"), Decimal("0.20")]
    [order] = logged("order_completed")
    assert order.customer == ana.key
    assert order.source == backend.NAME
    assert [line["paid"] for line in order.data["lines"]] == ["17.00", "1.80"]
    shown = logged("offer_shown")
    assert {event.data["offer"] for event in shown} == {str(cast["ana"].id)}
    for kind in (
        "page_viewed",
        "product_list_viewed",
        "product_clicked",
        "cart_viewed",
    ):
        assert logged(kind)[0].source == f"{backend.NAME}, page"
    assert [one.data["sku"] for one in logged("product_added", number=3)] == [
        *("tea", "tea", "milk")
    ]
    denied = [one.data["coupon"] for one in logged("coupon_denied")]
    assert denied == ["NOPE-1234", "TEATIME"]
    assert [one.data["coupon"] for one in logged("coupon_applied")] == ["SUMMER10"]
    assert logged("product_viewed")
    assert logged("checkout_started")
    assert not Rejection.objects.exists()
    assert not StoredEvent.objects.filter(bot=True).exists()


def test_somebody_else_sees_other_offers(
    web: str, cast: dict[str, Offer], ana: Customer
) -> None:
    held = Customer.objects.create(external_id="hal")
    Assignment.objects.create(
        position=1,
        customer=held.key,
        strategy=cast["ana"].strategy_id,
        at=timezone.now(),
        arm="held_out",
        probability=0.05,
    )

    def journey(tab: Page) -> dict[str, tuple[list[str], str]]:
        told = {}
        for slug in ("loyal", "new", "held_out", "newcomer", "guest"):
            play(tab, web, slug)
            deals = tab.locator(".offer .deal").all_inner_texts()
            told[slug] = (deals, tab.inner_text(".hero"))
        return told

    told = browse(journey)

    assert told["loyal"][0] == ["Spend $20, save $3"]
    assert told["new"][0] == ["10% off"]
    assert told["held_out"][0] == told["guest"][0] == []
    assert "This customer is held out" in told["held_out"][1]
    assert "Guests get what everybody gets" in told["guest"][1]
    [signed_up] = logged("customer_identified")
    assert signed_up.source == backend.NAME
    assert ana.key not in {one.customer for one in logged("page_viewed", number=6)[-2:]}


def test_a_card_says_what_the_shopper_gets_off(
    web: str, cast: dict[str, Offer]
) -> None:
    def journey(tab: Page) -> tuple[list[str], str]:
        play(tab, web, "new")
        tab.goto(f"{web}aisle/drinks")
        tab.wait_for_selector(".badge")
        badges = tab.locator(".card[data-sku=tea] .badge").all_inner_texts()
        add(tab, "Tea")
        tab.goto(f"{web}cart")
        return badges, tab.inner_text(".line .price")

    badges, price = browse(journey)

    assert badges == ["10% off for you"]
    assert price.split() == ["instead", "of", "$10.00", "$9.00"]


def test_a_gift_is_a_line_of_the_cart(
    web: str, transactional_db: None, ana: Customer, live: Make, give: Give
) -> None:
    profiled(ana, "loyal")
    give(live("gift"), ana)

    def journey(tab: Page) -> tuple[str, str]:
        play(tab, web, "loyal")
        tab.goto(f"{web}category/TEA")
        add(tab, "Tea")
        add(tab, "Tea")
        tab.goto(f"{web}cart")
        return tab.inner_text(".line.gift"), tab.inner_text(".sums .total dd")

    gift, total = browse(journey)

    assert "Mug" in gift
    assert "free" in gift
    assert total == "$24.90"


def test_not_for_me_is_told_and_kept(web: str, cast: dict[str, Offer]) -> None:
    def journey(tab: Page) -> int:
        play(tab, web, "loyal")
        tab.click(".offer .no")
        tab.wait_for_selector(".offer", state="detached")
        tab.reload()
        tab.wait_for_load_state("networkidle")
        return tab.locator(".offer").count()

    assert browse(journey) == 0
    assert Feedback.objects.get().word == "not_for_me"


def test_what_ran_out_meanwhile_is_said_before_anything_is_ordered(
    web: str, cast: dict[str, Offer]
) -> None:
    def until_checkout(tab: Page) -> str:
        play(tab, web, "new")
        tab.goto(f"{web}category/TEA")
        add(tab, "Tea")
        tab.goto(f"{web}checkout")
        tab.evaluate("document.getElementById('total').value = '1.00'")
        tab.click(".final button.go")
        return tab.inner_text(".fault")

    fault = browse(until_checkout)

    assert fault == "A price has changed meanwhile. Look again, then order."
    assert not Redemption.objects.exists()
    assert "order_completed" not in kinds()


def test_the_shop_works_by_keyboard_alone(web: str, cast: dict[str, Offer]) -> None:
    def focus(tab: Page, wanted: str) -> None:
        for _ in range(80):
            tab.keyboard.press("Tab")
            if tab.evaluate(f"document.activeElement.matches({wanted!r})"):
                return
        raise AssertionError(f"no way to {wanted}")

    def journey(tab: Page) -> str:
        tab.goto(web)
        focus(tab, ".who summary")
        tab.keyboard.press("Enter")
        focus(tab, ".menu [value=new]")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".shoppers [value=new][aria-current]")
        focus(tab, ".offer .see")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/category/TEA")
        focus(tab, ".card button")
        tab.keyboard.press("Enter")
        tab.wait_for_selector("#units:text-is('1')")
        tab.goto(f"{web}cart")
        focus(tab, "[aria-label='One more: Tea']")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".line[data-quantity='2']")
        kept = tab.evaluate("document.activeElement.ariaLabel")
        focus(tab, ".sum .go")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/checkout")
        focus(tab, ".final button.go")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/thanks")
        return str(kept)

    assert browse(journey) == "One more: Tea"  # the place is kept as the cart changes


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_and_names_its_controls(
    web: str, cast: dict[str, Offer], scheme: str
) -> None:
    pages = ("", "aisle/drinks", "category/TEA", "product/tea", "cart", "checkout")

    def journey(tab: Page) -> dict[str, object]:
        faults: dict[str, object] = {}
        play(tab, web, "loyal")
        tab.goto(f"{web}category/TEA")
        add(tab, "Tea")
        for page in pages:
            tab.goto(f"{web}{page}")
            tab.wait_for_load_state("networkidle")
            over = tab.evaluate(TOO_WIDE)
            if wrong := tab.evaluate(NAMELESS) + ([over] if over > 0 else []):
                faults[page] = wrong
        return faults

    assert browse(journey, color_scheme=scheme, **PHONE) == {}


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
