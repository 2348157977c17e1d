"""Two ways to call the API in demo mode: over HTTP, and within this process.

The second is for the bench and the storefront: the same requests to the same views,
without a server. For the bench, what the worker would do is done on the spot.
"""

import json
import time
from importlib import import_module
from typing import Any, Protocol
from urllib.error import HTTPError

from django.test import Client as Handler

from analytics import agenda
from config.celery import TASKS
from demo import shop

POLL_SECONDS = 0.2


class Refused(Exception):
    """The API answered 4xx: its status, its stable code, its words."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code = status, code


class Client(Protocol):
    """The API of a platform in demo mode."""

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        """Send JSON to a path below /api/v1/; return the answer's.

        :raises Refused: it was answered 4xx.
        """
        ...

    def settle(self) -> dict[str, Any]:
        """Wait until nothing is due by the clock; return the clock."""
        ...


class OverHttp:
    """A client of a running server."""

    def __init__(self, address: str, key: str) -> None:
        self.shop = shop.Client(address, key)

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        try:
            return self.shop.call(method, path, body, **headers)
        except HTTPError as error:
            raise _refused(error.code, error.read()) from error

    def settle(self) -> dict[str, Any]:
        while (told := self.call("GET", "clock"))["pending"]:
            time.sleep(POLL_SECONDS)
        return told


class Within:
    """A client within this process: a server that waited for itself could hang."""

    def __init__(self, key: str) -> None:
        # A fault of ours ends the run, instead of coming back as a page.
        self.handler = Handler(raise_request_exception=True)
        self.key = f"Bearer {key}"

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        sent = {"Authorization": self.key, **headers}
        answer = self.handler.generic(
            method,
            f"/api/v1/{path}",
            b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            headers=sent,
        )
        if answer.status_code >= 400:
            raise _refused(answer.status_code, answer.content)
        return dict(json.loads(answer.content)) if answer.content else {}


class InProcess(Within):
    """A client of this process, which does the worker's work as well."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        for module in TASKS["celery"]:
            import_module(module)

    def settle(self) -> dict[str, Any]:
        agenda.play()
        return self.call("GET", "clock")


def _refused(status: int, body: bytes) -> Refused:
    try:
        told = json.loads(body)
    except ValueError:
        return Refused(status, "", body[:200].decode(errors="replace"))
    return Refused(status, told.get("code", ""), str(told))
