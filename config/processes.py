"""The web server, four Celery workers and beat as children of one process.

Children live in sessions of their own, so that Ctrl-C reaches only the parent, which
stops them in order; should the parent be killed, the kernel ends them (Linux).
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from config import services

PATIENCE = 20.0
PR_SET_PDEATHSIG = 1


class PortTaken(Exception):
    """Something else already listens on the web server's port."""


class ChildDied(Exception):
    """A child ended by itself; its log says why."""


def commands(host: str, port: int) -> dict[str, list[str]]:
    """Return each child's command line."""
    celery = [sys.executable, "-m", "celery", "-A", "config.celery"]
    schedule = str(services.VAR / "beat-schedule")
    granian = [sys.executable, "-m", "granian", "--interface", "wsgi"]
    return {
        "web": [
            *granian,
            *("--host", host, "--port", str(port), "--no-ws"),
            # Processes, not threads: four threads in one put p99 from 8 to 25 ms.
            *("--workers", str(max(2, os.cpu_count() or 2)), "--blocking-threads", "1"),
            # Else one killed process, by want of memory say, ends all of them.
            "--respawn-failed-workers",
            # Else one told to stop while it starts never stops.
            *("--workers-kill-timeout", "10"),
            *("--log-level", "warning", "config.wsgi:application"),
        ],
        "worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "warning"],
        # Of its own: while both others train, projections still catch up in a second.
        "projector": [
            *(*celery, "worker", "--pool", "solo", "--queues", "projections"),
            *("--loglevel", "warning", "--hostname", "projector@%h"),
        ],
        # Of its own too: a training takes minutes, a webhook must not. One process.
        "errands": [
            *(*celery, "worker", "--pool", "threads", "--concurrency", "2"),
            *("--queues", "errands", "--hostname", "errands@%h"),
            *("--loglevel", "warning"),
        ],
        # Of its own: imports and pulls take minutes, prices begin and end on time.
        "pricer": [
            *(*celery, "worker", "--pool", "solo", "--queues", "prices"),
            *("--loglevel", "warning", "--hostname", "pricer@%h"),
        ],
        "beat": [*celery, "beat", "--loglevel", "warning", "--schedule", schedule],
    }


@contextmanager
def running(host: str, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Start the children; stop them, and wait until they are gone, on the way out.

    :raises PortTaken: the port is in use.
    """
    check_port(host, port)
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands(host, port).items():
            children[name] = _start(name, command)
        yield children
    finally:
        _stop(children)


def watch(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Return when the process is told to stop.

    :raises ChildDied: a child ended.
    """
    stop = False

    def told(*_: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    while not stop:
        check(children)
        time.sleep(0.2)


def check(children: dict[str, subprocess.Popen[bytes]]) -> None:
    """Make sure that every child lives.

    :raises ChildDied: one does not.
    """
    for name, child in children.items():
        if child.poll() is not None:
            raise ChildDied(f"the {name} process ended: read {log_path(name)}")


def log_path(name: str) -> Path:
    """Return where a child's output goes."""
    return services.LOGS / f"{name}.log"


def _start(name: str, command: list[str]) -> subprocess.Popen[bytes]:
    services.LOGS.mkdir(parents=True, exist_ok=True)
    with log_path(name).open("ab") as log:
        return _spawn(command, log)


def _spawn(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # preexec_fn: nothing else can set the parent-death signal before exec.
    return subprocess.Popen(  # noqa: S603
        command,
        cwd=services.ROOT,
        # One thread a fit: learners that fight for two cores cost four times the CPU.
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(children: dict[str, subprocess.Popen[bytes]]) -> None:
    for child in children.values():
        child.terminate()
    deadline = time.monotonic() + PATIENCE
    for child in children.values():
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.1, deadline - time.monotonic()))
    for child in children.values():
        # The whole session: granian and Celery have children of their own.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def check_port(host: str, port: int) -> None:
    """Make sure that the web server can have its port.

    :raises PortTaken: it is in use.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(
                f"port {port} is taken: name another, as in PORT=8001 make run"
            ) from error
