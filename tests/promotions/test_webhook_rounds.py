"""What fails is tried again, rarer each time; workers that die lose nothing."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from analytics import alerts
from config import services
from promotions import deliveries, errands, webhooks
from promotions.models import Delivery, Endpoint
from tests.promotions.receiving import Receiver, happened, receiver, told

__all__ = ["receiver", "told"]

pytestmark = pytest.mark.usefixtures("shelf")


def due_now() -> None:
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_what_fails_holds_up_its_own_strategy_alone_and_keeps_its_id(
    receiver: Receiver, told: Endpoint
) -> None:
    bad, good = uuid4(), uuid4()
    happened(bad, 0.8, 1.0)
    happened(good, 0.8, 1.0)
    receiver.answers = lambda one: 500 if one["data"]["strategy"] == str(bad) else 200

    errands.send_webhooks()

    def shares(of: UUID) -> list[float]:
        got = [one["data"] for one in receiver.got]
        return [one["share"] for one in got if one["strategy"] == str(of)]

    assert shares(good) == [0.8, 1.0]
    assert shares(bad) == [0.8]
    waiting = Delivery.objects.get(strategy=bad, status=500)
    assert 3 < (waiting.next_at - timezone.now()).total_seconds() <= 6
    errands.send_webhooks()
    assert shares(bad) == [0.8]  # not before its time

    receiver.answers = lambda one: 200
    due_now()
    errands.send_webhooks()

    assert shares(bad) == [0.8, 0.8, 1.0]
    ids = [
        one["headers"]["webhook-id"]
        for one in receiver.got
        if one["data"]["strategy"] == str(bad)
    ]
    assert ids[0] == ids[1] != ids[2]
    assert Endpoint.objects.get().failing_since is None


def read_of(plan: dict[str, Any], table: str) -> int:
    """Return how many of a table's rows a plan has read."""
    mine = plan.get("Relation Name") == table
    rows = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * mine
    inner = sum(read_of(one, table) for one in plan.get("Plans", ()))
    return int(rows * plan["Actual Loops"] + inner)


