"""A web server of the bench's own, clients that hammer it, and what that costs."""

import http.client
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from config import processes, services
from config.services import ROOT


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request; a body makes it a POST, a `key` one that is made once."""

    path: str
    body: bytes | None = None
    key: str | None = None


@contextmanager
def web(port: int, changes: dict[str, str] | None = None) -> Iterator[psutil.Process]:
    """Serve with some environment changed; yield the process."""
    command = processes.commands("127.0.0.1", port)["web"]
    environment = os.environ | (changes or {})
    with subprocess.Popen(command, cwd=ROOT, env=environment) as server:  # noqa: S603
        try:
            time.sleep(5)
            yield psutil.Process(server.pid)
        finally:
            server.terminate()


def hammer(
    port: int, calls: Sequence[Call], headers: dict[str, str], *, connections: int
) -> tuple[list[float], float]:
    """Make every call; return each one's seconds, sorted, and those of all together."""
    waiting, latencies = iter(calls), []
    lock = threading.Lock()

    def client() -> None:
        link = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            with lock:
                call = next(waiting, None)
            if call is None:
                return
            started = time.perf_counter()
            method = "GET" if call.body is None else "POST"
            once = {"Idempotency-Key": call.key} if call.key else {}
            link.request(method, call.path, call.body, headers | once)
            answer = link.getresponse()
            answer.read()
            latencies.append(time.perf_counter() - started)
            if answer.status not in (200, 201):
                raise AssertionError(answer.status)

    threads = [threading.Thread(target=client) for _ in range(connections)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies), time.perf_counter() - started


@contextmanager
def children(*names: str) -> Iterator[None]:
    """Run some of the platform's other processes, quietly."""
    commands = processes.commands("127.0.0.1", 0)
    started = [
        subprocess.Popen(commands[name], cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603
        for name in names
    ]
    try:
        time.sleep(5)
        yield
    finally:
        for child in started:
            child.terminate()
        for child in started:
            child.wait(20)


def cpu(root: psutil.Process) -> float:
    """Return the CPU seconds of a process and all below it, ended ones too."""
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            t = process.cpu_times()
            total += t.user + t.system + t.children_user + t.children_system
        except psutil.Error:
            continue
    return total


def postgres() -> psutil.Process | None:
    """Return the embedded PostgreSQL, None if it is somebody else's."""
    keeper = services.keeper()
    if keeper is None:
        return None
    for process in psutil.Process(keeper).children(recursive=True):
        if process.name() == "postgres" and process.parent().name() != "postgres":
            return process
    return None


def memory(*roots: int) -> int:
    """Return the unique memory of processes and all below them."""
    total = 0
    for root in roots:
        try:
            parent = psutil.Process(root)
            family = [parent, *parent.children(recursive=True)]
            total += sum(process.memory_full_info().uss for process in family)
        except psutil.Error:
            continue
    return total
