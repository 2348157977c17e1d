"""A shop's server on both wires, and a ledger of what was sent and acknowledged."""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

from analytics.sent import event_id
from tests.shoppers import Report, Shopper


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How a batch is written, and whether an answer's body takes all of it."""

    path: str
    allowed: frozenset[int]
    body: Callable[[Sequence[Report]], bytes]
    took: Callable[[Sequence[Report], Any], bool]


def native_body(batch: Sequence[Report]) -> bytes:
    rows = [
        {
            "id": report.id,
            "type": report.type,
            "customer": report.customer,
            "anonymous": report.visitor,
            "previous": report.previous,
            "occurred_at": report.at.isoformat(),
            "data": report.data,
        }
        for report in batch
    ]
    return json.dumps({"events": rows}).encode()


def native_took(batch: Sequence[Report], answer: Any) -> bool:
    became = [(row["id"], row["status"]) for row in answer["results"]]
    return [id_ for id_, _ in became] == [report.id for report in batch] and all(
        status in ("accepted", "duplicate") for _, status in became
    )


def segment_body(batch: Sequence[Report], sent_at: datetime | None = None) -> bytes:
    messages = [segment_message(report) for report in batch]
    sent = (sent_at or datetime.now(UTC)).isoformat()
    return json.dumps({"batch": messages, "sentAt": sent}).encode()


def segment_message(report: Report) -> dict[str, Any]:
    message = {
        "messageId": report.id,
        "userId": report.customer,
        "anonymousId": report.visitor,
        "previousId": report.previous,
        "timestamp": report.at.isoformat(),
        **SEGMENT[report.type](report.data),
    }
    if report.consent is not None:
        said = {"categoryPreferences": {"Advertising": report.consent}}
        message["context"] = {"consent": said}
    return message


SEGMENT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "product_viewed": lambda data: {
        "type": "track",
        "event": "Product Viewed",
        "properties": data,
    },
    "order_completed": lambda data: {
        "type": "track",
        "event": "Order Completed",
        "properties": {
            **{name: data[name] for name in ("order_id", "currency")},
            "products": [{**line, "price": line["paid"]} for line in data["lines"]],
        },
    },
    "page_viewed": lambda data: {"type": "page", **data},
    "customer_identified": lambda data: {"type": "identify", **data},
    "customer_aliased": lambda data: {"type": "alias"},
}
"""Consent has no message of its own there: it comes with others."""
NATIVE = Wire(
    path="/api/v1/events",
    allowed=frozenset((200, 500, 503)),
    body=native_body,
    took=native_took,
)
TRACKING = Wire(
    path="/v1/batch",
    allowed=frozenset((200, 503)),
    body=segment_body,
    took=lambda batch, answer: answer == {"success": True},
)
WIRES = {"native": NATIVE, "segment": TRACKING}


class Ledger:
    """What all clients sent and what was acknowledged; their complaints."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.sent: dict[UUID, Report] = {}
        self.acknowledged: set[UUID] = set()
        self.answers: Counter[str] = Counter()
        self.newest = dict.fromkeys(WIRES, float("-inf"))
        self.complaints: list[str] = []

    def send(self, batch: Sequence[Report]) -> None:
        with self.lock:
            self.sent |= {event_id(report.id): report for report in batch}

    def hear(self, wire: str, status: int, begun: float) -> None:
        with self.lock:
            self.answers[f"{wire} {status or 'none'}"] += 1
            if status == 200:
                self.newest[wire] = max(self.newest[wire], begun)

    def acknowledge(self, batch: Sequence[Report]) -> None:
        with self.lock:
            self.acknowledged |= {event_id(report.id) for report in batch}

    def complain(self, complaint: str) -> None:
        with self.lock:
            self.complaints.append(complaint)


class Client(Thread):
    """A shop's server: sends a batch until it is acknowledged, then the next."""

    def __init__(self, seed: str, port: int, key: str, ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self.shopper, self.random = Shopper(seed), random.Random(f"{seed} waits")
        self.port, self.ledger = port, ledger
        self.headers = headers(key)
        self.enough = Event()

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self._deliver(self.shopper.batch())
                time.sleep(self.random.uniform(0, 0.1))
        except Exception as error:
            self.ledger.complain(repr(error))
            raise

    def _deliver(self, batch: list[Report]) -> None:
        name = self.random.choice(list(WIRES))
        if name == "segment":
            batch = [report for report in batch if report.type in SEGMENT]
        body = WIRES[name].body(batch)
        self.ledger.send(batch)
        while not self._acknowledged(name, batch, body):
            time.sleep(self.random.uniform(0, 0.3))
        self.ledger.acknowledge(batch)
        if self.random.random() < 0.05:  # as if the answer had been lost
            self._acknowledged(name, batch, body)

    def _acknowledged(self, name: str, batch: list[Report], body: bytes) -> bool:
        wire, begun = WIRES[name], time.monotonic()
        status, answer = post(self.port, wire.path, body, self.headers)
        self.ledger.hear(name, status, begun)
        if status and status not in wire.allowed:
            self.ledger.complain(f"{wire.path} answered {status}: {answer!r}")
        if status != 200:
            return False
        if not wire.took(batch, json.loads(answer)):
            self.ledger.complain(f"{wire.path} did not take all: {answer!r}")
        return True


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def post(
    port: int, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Return the answer's status and body; 0 if there was none."""
    link = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        link.close()
