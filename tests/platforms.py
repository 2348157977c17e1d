"""A whole platform in a folder of its own: begun as `make run` does, killed, ended."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any

import environ
import psutil
import psycopg
from celery import Celery

from analytics import projections
from config import processes, services
from tests import serving

PATIENCE = 60.0
WELL = """
    SELECT min(moved_at) FROM analytics_checkpoint
    WHERE projection = ANY(%s) AND error = '' HAVING count(*) = %s
"""
"""Others have checkpoints too: once an hour, at minute 40, opinions get theirs."""


class Platform:
    """Web, workers, beat and the embedded services in a folder of their own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.port = serving.free_port()
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.restarts: Counter[str] = Counter()
        self.kills: dict[str, dict[str, Callable[[], None]]] = {
            "web": self._ways("web"),
            "worker": self._ways("worker"),
            "projector": {  # one process, of a solo pool
                "all of it": lambda: self._kill_group("projector"),
            },
            "PostgreSQL": {
                "all of it": self._kill_postgres,
                "its first process": lambda: self._postmaster().kill(),
                "a process": lambda: self._kill_one(self._postmaster()),
            },
        }

    def _ways(self, name: str) -> dict[str, Callable[[], None]]:
        return {
            "all of it": lambda: self._kill_group(name),
            "its first process": lambda: self.children[name].kill(),
            "a process": lambda: self._kill_one(
                psutil.Process(self.children[name].pid)
            ),
        }

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=services.ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def tend(self) -> None:
        """Start web, workers and beat where they do not run, as a supervisor would."""
        for name, command in processes.commands("127.0.0.1", self.port).items():
            child = self.children.get(name)
            if child is not None and child.poll() is None:
                continue
            if child is not None:
                self._kill_group(name)
                self.restarts[name] += 1
            self.children[name] = processes._start(name, command)

    def wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.tend()
            time.sleep(min(0.05, left))

    def wait_until(self, fact: Callable[[], bool], what: str) -> float:
        """Tend until something is so; return how many seconds it took."""
        begun = time.monotonic()
        while not fact():
            took = time.monotonic() - begun
            assert took < PATIENCE, f"not within {PATIENCE:.0f} s: {what}"
            self.tend()
            time.sleep(0.05)
        return time.monotonic() - begun

    def well_since(self, moment: datetime) -> bool:
        """Whether each kind of worker has done its work after a moment."""
        return self._projected_since(moment) and self._beaten_since(moment)

    def _projected_since(self, moment: datetime) -> bool:
        with suppress(psycopg.OperationalError), connected() as link:
            names = list(projections.ALL)
            row = link.execute(WELL, [names, len(names)]).fetchone()
            return row is not None and row[0] > moment
        return False

    def _beaten_since(self, moment: datetime) -> bool:
        asked = datetime.now(UTC)
        age = re.search(
            r"^proffer_heartbeat_age_seconds (\S+)", self.get("/metrics"), re.M
        )
        return age is not None and float(age[1]) < (asked - moment).total_seconds()

    def get(self, page: str) -> str:
        """Return a page of the web server; nothing unless the answer is 200."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            link.request("GET", page)
            answer = link.getresponse()
            return answer.read().decode() if answer.status == 200 else ""
        except (OSError, HTTPException):
            return ""
        finally:
            link.close()

    def ask_for_heartbeat(self) -> None:
        """Beat would, but only every ten seconds."""
        with Celery(broker=services.urls({}).broker) as queue:
            queue.send_task("analytics.tasks.heartbeat")

    def end(self, *names: str) -> None:
        for name in names:
            self.children[name].terminate()
        for name in names:
            with suppress(subprocess.TimeoutExpired):
                self.children[name].wait(processes.PATIENCE)
            self._kill_group(name)

    def _postmaster(self) -> psutil.Process:
        file = next(services.VAR.glob("pg[0-9][0-9]")) / "postmaster.pid"
        return psutil.Process(int(file.read_text().splitlines()[0]))

    def _kill_one(self, root: psutil.Process) -> None:
        with suppress(psutil.NoSuchProcess, IndexError):
            self.random.choice(root.children()).kill()

    def _kill_group(self, name: str) -> None:
        child = self.children[name]
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def _kill_postgres(self) -> None:
        root = self._postmaster()
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.kill()


def connected() -> "psycopg.Connection[Any]":
    config = environ.Env.db_url_config(services.urls({}).database)
    return psycopg.connect(
        host=config["HOST"],
        port=config["PORT"],
        user=config["USER"],
        dbname=config["NAME"],
        autocommit=True,
        connect_timeout=5,
    )
