"""Kill -9 loses nothing and doubles nothing: what was answered with 200 is in the log.

A whole platform of its own, whose PostgreSQL really writes to the disk: web, workers
and beat as `make run` starts them. Shops report without pause, and send a batch again
until it is acknowledged. Meanwhile web, workers and PostgreSQL are killed at random
moments.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import environ
import pytest
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from analytics import events, projections, rebuilds, tasks
from analytics.models import Customer, Rejection, WrongKey
from analytics.sent import consent_id
from config import services
from tests import folding
from tests.platforms import Platform
from tests.shoppers import SEED, SHOP, say
from tests.wires import Client, Ledger

CLIENTS = 4


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
