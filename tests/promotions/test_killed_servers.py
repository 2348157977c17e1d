"""Server processes are killed at random: money is spent once and to the limit."""

import json
import os
import random
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread

import psutil
import pytest
from django.db import connection

from analytics import access
from analytics.models import StoredEvent
from config import processes, services
from promotions.models import Redemption
from tests import serving
from tests.conftest import Make
from tests.promotions.racing import CONNECTIONS
from tests.promotions.reserving import BY_CODE, code
from tests.promotions.test_replay import check
from tests.shoppers import SEED

pytestmark = [
    pytest.mark.usefixtures("transactional_db", "shelf"),
    pytest.mark.django_db(transaction=True),
]


class Server:
    """4 processes of 8 threads: 32 connections to the database. Tended when it dies."""

    def __init__(self) -> None:
        self.port = serving.free_port()
        self.command = processes.commands("127.0.0.1", self.port)["web"]
        self.command[self.command.index("--workers") + 1] = "4"
        self.command[self.command.index("--blocking-threads") + 1] = "8"
        database = services.urls(os.environ).database.rpartition("/")[0]
        name = connection.settings_dict["NAME"]
        self.environment = os.environ | {"DATABASE_URL": f"{database}/{name}"}
        self.start()
        serving.wait_for(f"http://127.0.0.1:{self.port}/healthz")

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )

    def kill_one(self, choices: random.Random) -> None:
        """Kill -9 one of its processes."""
        with suppress(psutil.Error, IndexError):
            choices.choice(psutil.Process(self.process.pid).children()).kill()

    def tend(self) -> None:
        """Wait until it answers; where it sees a loop of crashes and gives up, restart.

        It may take its time to give up, so both are looked at until one is so.
        """
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            time.sleep(0.2)
            if self.process.poll() is not None:
                self.end()
                self.start()
            with suppress(TimeoutError):
                serving.wait_for(f"http://127.0.0.1:{self.port}/healthz", seconds=1)
                return

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def call(port: int, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Send until there is an answer, as clients must; 503 is none."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        link = HTTPConnection("127.0.0.1", port, timeout=20)
        with suppress(OSError, HTTPException):
            link.request("POST", "/api/v1/redemptions", body, headers)
            answer = link.getresponse()
            told = answer.status, answer.read()
            if answer.status != 503:
                return told
        link.close()
        time.sleep(0.1)
    raise TimeoutError(body)


def kill_at_random(server: Server, enough: Event) -> int:
    """Kill one server process after another until it is enough; return how many."""
    choices, killed = random.Random(SEED), 0
    while not enough.wait(choices.uniform(0.2, 1.0)):
        server.kill_one(choices)
        killed += 1
        server.tend()
    return killed


@pytest.mark.slow
def test_the_budget_is_spent_exactly_while_server_processes_are_killed(
    live: Make,
) -> None:
    strategy = live(budget=Decimal(200), **BY_CODE)
    code(strategy)
    key = access.create_key("shop", ["carts"])
    enough, killed, server = Event(), [], Server()

    def attempt(number: int) -> tuple[int, str, list[str]]:
        body = {
            "order_id": f"o-{number}",
            "codes": ["spring"],
            "lines": [{"sku": "tea", "quantity": 2}],
        }
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f"key-{number}",
        }
        status, answer = call(server.port, json.dumps(body).encode(), headers)
        told = json.loads(answer)
        return status, told.get("code", ""), told.get("redemptions", [])

    killer = Thread(target=lambda: killed.append(kill_at_random(server, enough)))
    killer.start()
    try:
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            answers = list(pool.map(attempt, range(1000)))
    finally:
        enough.set()
        killer.join()
        server.end()

    won = [ids for status, _, ids in answers if status in (200, 201)]
    assert killed[0] >= 3, killed
    assert {code for status, code, _ in answers if status not in (200, 201)} == {
        "budget_spent"
    }
    assert len(won) == 100, SEED
    rows = {str(r.id) for r in Redemption.objects.all()}
    assert {one for [one] in won} == rows
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal(200), 100)
    assert StoredEvent.objects.filter(type="offer_redeemed").count() == 100
    check()
