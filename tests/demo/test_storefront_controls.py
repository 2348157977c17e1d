"""The demo shop by keyboard alone, and on a phone."""

import pytest
from playwright.sync_api import Page

from promotions.models import Offer
from tests.browsing import NAMELESS, TOO_WIDE, browse
from tests.demo.shopping import add, cast, fresh, play, web

__all__ = ["cast", "fresh", "web"]

pytestmark = pytest.mark.usefixtures("fresh", "shelf")

PHONE = {"viewport": {"width": 390, "height": 844}}


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
    shelves = ("", "aisle/drinks", "category/TEA", "product/tea")
    pages = (*shelves, "cart", "checkout", "thanks", "orders")

    def journey(tab: Page) -> dict[str, object]:
        faults: dict[str, object] = {}
        play(tab, web, "loyal")
        tab.goto(f"{web}category/TEA")
        add(tab, "Tea")
        for page in pages:
            if page == "thanks":
                tab.click(".final button.go")
            else:
                tab.goto(f"{web}{page}")
            tab.wait_for_load_state("networkidle")
            over = tab.evaluate(TOO_WIDE)
            if wrong := tab.evaluate(NAMELESS) + ([over] if over > 0 else []):
                faults[page] = wrong
        return faults

    assert browse(journey, color_scheme=scheme, **PHONE) == {}
