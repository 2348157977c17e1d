"""PostgreSQL and Valkey: yours where the environment names them, otherwise ours.

Every process calls attach() before it works. For each service that no variable names
it holds a shared flock on VAR/lease/<service> until it dies, however it dies, and
makes sure that the keeper (config/keeper.py) runs; the keeper stops a service five
seconds after its last lease. A changer must keep urls() free of side effects, because
settings call it for commands that need no service, and must never put a URL into a
message, because it holds a password.
"""

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

from config import asking

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("PROFFER_VAR") or ROOT / "var").resolve()
LOGS = VAR / "log"
POSTGRES = "postgres"
VALKEY = "valkey"
TITLES = {POSTGRES: "PostgreSQL", VALKEY: "Valkey"}
PATIENCE = 60.0
SOCKET_LIMIT = 103
"""The longest socket path in bytes: macOS allows 103, Linux 107."""
KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONPATH")
"""What the keeper inherits. LANG, LC_* and PG* break initdb and libpq; secrets leak."""

_leases: dict[str, int] = {}


class ServiceDown(Exception):
    """A service that this process needs does not answer."""


@dataclass(frozen=True, kw_only=True)
class Urls:
    database: str
    broker: str
    cache: str


def urls(environ: Mapping[str, str]) -> Urls:
    """Say where the services are, without touching them."""
    run = quote(str(sockets()))
    return Urls(
        # The path form: django-environ does not decode a percent-encoded host.
        database=environ.get("DATABASE_URL")
        or f"postgres://proffer@:{asking.PORT}/{run}/proffer",
        broker=environ.get("BROKER_URL")
        or f"redis+socket://{run}/valkey.sock?virtual_host=0",
        cache=environ.get("CACHE_URL") or f"unix://{run}/valkey.sock?db=1",
    )


def sockets() -> Path:
    """Name the directory of both sockets; a path too long for one moves to /tmp."""
    run = VAR / "run"
    if len(os.fsencode(run / f".s.PGSQL.{asking.PORT}")) <= SOCKET_LIMIT:
        return run
    # Not TMPDIR: two clients must agree on the address. The keeper checks the owner.
    digest = hashlib.sha256(os.fsencode(VAR)).hexdigest()[:16]
    return Path(f"/tmp/proffer-{os.geteuid()}-{digest}")  # noqa: S108


