"""`manage.py screenshots`: the documents' pictures, from a server that runs.

It drives Debian's Chromium, or Playwright's, and signs in by itself. Playwright is for
development alone, so it is loaded when the command runs.
"""

import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.test import Client
from django.urls import reverse

from demo import loop
from promotions.models import Strategy

DESKTOP, PHONE = (1280, 925), (390, 844)
MOST_BYTES = 250_000


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A page to take: its file's name, its path, who looks, and through what window."""

    name: str
    path: str
    window: tuple[int, int] = DESKTOP
    shopper: str = ""


class Command(BaseCommand):
    help = "Take the documents' pictures from a running server with the demo's data."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "pages", nargs="*", help="others, as NAME=PATH; without: the usual ones"
        )
        parser.add_argument("--address", default="http://127.0.0.1:8000")
        parser.add_argument("--to", type=Path, default=Path("docs/pictures"))
        parser.add_argument("--language", default="en")

    def handle(
        self, *args: Any, pages: list[str], address: str, to: Path, **options: Any
    ) -> None:
        try:
            from playwright.sync_api import Error, sync_playwright
        except ModuleNotFoundError as error:
            raise CommandError("Playwright is missing: run make setup.") from error
        shots = [_named(page) for page in pages] or list(_usual())
        session = _signed_in()
        to.mkdir(parents=True, exist_ok=True)
        cookies = {
            settings.SESSION_COOKIE_NAME: session,
            settings.LANGUAGE_COOKIE_NAME: options["language"],
        }
        with sync_playwright() as playwright:
            path = shutil.which("chromium")
            browser = playwright.chromium.launch(
                executable_path=path, args=["--no-sandbox"]
            )
            for shot in shots:
                try:
                    _take(browser, shot, address, cookies, to / f"{shot.name}.png")
                except Error as error:
                    raise CommandError(f"{shot.path}: {error.message}") from error
                self._tell(to / f"{shot.name}.png")
            browser.close()

    def _tell(self, file: Path) -> None:
        size = file.stat().st_size
        style = self.style.WARNING if size > MOST_BYTES else str
        self.stdout.write(style(f"{file} {size / 1000:.0f} kB"))


def _take(
    browser: Any, shot: Shot, address: str, cookies: dict[str, str], to: Path
) -> None:
    width, height = shot.window
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="light"
    )
    context.add_cookies(
        [
            {"name": name, "value": value, "url": address}
            for name, value in cookies.items()
        ]
    )
    page = context.new_page()
    page.goto(f"{address}{shot.path}", wait_until="networkidle")
    if shot.shopper:
        page.click(f".shoppers [value={shot.shopper}]")
        page.wait_for_selector(f".shoppers [value={shot.shopper}][aria-current]")
        page.wait_for_load_state("networkidle")
    # Charts are drawn once the page is there.
    page.wait_for_timeout(500)
    page.screenshot(path=to)
    context.close()


def _named(text: str) -> Shot:
    name, found, path = text.partition("=")
    if not found or not path.startswith("/"):
        raise CommandError(f"{text}: write NAME=/PATH")
    return Shot(name=name, path=path)


def _usual() -> Iterator[Shot]:
    """Yield the shop, the back office's home, a strategy's page and its results."""
    shop = reverse("storefront")
    yield Shot(name="storefront", path=shop, shopper="loyal")
    yield Shot(name="storefront-phone", path=shop, window=PHONE, shopper="loyal")
    yield Shot(name="home", path=reverse("admin:index"))
    yield Shot(name="connect", path=reverse("connect"))
    offers = Strategy.objects.filter(trigger=Strategy.Trigger.OFFER)
    if proposed := offers.filter(state="proposed").order_by("-proposed_at").first():
        page = reverse("admin:promotions_strategy_change", args=[proposed.pk])
        yield Shot(name="strategy", path=page)
    if live := offers.filter(state="live").order_by("-proposed_at").first():
        yield Shot(name="results", path=reverse("strategy_results", args=[live.pk]))


def _signed_in() -> str:
    """Return a session of the demo's operator."""
    client = Client()
    client.force_login(loop.ensure_operator())
    return client.cookies[settings.SESSION_COOKIE_NAME].value
