"""The web server as it really starts, on the tests' database; a bad line to it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from urllib.request import build_opener

from django.db import connection

from config import processes, services


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def granian() -> Iterator[str]:
    """Start the web process; yield its address; stop it."""
    port = free_port()
    name = connection.settings_dict["NAME"]
    database = services.urls(os.environ).database.rpartition("/")[0] + f"/{name}"
    server = subprocess.Popen(
        processes.commands("127.0.0.1", port)["web"],
        env=os.environ | {"DATABASE_URL": database},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/healthz")
        yield url
    finally:
        server.terminate()
        server.wait(20)


def wait_for(page: str, *, seconds: float = 60) -> None:
    """Return when the page answers."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(OSError), build_opener().open(page, timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {page}")


class Front(ThreadingHTTPServer):
    """Passes requests on, each with the next fault of some.

    None: "". The answer gets lost when the server has done its work: "dropped", or it
    is another one: "503". The request itself gets lost: "lost".
    """

    def __init__(self, to: str, faults: Iterator[str]) -> None:
        self.to, self.faults = urlsplit(to), faults
        self.passed = 0
        super().__init__(("127.0.0.1", 0), Relay)


class Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Front

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = next(self.server.faults)
        if fault == "lost":
            self.close_connection = True
            return
        status, kind, answer = self._pass_on(body)
        if fault == "dropped":
            self.close_connection = True
            return
        if fault:
            status, kind, answer = int(fault), "text/plain", b"try again"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _pass_on(self, body: bytes) -> tuple[int, str, bytes]:
        link = HTTPConnection(self.server.to.netloc, timeout=10)
        link.request("POST", self.path, body, dict(self.headers))
        answer = link.getresponse()
        read = answer.read()
        link.close()
        self.server.passed += 1
        return answer.status, answer.headers["Content-Type"], read

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening(server: ThreadingHTTPServer) -> Iterator[str]:
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
