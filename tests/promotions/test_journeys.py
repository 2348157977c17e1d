"""What people do in the back office, in a browser: with the keyboard alone."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page

from analytics.models import Customer
from promotions.models import Strategy
from tests.browsing import Told, browse
from tests.conftest import Make
from tests.promotions.scoring import scored
from tests.promotions.test_what_if import MENU

__all__ = ["scored"]

pytestmark = pytest.mark.django_db(transaction=True)


def signed_in(url: str, journey: Callable[[Page], Told]) -> Told:
    """Let olga sign in by keyboard and go on a journey; return what it returns."""

    def whole(tab: Page) -> Told:
        tab.goto("/admin/login/")
        tab_to(tab, "[name=username]")
        tab.keyboard.type("olga")
        tab_to(tab, "[name=password]")
        tab.keyboard.type("secret")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/admin/")
        return journey(tab)

    window = {"width": 1280, "height": 800}
    return browse(whole, base_url=url, viewport=window, bypass_csp=True)


def tab_to(tab: Page, selector: str) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(150):
        if tab.evaluate("s => document.activeElement.matches(s)", selector):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_from_the_first_page_to_an_approval_by_keyboard_alone(
    live_server: Any, olga: User, proposed: Make
) -> None:
    strategy = proposed()
    page = reverse("admin:promotions_strategy_change", args=[strategy.pk])

    def journey(tab: Page) -> None:
        tab_to(tab, f"main a[href='{page}'], .home a[href='{page}']")
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"**{page}")
        tab.wait_for_selector("#decision-comment")
        tab_to(tab, "#decision-comment")
        tab.keyboard.type("Tea sells itself.")
        tab_to(tab, "button.approve")
        with tab.expect_navigation():
            tab.keyboard.press("Enter")
        tab.wait_for_selector("text=Your decision is in the log.")

    signed_in(live_server.url, journey)

    strategy.refresh_from_db()
    assert (strategy.state, strategy.comment) == ("live", "Tea sells itself.")


def test_a_slider_answers_where_it_is_without_a_new_page(
    live_server: Any, olga: User, scored: list[Customer], proposed: Make
) -> None:
    strategy = proposed(menu=MENU, budget=40, holdout=0.0)
    forecast = {"reach": 1, "cost": 1, "margin": 1, "low": 0, "high": 2}
    Strategy.objects.update(forecast=forecast)
    page = reverse("admin:promotions_strategy_change", args=[strategy.pk])

    def journey(tab: Page) -> tuple[list[str], int]:
        loads: list[str] = []
        tab.goto(page)
        tab.on("load", lambda page: loads.append(page.url))
        tab.wait_for_selector("[data-answer] svg")
        told = [tab.inner_text("[data-answer] .cards")]
        tab.focus("#id_budget")
        tab.keyboard.press("Home")
        tab.wait_for_function(
            "before => document.querySelector('[data-answer] .cards').innerText"
            " !== before",
            arg=told[0],
        )
        told.append(tab.inner_text("[data-answer] .cards"))
        told.append(tab.inner_text("output[for=id_budget]"))
        return told, len(loads)

    (usual, nothing, label), loads = signed_in(live_server.url, journey)

    assert usual != nothing
    assert "+0 USD" in nothing
    assert label == "0 USD"
    assert loads == 0
