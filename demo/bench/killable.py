"""A web server whose processes are killed at random while it is asked."""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from config import processes
from config.services import ROOT


class _Server:
    """4 processes of 8 threads, each with its connection to PostgreSQL."""

    def __init__(self, port: int) -> None:
        self.killed = 0
        self.command = processes.commands("127.0.0.1", port)["web"]
        self.command[self.command.index("--workers") + 1] = "4"
        self.command[self.command.index("--blocking-threads") + 1] = "8"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603
            self.command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(8)

    def kill_at_random(self, enough: threading.Event) -> None:
        """Kill -9 a process every few seconds; start anew when all have given up."""
        choices = random.Random(7)  # noqa: S311
        while not enough.wait(choices.uniform(2, 6)):
            with suppress(psutil.Error, IndexError):
                choices.choice(psutil.Process(self.process.pid).children()).kill()
                self.killed += 1
            time.sleep(0.2)
            if self.process.poll() is not None:
                self.end()
                self.start()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def serving(port: int) -> Iterator[_Server]:
    server = _Server(port)
    try:
        yield server
    finally:
        server.end()