def test_what_waits_behind_costs_nothing_to_look_for_what_is_due(db: None) -> None:
    now, endpoints, pairs = timezone.now(), 3, 90
    rows = [
        Endpoint.objects.create(url=f"https://{n}.example/", active=n < 2)
        for n in range(endpoints)
    ]
    strategies = [UUID(int=n) for n in range(pairs // endpoints)]
    Delivery.objects.bulk_create(
        Delivery(
            endpoint=row,
            strategy=strategy,
            position=depth * 1000 + n,
            type="budget_reached",
            next_at=now + timedelta(hours=depth == 0 and n >= 6),
        )
        for row in rows
        for depth in range(40)
        for n, strategy in enumerate(strategies)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE promotions_delivery")
        cursor.execute(
            "EXPLAIN (ANALYZE, FORMAT JSON) " + deliveries.HEADS,
            [now, deliveries.OF_AN_ENDPOINT],
        )
        [[[explained]]] = cursor.fetchall()

    heads = deliveries._heads(now)

    assert [(one.endpoint.active, one.position) for one in heads] == [
        (True, n) for n in range(deliveries.OF_AN_ENDPOINT) for _ in range(2)
    ]
    assert 0 < read_of(explained["Plan"], "promotions_delivery") <= pairs


def test_attempts_grow_rarer_and_end_after_a_day_then_the_next_goes_out(
    receiver: Receiver, told: Endpoint
) -> None:
    usual = [deliveries.wait_after(n, 0.5) for n in range(1, deliveries.MOST_ATTEMPTS)]
    assert usual == sorted(usual)
    assert 20 * 3600 < sum(usual) < 26 * 3600
    strategy = uuid4()
    happened(strategy, 0.8, 1.0)
    receiver.answers = lambda one: 500 if one["data"]["share"] == 0.8 else 200

    for _ in range(deliveries.MOST_ATTEMPTS):
        due_now()
        errands.send_webhooks()

    assert [one["data"]["share"] for one in receiver.got].count(0.8) == 17
    first, second = Delivery.objects.order_by("position")
    assert (first.state, second.state) == ("given up", "delivered")


def test_what_was_given_up_or_delivered_can_be_sent_again(
    receiver: Receiver, told: Endpoint
) -> None:
    begun = timezone.now()
    happened(uuid4(), 0.8, 1.0)
    errands.send_webhooks()
    Delivery.objects.filter(
        position=Delivery.objects.earliest("position").position
    ).update(state="given up")
    out, said = StringIO(), [str(told.id), "--since", begun.isoformat()]

    call_command("replay_webhooks", *said, "--given-up", stdout=out)
    errands.send_webhooks()
    assert [one["data"]["share"] for one in receiver.got] == [0.8, 1.0, 0.8]
    call_command("replay_webhooks", *said, stdout=out)
    errands.send_webhooks()

    assert "1 messages" in out.getvalue()
    assert [one["data"]["share"] for one in receiver.got][3:] == [0.8, 1.0]
    ids = {one["headers"]["webhook-id"] for one in receiver.got}
    assert len(ids) == 2


def test_a_redirect_is_a_failure_and_is_not_followed(
    receiver: Receiver, told: Endpoint
) -> None:
    receiver.answers = lambda one: 307
    receiver.headers = {"Location": receiver.url}
    happened(uuid4(), 0.8)

    errands.send_webhooks()

    assert len(receiver.got) == 1
    assert Delivery.objects.get().status == 307


def test_a_receiver_may_ask_for_a_longer_wait_or_to_be_left_alone(
    receiver: Receiver, told: Endpoint
) -> None:
    receiver.answers, receiver.headers = (lambda one: 429), {"Retry-After": "600"}
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    wait = Delivery.objects.get().next_at - timezone.now()
    assert 590 < wait.total_seconds() <= 600

    receiver.answers = lambda one: 410
    due_now()
    errands.send_webhooks()

    assert not Endpoint.objects.get().active
    found = {one.code for one in alerts.current(timezone.now())}
    assert "webhook_off" in found


def test_what_takes_nothing_for_days_is_switched_off_with_an_alert(
    receiver: Receiver, told: Endpoint
) -> None:
    receiver.answers = lambda one: 500
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    assert Endpoint.objects.get().active
    hours = timezone.now() - timedelta(hours=2)
    Endpoint.objects.update(failing_since=hours)
    assert "webhook_failing" in {one.code for one in alerts.current(timezone.now())}

    Endpoint.objects.update(failing_since=hours - deliveries.PATIENCE)
    due_now()
    errands.send_webhooks()

    assert not Endpoint.objects.get().active
    assert Delivery.objects.get().state == "waiting"
    assert "webhook_off" in {one.code for one in alerts.current(timezone.now())}


def test_when_nobody_runs_errands_it_is_an_alert(
    receiver: Receiver, told: Endpoint
) -> None:
    happened(uuid4(), 0.8)

    def late(**later: int) -> bool:
        at = timezone.now() + timedelta(**later)
        return "errands_late" in {one.code for one in alerts.current(at)}

    assert (late(), late(minutes=6)) == (False, True)

    errands.send_webhooks()
    assert not late(minutes=6)


WORKER = """
import django
django.setup()
from promotions import errands
while True:
    errands.send_webhooks()
"""


@pytest.mark.django_db(transaction=True)
def test_workers_killed_at_random_lose_nothing_and_keep_the_order(
    receiver: Receiver,
) -> None:
    webhooks.register(receiver.url, [], at=timezone.now())
    receiver.answers = lambda one: time.sleep(0.02) or 200  # type: ignore[func-returns-value]
    strategies = [uuid4() for _ in range(5)]
    for step in range(30):
        for strategy in strategies:
            happened(strategy, step / 100)
    url = services.urls(os.environ).database.rpartition("/")[0]
    env = os.environ | {
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "WEBHOOKS_TO_PRIVATE": "true",
    }
    deadline = time.monotonic() + 120
    kills = 0
    delivered = Delivery.objects.filter(state="delivered")
    while delivered.count() < 150:
        before = len(receiver.got)
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=env)
        while len(receiver.got) < before + 40 and delivered.count() < 150:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        worker.wait(20)
        kills += 1
        # What the dead had claimed is free after a minute: it passes at once here.
        claimed = Delivery.objects.filter(state="waiting", attempts__gt=0)
        claimed.update(next_at=timezone.now() - timedelta(seconds=1))

    assert kills >= 3
    for strategy in strategies:
        got = [one for one in receiver.got if one["data"]["strategy"] == str(strategy)]
        shares = [one["data"]["share"] for one in got]
        assert shares == sorted(shares)
        assert sorted(set(shares)) == [step / 100 for step in range(30)]
        ids = {one["data"]["share"]: one["headers"]["webhook-id"] for one in got}
        assert all(
            ids[one["data"]["share"]] == one["headers"]["webhook-id"] for one in got
        )
