"""A shop's receiver of webhooks, as a real server."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from analytics import events, store
from promotions import webhooks
from promotions.models import Endpoint
from tests.serving import listening

Answers = Callable[[dict[str, Any]], int]


class Receiver(ThreadingHTTPServer):
    """A shop's receiver: keeps what it gets, answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: Answers = lambda message: 204
        self.headers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), Door)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?shop=1"


class Door(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = {
            "path": self.path,
            "headers": {name.lower(): text for name, text in self.headers.items()},
            "body": body,
            **json.loads(body),
        }
        self.server.got.append(message)
        status = self.server.answers(message)
        self.send_response(status)
        for name, text in self.server.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE = True
    server = Receiver()
    with listening(server):
        yield server


@pytest.fixture
def told(receiver: Receiver, db: None) -> Endpoint:
    return webhooks.register(receiver.url, [], at=timezone.now())


def happened(strategy: UUID, *shares: float) -> None:
    facts = [
        events.BudgetReached(strategy=strategy, share=share, spent=1, budget=1)  # type: ignore[arg-type]
        for share in shares
    ]
    store.append(facts, at=timezone.now())
