"""Debian's Chromium, or Playwright's own, for journeys through pages of ours."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Page, sync_playwright

Told = TypeVar("Told")
SHOPPER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36"
)
NAMELESS = """() => {
  const named = (one) => one.labels?.length || one.getAttribute("aria-label")
    || one.getAttribute("aria-labelledby") || one.textContent.trim() || one.title
    || (one.type === "hidden");
  const controls = [...document.querySelectorAll("a, button, input, select, summary")];
  const pictures = [...document.querySelectorAll("img, svg")].filter((one) =>
    one.getAttribute("aria-hidden") !== "true" && !one.alt
    && !one.getAttribute("aria-label"));
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  return [...controls.filter((one) => !named(one)), ...pictures]
    .map((one) => one.outerHTML)
    .concat(ids.filter((id, at) => ids.indexOf(id) !== at))
    .concat(document.querySelectorAll("h1").length === 1 ? [] : ["not one h1"])
    .concat(document.documentElement.lang ? [] : ["no language"])
    .concat(document.querySelectorAll("[style], [onclick]").length ? ["inline"] : []);
}"""
"""What a reader of the page by ear, or its policy, would miss."""


TOO_WIDE = "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
"""Pixels by which a page is wider than its window."""


def sign_in(tab: Page, name: str, *, onto: str = "/admin/") -> None:
    """Sign in by the form and go on to a page; the password is "secret"."""
    tab.goto(f"/admin/login/?next={onto}")
    tab.fill("[name=username]", name)
    tab.fill("[name=password]", "secret")
    tab.press("[name=password]", "Enter")
    tab.wait_for_url(f"**{onto}")


def browse(journey: Callable[[Page], Told], **context: Any) -> Told:
    """Make a journey in a new browser; nothing may go wrong in its console.

    It has a thread of its own: Django refuses to work in the one of Playwright's loop.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_journey, journey, context).result()


def _journey(journey: Callable[[Page], Told], context: dict[str, Any]) -> Told:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(chromium).exists():
            pytest.skip("no Chromium here: .venv/bin/playwright install chromium")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox"]
        )
        usual = {"user_agent": SHOPPER, "locale": "en-US"}
        tab = browser.new_context(**(usual | context)).new_page()
        tab.set_default_timeout(15_000)
        wrong: list[str] = []
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on(
            "console",
            lambda said: wrong.append(said.text) if said.type == "error" else None,
        )
        told = journey(tab)
        browser.close()
        assert wrong == []
        return told
