"""The web server as it really starts, on the tests' database."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.error import URLError
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


def wait_for(page: str) -> None:
    """Return when the page answers."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(URLError), build_opener().open(page, timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {page}")