def embedded(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the services that the environment leaves to us."""
    names = []
    if not environ.get("DATABASE_URL"):
        names.append(POSTGRES)
    if not (environ.get("BROKER_URL") and environ.get("CACHE_URL")):
        names.append(VALKEY)
    return tuple(names)


def attach(environ: Mapping[str, str] = os.environ) -> None:
    """Make every service answer, and keep ours running while this process lives.

    :raises ServiceDown: with one sentence for the person at the terminal.
    """
    for variable in asking.PROBES:
        if url := environ.get(variable):
            _verify(variable, url)
    names = embedded(environ)
    deadline = time.monotonic() + PATIENCE
    for name in names:
        _hold(name, deadline)
    while names and not _ready(names):
        _refuse_other_owner()
        if time.monotonic() > deadline:
            raise _gave_up(names)
        if keeper() is None:
            _start_keeper(environ, deadline)
        time.sleep(0.05)


def keeper() -> int | None:
    """Return the keeper's process id, 0 while it prepares, None if there is none."""
    try:
        fd = os.open(VAR / "keeper.lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # A shared lock: two clients who look at once do not take each other for a
        # keeper.
        return None if lock(fd, fcntl.LOCK_SH) else int(os.read(fd, 20) or 0)
    finally:
        os.close(fd)


def lock(fd: int, kind: int) -> bool:
    """Take a flock if it is free."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def answers(name: str) -> bool:
    """Ask an embedded service, as the application would."""
    try:
        if name == POSTGRES:
            asking.query(urls({}).database)
        else:
            asking.ping(urls({}).cache)
    except (psycopg.Error, redis.RedisError):
        return False
    return True


def _hold(name: str, deadline: float) -> None:
    if name in _leases:
        return
    try:
        (VAR / "lease").mkdir(parents=True, exist_ok=True)
        fd = os.open(VAR / "lease" / name, os.O_RDONLY | os.O_CREAT, 0o644)
    except OSError as error:
        raise ServiceDown(
            f"{VAR} cannot be written ({error.strerror}): "
            "set PROFFER_VAR to a directory that can."
        ) from error
    # Taken by the keeper only for a moment, or while it stops this very service.
    while not lock(fd, fcntl.LOCK_SH):
        if time.monotonic() > deadline:
            os.close(fd)
            raise _gave_up([name])
        time.sleep(0.02)
    _leases[name] = fd


def _ready(names: Sequence[str]) -> bool:
    return bool(keeper()) and all(map(answers, names))


def _refuse_other_owner() -> None:
    run = sockets()
    if os.access(run, os.F_OK) and not os.access(run, os.W_OK | os.X_OK):
        raise ServiceDown(
            f"{run} belongs to user id {run.stat().st_uid}, who started the embedded "
            "services: run as that user, or set PROFFER_VAR to a directory of your own."
        )


def _gave_up(names: Sequence[str]) -> ServiceDown:
    silent = [name for name in names if not answers(name)] or [*names]
    titles = " and ".join(TITLES[name] for name in silent)
    logs = " and ".join(str(LOGS / f"{name}.log") for name in silent)
    return ServiceDown(
        f"{titles} did not answer within {PATIENCE:.0f} s: read {logs} and "
        f"{LOGS / 'keeper.log'}, then run `python -m config.services stop` and try "
        "again."
    )


def _start_keeper(environ: Mapping[str, str], deadline: float) -> None:
    kept = {key: os.environ[key] for key in KEPT if key in os.environ}
    test = {"PROFFER_TEST": environ.get("PROFFER_TEST", "")}
    process = subprocess.Popen(
        [sys.executable, "-m", "config.keeper"],
        cwd=ROOT,
        env={**kept, **test, "PROFFER_VAR": str(VAR), "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C in our terminal must not reach it.
        start_new_session=True,
    )
    try:
        # It detaches, and this returns, as soon as the data directory exists.
        said = process.communicate(timeout=max(1.0, deadline - time.monotonic()))[1]
    except subprocess.TimeoutExpired:
        return
    if process.returncode:
        reason = (said.strip().splitlines() or ["no reason given"])[-1]
        raise ServiceDown(
            f"The embedded PostgreSQL and Valkey cannot start: {reason} "
            f"(log: {LOGS / 'keeper.log'})"
        )


def _verify(variable: str, url: str) -> None:
    if reason := asking.fault(variable, url):
        raise ServiceDown(
            f"{variable} is set, but the service does not answer ({reason}): correct "
            "it, or unset it to use the embedded service."
        )


def _start() -> bool:
    attach()
    if pid := keeper():
        _signal(pid, signal.SIGUSR1)
    return _status()


def _stop() -> bool:
    if keeper() is None and any(map(answers, TITLES)):
        # The keeper was killed: a new one adopts what it left, and stops it.
        _start_keeper(os.environ, time.monotonic() + PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while (pid := keeper()) is not None:
        if time.monotonic() > deadline:
            raise ServiceDown(f"The keeper does not stop: read {LOGS / 'keeper.log'}.")
        if pid:
            _signal(pid, signal.SIGTERM)
        time.sleep(0.1)
    return _say("The embedded services are stopped.")


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise ServiceDown(f"Another user started the keeper, process {pid}.") from error


def _status() -> bool:
    given = [_given_status(variable) for variable in asking.PROBES]
    well = all(given)
    names = embedded(os.environ)
    if names:
        pid = keeper()
        _say(f"{'keeper':<13} {'does not run' if pid is None else f'process {pid}'}")
    for name in names:
        up = answers(name)
        well = well and up
        state = f"answers in {sockets()}" if up else "does not run"
        _say(f"{TITLES[name]:<13} {state}, log {LOGS / f'{name}.log'}")
    return well


def _given_status(variable: str) -> bool:
    url = os.environ.get(variable)
    if not url:
        return True
    try:
        _verify(variable, url)
    except ServiceDown as down:
        return not _say(str(down))
    # Not "answers": of kombu's transports only Redis-like ones are asked.
    return _say(f"{variable:<13} is given, no fault found")


def _say(line: str) -> bool:
    sys.stdout.write(f"{line}\n")
    return True


def main(arguments: Sequence[str]) -> int:
    commands = {"status": _status, "start": _start, "stop": _stop}
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.stderr.write("usage: python -m config.services status|start|stop\n")
        return 1
    try:
        return 0 if commands[arguments[0]]() else 1
    except ServiceDown as down:
        sys.stderr.write(f"{down}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
