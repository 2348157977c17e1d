"""What people do in the back office, in a browser: with the keyboard alone."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright

from analytics.models import Customer
from promotions.models import Strategy
from tests.conftest import Make
from tests.promotions.test_targeting import scored
from tests.promotions.test_what_if import MENU

__all__ = ["scored"]

pytestmark = pytest.mark.django_db(transaction=True)


def browse(url: str, journey: Callable[[Page], Any], width: int = 1280) -> Any:
    """Let olga sign in by keyboard and go on a journey; return what it returns."""

    def whole() -> Any:
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or playwright.chromium.executable_path
            if not Path(chromium).exists():
                pytest.skip("no Chromium: .venv/bin/playwright install chromium")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox"]
            )
            tab = browser.new_page(
                viewport={"width": width, "height": 800}, base_url=url
            )
            tab.goto("/admin/login/")
            tab_to(tab, "[name=username]")
            tab.keyboard.type("olga")
            tab_to(tab, "[name=password]")
            tab.keyboard.type("secret")
            tab.keyboard.press("Enter")
            tab.wait_for_url("**/admin/")
            found = journey(tab)
            browser.close()
            return found

    # A thread of its own: Django refuses to work in the one of Playwright's loop.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(whole).result()


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

    browse(live_server.url, journey)

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

    (usual, nothing, label), loads = browse(live_server.url, journey)

    assert usual != nothing
    assert "+0 USD" in nothing
    assert label == "0 USD"
    assert loads == 0
