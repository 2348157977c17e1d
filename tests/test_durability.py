"""Kill -9 loses nothing and doubles nothing: what was answered with 200 is in the log.

A whole platform of its own, whose PostgreSQL really writes to the disk: web, workers
and beat as `make run` starts them. Shops report without pause, and send a batch again
until it is acknowledged. Meanwhile web, workers and PostgreSQL are killed at random
moments. SEED=… repeats a run's choices, though not its timing.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from uuid import UUID

import environ
import psutil
import psycopg
import pytest
from celery import Celery
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from analytics import access, events, projections, rebuilds, tasks
from analytics.models import Customer, Rejection, StoredEvent, WrongKey
from analytics.sent import consent_id, event_id
from config import processes, services
from tests import folding, serving
from tests.analytics.conftest import together

SHOP = "shop"
CLIENTS = 4
PATIENCE = 60.0
SEED = int(os.environ.get("SEED") or time.time_ns() % 1_000_000_000)
WELL = """
    SELECT min(moved_at) FROM analytics_checkpoint
    WHERE projection = ANY(%s) AND error = '' HAVING count(*) = %s
"""
"""Others have checkpoints too: once an hour, at minute 40, opinions get theirs."""


def say(line: str) -> None:
    """Tell `make test-kill` how it goes; pytest shows it when the test fails."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")
    sys.stdout.flush()


# What shops report.


@dataclass(frozen=True, kw_only=True)
class Report:
    """An event as a shop means it, for whichever wire."""

    id: str
    type: str
    at: datetime
    customer: str | None = None
    visitor: str | None = None
    previous: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    consent: bool | None = None

    @property
    def who(self) -> str | None:
        return self.customer or self.visitor


class Shopper:
    """Invents reports. Customers and devices are shared by all shops' servers."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)

    def batch(self) -> list[Report]:
        return [self.report() for _ in range(self.random.randint(1, 8))]

    def report(self) -> Report:
        kinds = ("view", "order", "page", "identify", "say", "alias")
        [kind] = self.random.choices(kinds, weights=(8, 4, 4, 2, 1, 1))
        id_ = UUID(int=self.random.getrandbits(128), version=4)
        made: Report = getattr(self, kind)(
            id=self.random.choice((str(id_), f"node-next-{id_}")),
            at=datetime.now(UTC) - timedelta(seconds=self.random.uniform(0, 200_000)),
        )
        return made

    def view(self, **known: Any) -> Report:
        said = self.random.choice((None, None, None, True, False))
        data = {"sku": self._sku(), "category": self._category()}
        return Report(
            type="product_viewed", data=data, consent=said, **self._somebody(), **known
        )

    def order(self, **known: Any) -> Report:
        data = {
            "order_id": f"o-{known['id'][-8:]}",
            "currency": "USD",
            "lines": [
                {
                    "sku": self._sku(),
                    "category": self._category(),
                    "quantity": self.random.randint(1, 3),
                    "paid": f"{self.random.randint(1, 9999)}.25",
                }
                for _ in range(self.random.randint(1, 4))
            ],
        }
        return Report(
            type="order_completed",
            data=data,
            customer=self._customer(self._home()),
            **known,
        )

    def page(self, **known: Any) -> Report:
        data = {"name": "Home"}
        return Report(type="page_viewed", data=data, **self._somebody(), **known)

    def identify(self, **known: Any) -> Report:
        home = self._home()
        return Report(
            type="customer_identified",
            customer=self._customer(home),
            visitor=self._visitor(home),
            data={"traits": {"plan": "gold"}},
            **known,
        )

    def say(self, **known: Any) -> Report:
        data = {"personalised": self.random.random() < 0.5}
        return Report(type="consent_changed", data=data, **self._somebody(), **known)

    def alias(self, **known: Any) -> Report:
        home = self._home()
        others = (self._customer(home), self._visitor(home))
        return Report(
            type="customer_aliased",
            customer=self._customer(home),
            previous=self.random.choice(others),
            **known,
        )

    def _somebody(self) -> dict[str, Any]:
        if self.random.random() < 0.5:
            return {"customer": self._customer(self._home())}
        return {"visitor": self._visitor(self._home())}

    def _home(self) -> int:
        """Customers and devices of a home are taken for one another, no others."""
        return self.random.randint(1, 100)

    def _customer(self, home: int) -> str:
        return f"customer-{home}-{self.random.randint(1, 3)}"

    def _visitor(self, home: int) -> str:
        return f"visitor-{home}-{self.random.randint(1, 8)}"

    def _sku(self) -> str:
        return f"sku-{self.random.randint(1, 40)}"

    def _category(self) -> str:
        return self.random.choice(("TEA", "MILK", "MUGS", ""))


# The two wires.


@dataclass(frozen=True, kw_only=True)
class Wire:
    """How a batch is written, and whether an answer's body takes all of it."""

    path: str
    allowed: frozenset[int]
    body: Callable[[Sequence[Report]], bytes]
    took: Callable[[Sequence[Report], Any], bool]


