"""The keeper: one detached process that runs PostgreSQL and Valkey while needed.

config/services.py starts it; nothing else should. It holds an exclusive flock on
VAR/keeper.lock, restarts what died, and stops each service GRACE seconds after the
last lease on it. What the servers are: config.servers and config.embedded; whom
they run as: config.accounts.
"""

import fcntl
import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from config.accounts import Unfit, choose_account, make_private
from config.embedded import Postgres, Valkey
from config.servers import Service
from config.services import LOGS, VAR, lock, sockets

GRACE = 5.0
TICK = 0.25
LOG_LIMIT = 10 << 20

logger = logging.getLogger(__name__)


class Keeper:
    def __init__(self, services: Sequence[Service], held: int) -> None:
        self.services = services
        self.held = held
        self.stopping = False
        self.pinned = False
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGUSR1, self._pin)

    def prepare(self) -> None:
        homes = [sockets(), *(service.home for service in self.services)]
        account = choose_account(homes, [each.program for each in self.services])
        make_private(sockets(), account)
        for service in self.services:
            service.account = account
            if service.adopt() or service.wanted():
                service.wanted_at = time.monotonic()
                service.prepare()

    def run(self) -> None:
        needed = [True]
        while any(needed) and not self.stopping and self._in_office():
            needed = [self._tend(service) for service in self.services]
            # Clients wait for a server that starts; later only the idle check counts.
            settled = all(each.settled for each in self.services if each.process)
            time.sleep(TICK if settled else TICK / 10)
        for service in self.services:
            if service.process:
                service.stop()

    def _in_office(self) -> bool:
        """Notice `rm -r var`: whoever comes next will lock another file."""
        try:
            return os.path.samestat(os.fstat(self.held), (VAR / "keeper.lock").stat())
        except FileNotFoundError:
            return False

    def _tend(self, service: Service) -> bool:
        """Keep or stop one service; say whether it is still worth staying for."""
        now = time.monotonic()
        if service.wanted() or (self.pinned and service.process):
            service.wanted_at = now
        if now - service.wanted_at < GRACE:
            self._keep(service)
            return True
        # Holding the lease: a client must not find a server that is about to go.
        if service.process and lock(service.lease, fcntl.LOCK_EX):
            service.stop()
            fcntl.flock(service.lease, fcntl.LOCK_UN)
        return service.process is not None

    def _keep(self, service: Service) -> None:
        try:
            service.keep()
        except Exception:
            # A full disk, say: the next second may be better.
            logger.exception("%s: cannot be kept", service.name)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _pin(self, *_: object) -> None:
        self.pinned = True


def become_keeper() -> int | None:
    """Return the lock file if no other keeper holds it."""
    fd = os.open(VAR / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o644)
    for _ in range(10):  # A client looking at the lock holds it for an instant.
        if lock(fd, fcntl.LOCK_EX):
            os.ftruncate(fd, 0)
            return fd
        time.sleep(0.02)
    return None


def open_log() -> Path:
    LOGS.mkdir(parents=True, exist_ok=True)
    for path in LOGS.glob("*.log"):
        if path.stat().st_size > LOG_LIMIT:
            path.rename(path.with_suffix(".log.1"))
    log = LOGS / "keeper.log"
    logging.basicConfig(
        filename=log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    return log


def detach(log: Path) -> None:
    """Let go of the terminal and of whoever started us."""
    os.chdir("/")
    for target, path in ((0, Path(os.devnull)), (1, log), (2, log)):
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
        os.dup2(fd, target)
        os.close(fd)


def main() -> int:
    try:
        held = become_keeper()
        if held is None:
            return 0
        log = open_log()
        keeper = Keeper([Valkey(), Postgres()], held)
        keeper.prepare()
    except (Unfit, OSError) as error:
        logger.error("%s", error)
        sys.stderr.write(f"{error}\n")
        return 1
    if pid := os.fork():
        # Only now: whoever reads a process id may send it a signal.
        os.pwrite(held, str(pid).encode(), 0)
        os._exit(0)
    detach(log)
    keeper.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
