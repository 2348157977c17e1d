"""A server of ours: adopted if it runs, started if it is wanted, stopped if it is not.

For a changer: never signal a process before proving that it is ours (a stale pid file
may name anyone's).
"""

import contextlib
import fcntl
import logging
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import psutil

from config.accounts import Account
from config.services import LOGS, VAR, lock

logger = logging.getLogger(__name__)


def is_ours(pid: int, program: str, home: Path, started: float | None) -> bool:
    """Prove that a process is the server of this directory, not a reused number."""
    try:
        process = psutil.Process(pid)
        if not lives(process) or process.name() != program:
            return False
        # Both servers work in their data directory. Containers may hide that from
        # root; then the start time must do, which moves when the clock is set.
        with contextlib.suppress(psutil.AccessDenied):
            return Path(process.cwd()) == home
        return started is not None and abs(float(process.create_time()) - started) < 5
    except (psutil.Error, ValueError, OverflowError):
        return False


def lives(process: psutil.Process) -> bool:
    """Tell a running process from a dead one that nobody reaped."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Service:
    """One server: adopted if it runs, started if it is wanted, stopped if it is not."""

    name: ClassVar[str]
    process_name: ClassVar[str]
    signals: ClassVar[Sequence[tuple[signal.Signals, float]]]

    def __init__(self, home: Path, program: Path) -> None:
        self.home = home
        self.program = program
        self.account = Account()
        self.child: subprocess.Popen[bytes] | None = None
        self.process: psutil.Process | None = None
        self.settled = False
        self.wanted_at = self.started_at = float("-inf")
        self.lease = os.open(VAR / "lease" / self.name, os.O_RDONLY | os.O_CREAT, 0o644)

    def prepare(self) -> None:
        """Create what the server needs on disk."""
        raise NotImplementedError

    def settle(self) -> None:
        """Create what clients need inside the running server, once."""
        self.settled = True

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def pid_file(self) -> tuple[int, float | None] | None:
        """Read the server's process id and start time, as far as they are legible."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        return {}

    def adopt(self) -> bool:
        found = self.pid_file()
        if found and is_ours(found[0], self.process_name, self.home, found[1]):
            self.process = psutil.Process(found[0])
            logger.info("%s: adopted process %d", self.name, found[0])
            return True
        return False

    def wanted(self) -> bool:
        # Got alone: no client holds its share of it any more.
        if lock(self.lease, fcntl.LOCK_EX):
            fcntl.flock(self.lease, fcntl.LOCK_UN)
            return False
        return True

    def keep(self) -> None:
        """Start the server unless it lives, at most once a second."""
        if self._lives():
            if not self.settled:
                self.settle()
            return
        if self.process:
            logger.warning("%s: process %d is gone", self.name, self.process.pid)
            self.process = None
        if time.monotonic() - self.started_at >= 1 and not self.adopt():
            self.started_at = time.monotonic()
            self.start()

    def start(self) -> None:
        self.prepare()
        log = LOGS / f"{self.name}.log"
        self.child = self.account.run(self.command(), log, **self.environment())
        self.process = psutil.Process(self.child.pid)
        logger.info("%s: started process %d", self.name, self.child.pid)

    def stop(self) -> None:
        for number, patience in self.signals:
            if self.process is None or not self._lives():
                break
            deadline = time.monotonic() + patience
            with contextlib.suppress(psutil.Error):
                self.process.send_signal(number)
            while self._lives() and time.monotonic() < deadline:
                time.sleep(0.02)
        self.process = None
        logger.info("%s: stopped", self.name)

    def _lives(self) -> bool:
        if self.child:
            self.child.poll()
        return self.process is not None and lives(self.process)
