"""The children end with their parent, however it ends.

A driver in a process of its own runs three children that have children of their own.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from config import processes, services

CHILD = """
import signal, subprocess, sys
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
def told(*_):
    own.terminate()
    own.wait()
    sys.exit(0)
signal.signal(signal.SIGTERM, told)
print(own.pid, file=open(sys.argv[1], "w"), flush=True)
signal.pause()
"""
STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(own.pid, file=open(sys.argv[1], "w"), flush=True)
while True:
    signal.pause()
"""
DRIVER = """
import sys
from pathlib import Path
from config import processes, services
folder, port, child = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
services.LOGS = folder
processes.PATIENCE = 1.5
def commands(host, port):
    return {
        name: [sys.executable, "-c", child, str(folder / f"{name}.pid")]
        for name in ("web", "worker", "beat")
    }
processes.commands = commands
try:
    with processes.running("127.0.0.1", port) as children:
        print(*(child.pid for child in children.values()), flush=True)
        processes.watch(children)
except (processes.PortTaken, processes.ChildDied) as fact:
    sys.exit(str(fact))
"""


def eventually(fact: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Platform:
    """A driver, its three children, and their children."""

    def __init__(self, folder: Path, child: str) -> None:
        self.driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder), str(free_port()), child],
            cwd=services.ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.driver.stdout
        self.children = [int(pid) for pid in self.driver.stdout.readline().split()]
        files = [folder / f"{name}.pid" for name in ("web", "worker", "beat")]
        assert eventually(lambda: all(f.exists() and f.read_text() for f in files))
        self.grandchildren = [int(file.read_text()) for file in files]

    def gone(self) -> bool:
        return not any(map(lives, [*self.children, *self.grandchildren]))

    def wait(self) -> tuple[int, str]:
        said = self.driver.communicate(timeout=15)[1]
        return self.driver.returncode, said

    def clear(self) -> None:
        self.driver.kill()
        self.driver.communicate()
        for pid in filter(lives, [*self.children, *self.grandchildren]):
            os.kill(pid, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Start = Callable[[str], Platform]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Platform] = []

    def platform(child: str = CHILD) -> Platform:
        started.append(Platform(tmp_path, child))
        return started[-1]

    yield platform
    for one in started:
        one.clear()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_stops_its_children_first(
    start: Start, number: signal.Signals
) -> None:
    platform = start(CHILD)
    assert len(platform.children) == 3
    assert all(map(lives, [*platform.children, *platform.grandchildren]))

    platform.driver.send_signal(number)

    assert platform.wait() == (0, "")
    assert platform.gone()


def test_children_that_do_not_stop_are_killed_with_all_they_started(
    start: Start,
) -> None:
    platform = start(STUBBORN)

    platform.driver.terminate()

    assert platform.wait()[0] == 0
    assert platform.gone()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")
def test_children_end_when_the_parent_is_killed(start: Start) -> None:
    platform = start(CHILD)

    platform.driver.kill()

    assert eventually(platform.gone)


def test_a_child_that_dies_ends_all_and_is_named(start: Start, tmp_path: Path) -> None:
    platform = start(CHILD)

    os.kill(platform.children[1], signal.SIGKILL)

    code, said = platform.wait()
    assert code == 1
    assert said.strip() == (f"the worker process ended: read {tmp_path / 'worker.log'}")
    assert eventually(platform.gone)


def test_ctrl_c_does_not_reach_the_children(start: Start) -> None:
    platform = start(CHILD)

    groups = {os.getpgid(pid) for pid in platform.children}

    assert os.getpgid(platform.driver.pid) not in groups
    assert len(groups) == 3


def test_a_taken_port_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def commands(host: str, port: int) -> dict[str, list[str]]:
        raise AssertionError("the port is taken: nothing may start")

    monkeypatch.setattr(processes, "commands", commands)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with (
            pytest.raises(processes.PortTaken, match=f"port {port} is taken"),
            processes.running("127.0.0.1", port),
        ):
            raise AssertionError("it must not run")


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("DATABASE_URL", "postgres://shop:hunter2@127.0.0.1:{port}/shop"),
        ("BROKER_URL", "redis://:hunter2@127.0.0.1:{port}/0"),
        ("CACHE_URL", "redis://:hunter2@127.0.0.1:{port}/1"),
    ],
)
def test_a_command_says_which_service_does_not_answer(variable: str, url: str) -> None:
    given = {variable: url.format(port=free_port())}

    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=services.ROOT,
        env=os.environ | given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == ""
    [sentence] = done.stderr.strip().splitlines()
    assert sentence.startswith(
        f"proffer: {variable} is set, but the service does not answer"
    )
    assert "hunter2" not in sentence