def native_body(batch: Sequence[Report]) -> bytes:
    rows = [
        {
            "id": report.id,
            "type": report.type,
            "customer": report.customer,
            "anonymous": report.visitor,
            "previous": report.previous,
            "occurred_at": report.at.isoformat(),
            "data": report.data,
        }
        for report in batch
    ]
    return json.dumps({"events": rows}).encode()


def native_took(batch: Sequence[Report], answer: Any) -> bool:
    became = [(row["id"], row["status"]) for row in answer["results"]]
    return [id_ for id_, _ in became] == [report.id for report in batch] and all(
        status in ("accepted", "duplicate") for _, status in became
    )


def segment_body(batch: Sequence[Report], sent_at: datetime | None = None) -> bytes:
    messages = [segment_message(report) for report in batch]
    sent = (sent_at or datetime.now(UTC)).isoformat()
    return json.dumps({"batch": messages, "sentAt": sent}).encode()


def segment_message(report: Report) -> dict[str, Any]:
    message = {
        "messageId": report.id,
        "userId": report.customer,
        "anonymousId": report.visitor,
        "previousId": report.previous,
        "timestamp": report.at.isoformat(),
        **SEGMENT[report.type](report.data),
    }
    if report.consent is not None:
        said = {"categoryPreferences": {"Advertising": report.consent}}
        message["context"] = {"consent": said}
    return message


SEGMENT: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "product_viewed": lambda data: {
        "type": "track",
        "event": "Product Viewed",
        "properties": data,
    },
    "order_completed": lambda data: {
        "type": "track",
        "event": "Order Completed",
        "properties": {
            **{name: data[name] for name in ("order_id", "currency")},
            "products": [{**line, "price": line["paid"]} for line in data["lines"]],
        },
    },
    "page_viewed": lambda data: {"type": "page", **data},
    "customer_identified": lambda data: {"type": "identify", **data},
    "customer_aliased": lambda data: {"type": "alias"},
}
"""Consent has no message of its own there: it comes with others."""

NATIVE = Wire(
    path="/api/v1/events",
    allowed=frozenset((200, 500, 503)),
    body=native_body,
    took=native_took,
)
TRACKING = Wire(
    path="/v1/batch",
    allowed=frozenset((200, 503)),
    body=segment_body,
    took=lambda batch, answer: answer == {"success": True},
)
WIRES = {"native": NATIVE, "segment": TRACKING}


class Ledger:
    """What all clients sent and what was acknowledged; their complaints."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.sent: dict[UUID, Report] = {}
        self.acknowledged: set[UUID] = set()
        self.answers: Counter[str] = Counter()
        self.newest = dict.fromkeys(WIRES, float("-inf"))
        self.complaints: list[str] = []

    def send(self, batch: Sequence[Report]) -> None:
        with self.lock:
            self.sent |= {event_id(report.id): report for report in batch}

    def hear(self, wire: str, status: int, begun: float) -> None:
        with self.lock:
            self.answers[f"{wire} {status or 'none'}"] += 1
            if status == 200:
                self.newest[wire] = max(self.newest[wire], begun)

    def acknowledge(self, batch: Sequence[Report]) -> None:
        with self.lock:
            self.acknowledged |= {event_id(report.id) for report in batch}

    def complain(self, complaint: str) -> None:
        with self.lock:
            self.complaints.append(complaint)


class Client(Thread):
    """A shop's server: sends a batch until it is acknowledged, then the next."""

    def __init__(self, seed: str, port: int, key: str, ledger: Ledger) -> None:
        super().__init__(daemon=True)
        self.shopper, self.random = Shopper(seed), random.Random(f"{seed} waits")
        self.port, self.ledger = port, ledger
        self.headers = headers(key)
        self.enough = Event()

    def run(self) -> None:
        try:
            while not self.enough.is_set():
                self._deliver(self.shopper.batch())
                time.sleep(self.random.uniform(0, 0.1))
        except Exception as error:
            self.ledger.complain(repr(error))
            raise

    def _deliver(self, batch: list[Report]) -> None:
        name = self.random.choice(list(WIRES))
        if name == "segment":
            batch = [report for report in batch if report.type in SEGMENT]
        body = WIRES[name].body(batch)
        self.ledger.send(batch)
        while not self._acknowledged(name, batch, body):
            time.sleep(self.random.uniform(0, 0.3))
        self.ledger.acknowledge(batch)
        if self.random.random() < 0.05:  # as if the answer had been lost
            self._acknowledged(name, batch, body)

    def _acknowledged(self, name: str, batch: list[Report], body: bytes) -> bool:
        wire, begun = WIRES[name], time.monotonic()
        status, answer = post(self.port, wire.path, body, self.headers)
        self.ledger.hear(name, status, begun)
        if status and status not in wire.allowed:
            self.ledger.complain(f"{wire.path} answered {status}: {answer!r}")
        if status != 200:
            return False
        if not wire.took(batch, json.loads(answer)):
            self.ledger.complain(f"{wire.path} did not take all: {answer!r}")
        return True


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def post(
    port: int, path: str, body: bytes, headers: dict[str, str]
) -> tuple[int, bytes]:
    """Return the answer's status and body; 0 if there was none."""
    link = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        link.request("POST", path, body, headers)
        answer = link.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        link.close()


