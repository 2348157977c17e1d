"""The demo shop in a browser: offers, cart, orders."""

import time
from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import Page

from analytics.models import Assignment, Customer, Rejection, StoredEvent
from demo import backend
from promotions import giving
from promotions.giving import Given
from promotions.models import Feedback, Offer, Redemption, Rollback, Strategy
from tests.browsing import browse
from tests.conftest import Give, Make
from tests.demo.shopping import add, cast, fresh, kinds, play, profiled, web

__all__ = ["cast", "fresh", "web"]

pytestmark = pytest.mark.usefixtures("fresh", "shelf")


def logged(kind: str, *, number: int = 1) -> list[StoredEvent]:
    """Return the events of a type, when so many have come in."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = list(StoredEvent.objects.filter(type=kind).order_by("position"))
        if len(found) >= number:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{kind} is not in the log: {kinds()}")


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


def test_a_cancelled_order_gives_its_offer_back_once(
    web: str, cast: dict[str, Offer], ana: Customer
) -> None:
    def journey(tab: Page) -> dict[str, str]:
        told = {}
        play(tab, web, "loyal")
        tab.goto(f"{web}category/TEA")
        add(tab, "Tea")
        add(tab, "Tea")
        tab.goto(f"{web}checkout")
        tab.click(".final button.go")
        tab.click("main a:text-is('Your orders')")
        told["placed"] = tab.inner_text(".orders")
        tab.click("text=Cancel this order")
        told["cancelled"] = tab.inner_text(".orders .gone")
        order = tab.inner_text(".orders code")
        again = "[...document.forms].find(one => one.action.includes('shopper'))"
        tab.evaluate(
            f"""order => {{
                const form = {again};
                form.action = "{web}orders/cancel";
                form.append(Object.assign(document.createElement("input"),
                    {{ name: "order", value: order }}));
                form.submit();
            }}""",
            order,
        )
        tab.wait_for_load_state("networkidle")
        play(tab, web, "new")
        tab.goto(f"{web}orders")
        told["others"] = tab.inner_text("main")
        play(tab, web, "loyal")
        tab.goto(f"{web}orders")
        told["kept"] = tab.inner_text(".orders .gone")
        return told

    told = browse(journey)

    assert "2 × Tea" in told["placed"]
    assert "−$3.00" in told["placed"]
    assert "Cancelled. Offers and codes that it used come back" in told["cancelled"]
    assert "Nothing was ordered in this browser yet." in told["others"]
    assert told["kept"] == told["cancelled"]
    [redemption] = Redemption.objects.all()
    assert redemption.offer == cast["ana"].id
    [back] = Rollback.objects.filter(redemption=redemption)
    assert back.amount == Decimal("3.00")
    [event] = logged("order_cancelled")
    assert event.customer == ana.key
    assert len(logged("redemption_rolled_back")) == 1
