"""Directories of services, the processes that attach to them, and their keepers.

The directories are not pytest's own: those are private to root when root runs the
tests, and only one test is about that.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import environ
import psutil
import psycopg
import pytest

from config import services

URLS = ("DATABASE_URL", "BROKER_URL", "CACHE_URL")
CLIENT = """
import sys, time
from config import services
began = time.monotonic()
try:
    services.attach()
except services.ServiceDown as down:
    sys.exit(f"down: {down}")
print(time.monotonic() - began, flush=True)
sys.stdin.read()
"""


class Place:
    """One VAR directory and the processes that attached to it."""

    def __init__(self, var: Path) -> None:
        self.var = var
        self.clients: list[subprocess.Popen[str]] = []

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in URLS}
        return {**kept, "PROFFER_VAR": str(self.var), "PROFFER_TEST": "1", **extra}

    def launch(self, **extra: str) -> "subprocess.Popen[str]":
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT],
            cwd=services.ROOT,
            env=self.environment(**extra),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.clients.append(client)
        return client

    def attach(self, **extra: str) -> float:
        """Attach one more client and return how long it took."""
        return self.seconds(self.launch(**extra))

    def seconds(self, client: "subprocess.Popen[str]") -> float:
        assert client.stdout
        return float(client.stdout.readline())

    def command(self, name: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "config.services", name],
            cwd=services.ROOT,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def leave(self) -> None:
        for client in self.clients:
            client.kill()
            client.communicate()
        self.clients.clear()

    def stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            os.kill(pid := self.keeper, signal.SIGTERM)
            eventually(lambda: not lives(pid), 20)

    @property
    def urls(self) -> services.Urls:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(services, "VAR", self.var.resolve())
            return services.urls({})

    @property
    def keeper(self) -> int:
        return int((self.var / "keeper.lock").read_text())

    @property
    def postmaster_file(self) -> Path:
        return next(self.var.glob("pg[0-9][0-9]")) / "postmaster.pid"

    @property
    def postmaster(self) -> int:
        return int(self.postmaster_file.read_text().splitlines()[0])

    @property
    def valkey(self) -> int:
        return int((self.var / "valkey" / "valkey.pid").read_text())

    def query(self) -> int | None:
        config = environ.Env.db_url_config(self.urls.database)
        try:
            with psycopg.connect(
                host=config["HOST"],
                port=config["PORT"],
                user=config["USER"],
                dbname=config["NAME"],
            ) as connection:
                row = connection.execute("SELECT pg_backend_pid()").fetchone()
        except psycopg.OperationalError:
            return None
        return int(row[0]) if row else None

    def crash(self) -> None:
        """Kill everything at once, as a power cut would."""
        pids = [self.keeper, self.postmaster, self.valkey]
        children = psutil.Process(self.postmaster).children()
        self.leave()
        for pid in [*pids, *(child.pid for child in children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(lives, pids)), 5)


@pytest.fixture
def places() -> Iterator[Callable[[str], Place]]:
    base = Path(tempfile.mkdtemp(prefix="proffer-test-"))
    base.chmod(0o755)
    made: list[Place] = []

    def make(name: str) -> Place:
        (base / name).mkdir(parents=True)
        made.append(Place(base / name))
        return made[-1]

    yield make
    for place in made:
        place.leave()
        place.stop()
    shutil.rmtree(base)


@pytest.fixture
def place(places: Callable[[str], Place]) -> Place:
    return places("var")


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def eventually(fact: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def keepers(place: Place) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if (
                process.cmdline()[-1:] == ["config.keeper"]
                and process.environ().get("PROFFER_VAR") == str(place.var)
                and lives(process.pid)
            ):
                found.append(process.pid)
    return found
