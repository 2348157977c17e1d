"""A competitor's site, as a real server."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from catalog import intake_runs, sources
from catalog.fetching import Visitor
from catalog.models import Source

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
PRICES = (
    "id,title,price,currency\nr-1,Green tea,9.50,USD\nr-2,Black tea,oops,USD\n"
    "r-3,Mint tea,8.00,USD\n"
)
Page = tuple[int, dict[str, str], bytes]


class Shop(ThreadingHTTPServer):
    """A competitor's site: pages by path, and what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, Page | Callable[[dict[str, str]], Page]] = {}
        self.asked: list[tuple[str, dict[str, str], float]] = []
        super().__init__(("127.0.0.1", 0), Door)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def page(self, path: str, body: str | bytes, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else body
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        self.pages[path] = (200, named, raw)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


class Door(BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        headers = {name.lower(): text for name, text in self.headers.items()}
        self.server.asked.append((self.path, headers, time.monotonic()))
        found = self.server.pages.get(self.path, (404, {}, b""))
        status, more, body = found(headers) if callable(found) else found
        self.send_response(status)
        for name, text in more.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def shop(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    settings.MARKET_FROM_PRIVATE = True
    server = Shop()
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}
    )
    thread.start()
    monkeypatch.setattr(
        sources, "_visitor", lambda: Visitor(agent="Proffer", private=True, pause=0.0)
    )
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def visitor(**more: Any) -> Visitor:
    told: dict[str, Any] = {"agent": "Proffer", "private": True, "pause": 0.0}
    return Visitor(**(told | more))


def source(shop: Shop, path: str = "/prices.csv", **more: Any) -> Source:
    told = {
        "name": path,
        "what": "prices",
        "url": f"{shop.url}{path}",
        "options": {"competitor": "Rival"},
        "next_at": AT,
    }
    return Source.objects.create(**(told | more))


def fetched(row: Source, at: datetime = AT) -> Source:
    sources.run(wall=lambda: at)
    intake_runs.run()
    row.refresh_from_db()
    return row


def paged(rows: list[Any], onward: str | None) -> str:
    return json.dumps({"items": rows, "next": onward})