# The platform, and how it is killed.


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


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A platform in a new folder, not pytest's own: those are private to root."""
    folder = Path(tempfile.mkdtemp(prefix="proffer-kill-"))
    folder.chmod(0o755)
    monkeypatch.setattr(services, "VAR", folder)
    monkeypatch.setattr(services, "LOGS", folder / "log")
    monkeypatch.setenv("PROFFER_VAR", str(folder))
    monkeypatch.setenv("DEBUG", "false")
    monkeypatch.setenv("SECRET_KEY", "a secret of this test")
    monkeypatch.setenv("ALLOWED_HOSTS", "127.0.0.1")
    for name in ("PROFFER_TEST", "DATABASE_URL", "BROKER_URL", "CACHE_URL"):
        monkeypatch.delenv(name, raising=False)
    made = Platform(SEED)
    try:
        yield made
    finally:
        made.end(*made.children)
        subprocess.run(
            [sys.executable, "-m", "config.services", "stop"],
            cwd=services.ROOT,
            capture_output=True,
            check=False,
        )
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database(platform: Platform, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Django's connection in this thread leads to the platform's database."""
    before = connection.settings_dict
    found = environ.Env.db_url_config(services.urls({}).database)
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict = {**before, **found}
        yield
        connection.close()
        connection.settings_dict = before


# The test.


@contextmanager
def reporting(platform: Platform, ledger: Ledger) -> Iterator[None]:
    """Shops report until the block ends and everything is acknowledged."""
    key = platform.manage("create_key", SHOP, "--scopes", "events")
    clients = [
        Client(f"{SEED} {n}", platform.port, key, ledger) for n in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        for client in clients:
            client.enough.set()
    platform.wait_until(
        lambda: not any(client.is_alive() for client in clients), "the clients' end"
    )


def kill(platform: Platform, ledger: Ledger, victim: str) -> str:
    """Kill a service in one of the ways and wait until all is well; say how it went."""
    ways = platform.kills[victim]
    way = platform.random.choice(list(ways))
    platform.wait(platform.random.uniform(0, 1.5))
    ways[way]()
    wall, moment = datetime.now(UTC), time.monotonic()
    platform.ask_for_heartbeat()
    took = platform.wait_until(
        lambda: min(ledger.newest.values()) > moment and platform.well_since(wall),
        f"the platform's recovery from the death of {victim}, {way}",
    )
    assert ledger.complaints == []
    return f"{victim}, {way}: back after {took:.1f} s"


def victims(platform: Platform, rounds: int) -> Iterator[str]:
    """Each as often as the others, in random order."""
    waiting: list[str] = []
    for _ in range(rounds):
        waiting = waiting or platform.random.sample(
            list(platform.kills), len(platform.kills)
        )
        yield waiting.pop()


@pytest.mark.parametrize(
    "rounds",
    [
        4,
        pytest.param(100, marks=[pytest.mark.slow, pytest.mark.timeout(3000)]),
    ],
)
def test_what_was_acknowledged_survives_every_kill(
    platform: Platform, database: None, rounds: int
) -> None:
    say(f"SEED={SEED}, {rounds} rounds in {services.VAR}")
    ledger = Ledger()
    platform.manage("migrate", "--verbosity", "0")
    platform.tend()
    with reporting(platform, ledger):
        platform.wait_until(lambda: min(ledger.newest.values()) > 0, "a first answer")
        for number, victim in enumerate(victims(platform, rounds), start=1):
            done = kill(platform, ledger, victim)
            say(f"{number}/{rounds} {done}; {len(ledger.acknowledged)} acknowledged")
    say(f"answers {dict(ledger.answers)}, restarts {dict(platform.restarts)}")

    assert ledger.complaints == []
    assert_disk_is_trusted()
    assert_log_holds_what_was_sent(ledger)
    platform.wait_until(lambda: not any(projections.lag().values()), "catching up")
    platform.wait_until(lambda: platform.get("/readyz") != "", "readiness")
    platform.end("beat", "worker", "projector", "errands", "pricer")
    assert_projections_equal_a_rebuild()
    assert folding.people() == folding.people_again()
    assert_no_batches_blocked_each_other()


def assert_disk_is_trusted() -> None:
    with connection.cursor() as cursor:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            cursor.execute(f"SHOW {setting}")
            assert cursor.fetchone() == ("on",), setting


def assert_log_holds_what_was_sent(ledger: Ledger) -> None:
    """Every acknowledged event once, as it was meant, and nothing else."""
    rows = whole_log()
    assert ledger.sent.keys() == ledger.acknowledged
    assert [
        id_ for id_, count in Counter(row[0] for row in rows).items() if count > 1
    ] == []
    held = {id_: (type_, who) for id_, type_, who, source in rows if source == SHOP}
    assert ledger.acknowledged - held.keys() == set()
    meant = {id_: (report.type, report.who) for id_, report in ledger.sent.items()}
    assert {id_: fact for id_, fact in held.items() if id_ in meant} == meant
    said = {
        consent_id(report.id): ("consent_changed", report.who)
        for report in ledger.sent.values()
        if report.consent is not None
    }
    others = {id_: fact for id_, fact in held.items() if id_ not in meant}
    assert others.items() <= said.items()
    own = {type_ for _, type_, _, source in rows if source != SHOP}
    assert own & events.FROM_SHOPS == set()
    assert list(Rejection.objects.values_list("reason", "path")) == []
    assert list(WrongKey.objects.values_list("hint")) == []


def whole_log() -> list[tuple[UUID, str, str | None, str | None]]:
    """Read the table itself: a broken index would hide a double."""
    names = {customer.key: customer.name for customer in Customer.objects.all()}
    with connection.cursor() as cursor:
        for way in ("indexscan", "indexonlyscan", "bitmapscan"):
            cursor.execute(f"SET enable_{way} = off")
        cursor.execute("SELECT id, type, customer, source FROM analytics_storedevent")
        rows = cursor.fetchall()
        cursor.execute("RESET ALL")
    return [(id_, type_, names.get(key), source) for id_, type_, key, source in rows]


def assert_projections_equal_a_rebuild() -> None:
    tasks.catch_up()  # what the worker itself may have said in its last moment
    assert projections.stopped() == {}
    live = folding.projected()
    # The reporters tell of no offers, which alone fill these two.
    empty = {name for name, kept in live.items() if not kept}
    assert empty <= {"Assignment", "Exposure", "UnitCost"}
    assert rebuilds.rebuild(projections.ALL) == {}
    assert folding.projected() == live


def assert_no_batches_blocked_each_other() -> None:
    """A deadlock is mended by the clients' next try, but should not be there."""
    log = (services.LOGS / "postgres.log").read_text()
    assert log.count("deadlock detected") == 0


# A bad line.

FAULTS = ("", "", "", "lost", "dropped", "dropped", "503", "429")


@pytest.mark.django_db(transaction=True)
def test_five_thousand_events_over_a_bad_line_are_five_thousand_rows() -> None:
    say(f"SEED={SEED}")
    choices = random.Random(SEED)
    key = access.create_key(SHOP, ["events"])
    with serving.granian() as url:
        front = serving.Front(url, iter(lambda: choices.choice(FAULTS), None))
        with serving.listening(front):
            shops = [Patient(f"{SEED} {n}", front.server_port, key) for n in range(4)]
            reports = [r for sent in together(*shops) for r in sent]

    assert front.passed > 250
    assert len(reports) == 5000
    expected = {event_id(report.id): report.at for report in reports}
    stored = StoredEvent.objects.values_list("id", "occurred_at")
    assert len(stored) == 5000
    assert dict(stored) == expected
    assert not Rejection.objects.exists()


class Patient:
    """A shop's server that tries until it hears 200; some freeze their bodies."""

    def __init__(self, seed: str, port: int, key: str) -> None:
        self.shopper, self.random = Shopper(seed), random.Random(f"{seed} waits")
        self.port, self.headers = port, headers(key)

    def __call__(self) -> list[Report]:
        return [report for _ in range(50) for report in self._deliver()]

    def _deliver(self) -> list[Report]:
        batch = [self._report() for _ in range(25)]
        # As if it had been tried for ten minutes already.
        frozen = datetime.now(UTC) - timedelta(minutes=10)
        sent_at = self.random.choice((frozen, None))
        while True:
            body = segment_body(batch, sent_at)
            status, _ = post(self.port, TRACKING.path, body, self.headers)
            if status == 200:
                return batch
            time.sleep(self.random.expovariate(30))

    def _report(self) -> Report:
        """Whatever comes without a word on consent, which is an event of its own."""
        while (made := self.shopper.report()).type not in SEGMENT:
            pass
        return replace(made, consent=None)
