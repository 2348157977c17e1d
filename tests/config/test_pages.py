"""Every page of the back office: what it asks the database, and what browsers say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from django.contrib.auth.models import Group, User
from django.test import Client, RequestFactory
from django.urls import resolve, reverse
from playwright.sync_api import Page

from demo.bench import pages as bench
from tests import furnished
from tests.browsing import TOO_WIDE, browse, sign_in
from tests.conftest import Counted, Make

MOST_QUERIES = 15
ASK_LIVE = {"customer_told": 26, "customer_why": 21, "question": 26}
"""Pages that answer as the API would: here all models are broken, and each is tried.
With models that work it is 15 at most (test_live_offers).
"""
AXE = Path(axe_playwright_python.__file__).parent / "axe.min.js"
WATCH = """
window.refused = [];
document.addEventListener("securitypolicyviolation", (event) =>
  refused.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""
FOUND = """async () => (await axe.run({resultTypes: ["violations"]})).violations
  .filter(({ impact }) => ["serious", "critical"].includes(impact))
  .map(({ id, nodes }) => id + nodes.slice(0, 4).map((one) =>
    `\\n    ${one.html.slice(0, 150)} ${one.any[0]?.data?.contrastRatio ?? ""}`))"""
LOOKS = [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")]
THEME = "dark => document.documentElement.classList.toggle('dark', dark)"
"""The theme's own switch looks at the window's colours when a page is loaded alone."""
STILL = """() => { const sheet = new CSSStyleSheet();
  const none = "transition: none !important; animation: none !important";
  sheet.replaceSync(`*, ::before, ::after { ${none} }`);
  document.adoptedStyleSheets = [sheet]; }"""
"""Colours that are on their way are not those of the page."""


@pytest.fixture
def pages(olga: User, live: Make, proposed: Make, shelf: None) -> dict[str, str]:
    """Return every page's address by its name, with rows to show."""
    furnished.furnish([*(live(title=f"Tea {n}") for n in range(4)), proposed()])
    request = RequestFactory().get("/admin/")
    request.user = olga
    return dict(bench.pages(request))


def test_no_page_asks_the_database_often(
    client: Client, olga: User, pages: dict[str, str], statements: Counted
) -> None:
    client.force_login(olga)
    asked = {}
    for name, address in pages.items():
        statements()
        answer = client.get(address)
        if answer.status_code != 302:  # what only takes posts leads to its page
            assert answer.status_code == 200, (name, address)
            asked[name] = statements()

    assert len(asked) > 90
    often = {
        name: n for name, n in asked.items() if n > ASK_LIVE.get(name, MOST_QUERIES)
    }
    assert often == {}


@pytest.mark.parametrize("role", ["Operators", "Analysts"])
def test_a_member_of_a_group_costs_the_first_page_two_more(
    client: Client, pages: dict[str, str], statements: Counted, role: str
) -> None:
    carl = User.objects.create_user("carl", is_staff=True)
    carl.groups.add(Group.objects.get(name=role))
    client.force_login(carl)
    statements()

    assert client.get(reverse("admin:index")).status_code == 200
    assert statements() <= MOST_QUERIES
    assert client.get(reverse("models")).status_code == 200
    assert statements() <= MOST_QUERIES


def test_every_page_is_looked_at(pages: dict[str, str]) -> None:
    assert len(pages) > 90
    for name in ("code", "second_factor", "what_if", "programme", "models", "feed"):
        assert resolve(pages[name])
    assert pages["admin:promotions_strategy_change live"]
    assert reverse("admin:index") in pages.values()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.django_db(transaction=True)
def test_browsers_refuse_nothing_and_readers_of_screens_can_use_every_page(
    live_server: Any, olga: User, pages: dict[str, str]
) -> None:
    said = browse(
        lambda tab: look(tab, live_server.url, pages), base_url=live_server.url
    )

    assert len(said) == len(pages)
    assert "\n".join(line for lines in said.values() for line in lines) == ""


def look(tab: Page, url: str, pages: dict[str, str]) -> dict[str, list[str]]:
    """Open every page as olga; return by page what is wrong with it."""
    tab.add_init_script(WATCH)
    heard = listen(tab, url)
    sign_in(tab, "olga")
    said = {name: list(wrong(tab, url + at, heard)) for name, at in pages.items()}
    return {n: [f"{n}: {line}" for line in lines] for n, lines in said.items()}


def listen(tab: Page, url: str) -> list[str]:
    """Return a list that grows with errors, and with what is fetched elsewhere."""
    heard: list[str] = []
    tab.on("pageerror", lambda error: heard.append(f"raised {error}"))
    tab.on("console", lambda m: heard.append(m.text) if m.type == "error" else None)
    local = (url, "data:", "blob:")
    tab.on(
        "request",
        lambda r: None if r.url.startswith(local) else heard.append(f"asked {r.url}"),
    )
    return heard


def wrong(tab: Page, address: str, heard: list[str]) -> Iterator[str]:
    """Yield what is wrong with a page, in both themes, on a desk and on a phone."""
    heard.clear()
    width, theme = LOOKS[0]
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    answer = tab.goto(address, wait_until="load")
    if answer is None or not answer.ok:
        yield f"answered {answer and answer.status}"
    tab.wait_for_timeout(150)
    yield from tab.evaluate("refused")
    yield from heard
    if not address.endswith("docs"):  # the API's viewer is its makers' own
        yield from looked_over(tab)


def looked_over(tab: Page) -> Iterator[str]:
    """Yield what is serious or critical to axe, or does not fit."""
    tab.evaluate(AXE.read_text())
    tab.evaluate(STILL)
    for width, theme in LOOKS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        tab.evaluate(THEME, theme == "dark")
        tab.wait_for_timeout(50)
        if tab.evaluate(TOO_WIDE) > 0:
            yield f"{width}: wider than its window"
        for found in tab.evaluate(FOUND):
            yield f"{width} {theme}: {found}"
