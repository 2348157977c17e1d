import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from analytics import alerts, events, outward, store
from analytics.models import Customer
from config import services
from promotions import approval, deliveries, errands, posting, signatures, webhooks
from promotions.models import Delivery, Endpoint
from tests.conftest import Give, Make
from tests.promotions.test_redemption import redeem
from tests.serving import listening

pytestmark = pytest.mark.usefixtures("shelf")
Answers = Callable[[dict[str, Any]], int]


class Receiver(ThreadingHTTPServer):
    """A shop's receiver: keeps what it gets, answers as it is told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.answers: Answers = lambda message: 204
        self.headers: dict[str, str] = {}
        super().__init__(("127.0.0.1", 0), Door)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?shop=1"


class Door(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = {
            "path": self.path,
            "headers": {name.lower(): text for name, text in self.headers.items()},
            "body": body,
            **json.loads(body),
        }
        self.server.got.append(message)
        status = self.server.answers(message)
        self.send_response(status)
        for name, text in self.server.headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE = True
    server = Receiver()
    with listening(server):
        yield server


@pytest.fixture
def told(receiver: Receiver, db: None) -> Endpoint:
    return webhooks.register(receiver.url, [], at=timezone.now())


def happened(strategy: UUID, *shares: float) -> None:
    facts = [
        events.BudgetReached(strategy=strategy, share=share, spent=1, budget=1)  # type: ignore[arg-type]
        for share in shares
    ]
    store.append(facts, at=timezone.now())


def due_now() -> None:
    Delivery.objects.update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_shop_is_told_of_a_strategy_s_life_in_order(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
) -> None:
    strategy = live()
    answer = redeem(api, give(strategy, ana), order_id="o-1")
    api.post(
        f"/api/v1/redemptions/{answer.json()['redemptions'][0]}/rollback",
        {},
        format="json",
        headers={"Idempotency-Key": "r"},
    )
    approval.end(strategy.id, by="olga", comment="Secret.", at=timezone.now())

    errands.send_webhooks()
    errands.send_webhooks()  # nothing twice

    assert [one["type"] for one in receiver.got] == [
        "strategy_proposed",
        "strategy_approved",
        "offer_redeemed",
        "redemption_rolled_back",
        "strategy_ended",
    ]
    redeemed = receiver.got[2]
    assert redeemed["path"] == "/hook?shop=1"
    assert redeemed["data"]["strategy"] == str(strategy.id)
    assert (redeemed["data"]["order_id"], redeemed["data"]["discount"]) == (
        "o-1",
        "2.00",
    )
    everything = b"".join(one["body"] for one in receiver.got).decode()
    for hidden in ("olga", "Secret.", str(ana.key), '"ana"'):
        assert hidden not in everything


def test_the_budget_s_marks_are_told(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    ben: Customer,
) -> None:
    strategy = live(budget="4.00")
    redeem(api, give(strategy, ana))
    redeem(api, give(strategy, ben))

    errands.send_webhooks()

    marks = [one["data"] for one in receiver.got if one["type"] == "budget_reached"]
    assert [mark["share"] for mark in marks] == [0.8, 1.0]
    assert marks[0]["spent"] == "4.0000"


def test_an_independent_library_finds_every_signature_right(
    receiver: Receiver, told: Endpoint
) -> None:
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    (got,) = receiver.got

    Webhook(told.secret).verify(got["body"], got["headers"])

    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(got["body"] + b" ", got["headers"])
    other = signatures.secret(bytes(32))
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(got["body"], got["headers"])


def test_after_a_new_secret_both_sign_for_a_day(
    receiver: Receiver, told: Endpoint, api: APIClient
) -> None:
    page = f"/api/v1/webhook-endpoints/{told.id}/secret"
    new = api.post(page).json()["secret"]
    assert new != told.secret
    happened(uuid4(), 0.8)
    errands.send_webhooks()

    for secret in (told.secret, new):
        Webhook(secret).verify(receiver.got[0]["body"], receiver.got[0]["headers"])

    Endpoint.objects.update(old_until=timezone.now())
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    Webhook(new).verify(receiver.got[1]["body"], receiver.got[1]["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(receiver.got[1]["body"], receiver.got[1]["headers"])


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


def test_a_replay_tells_a_young_endpoint_what_it_never_heard(
    receiver: Receiver, told: Endpoint
) -> None:
    Endpoint.objects.all().delete()
    begun = timezone.now()
    happened(uuid4(), 0.8)
    young = webhooks.register(receiver.url, [], at=timezone.now())
    errands.send_webhooks()
    assert receiver.got == []

    count = webhooks.replay(young, since=begun, until=timezone.now(), at=timezone.now())
    errands.send_webhooks()

    assert (count, len(receiver.got)) == (1, 1)


def test_an_endpoint_hears_only_its_types(receiver: Receiver, told: Endpoint) -> None:
    Endpoint.objects.update(types=["offer_redeemed"])
    happened(uuid4(), 0.8)

    errands.send_webhooks()

    assert receiver.got == []
    assert not Delivery.objects.exists()


def test_a_switched_off_endpoint_is_told_later_of_all_it_missed(
    receiver: Receiver, told: Endpoint, api: APIClient
) -> None:
    page = f"/api/v1/webhook-endpoints/{told.id}"
    api.patch(page, {"active": False}, format="json")
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    assert receiver.got == []

    api.patch(page, {"active": True}, format="json")
    errands.send_webhooks()

    assert len(receiver.got) == 1


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


def test_a_silent_and_a_dripping_receiver_are_cut_off(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "PATIENCE", 0.5)
    monkeypatch.setattr(posting, "DEADLINE", 1.5)

    def wait(message: dict[str, Any]) -> int:
        time.sleep(3)
        return 200

    receiver.answers = wait
    begun = time.monotonic()
    silent = posting.post(receiver.url, b"{}", {}, private=True)
    assert silent.status is None
    assert time.monotonic() - begun < 1.4

    with dripping() as url:
        begun = time.monotonic()
        dripped = posting.post(url, b"{}", {}, private=True)
    assert dripped.status is None
    assert time.monotonic() - begun < 3


class Drip(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(100):
            time.sleep(0.1)
            self.wfile.write(b"x")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


def dripping() -> Any:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Drip)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    return listening(server)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "::127.0.0.1",
        "192.0.2.1",
        "2001:db8::1",
    ],
)
def test_no_address_that_is_not_the_internet_s_is_allowed(address: str) -> None:
    assert not outward.allowed(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_the_internet_s_addresses_are_allowed(address: str) -> None:
    assert outward.allowed(address)


def test_a_name_that_leads_inside_is_refused_when_it_is_posted_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.server_port
    inside = [(2, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: inside)
    url = f"https://shop.example:{port}/"

    answer = posting.post(url, b"{}", {}, private=False)

    assert answer.status is None
    assert "private network" in answer.error
    assert receiver.got == []


def test_the_connection_goes_to_the_judged_address_whatever_the_name_means_next(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        if host == "shop.example":
            asked.append(host)
            host = "127.0.0.1" if len(asked) == 1 else "203.0.113.9"
        return [(2, 1, 6, "", (host, receiver.server_port))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    url = f"http://shop.example:{receiver.server_port}/"

    answer = posting.post(url, b'{"a": 1}', {}, private=True)

    assert answer.status == 204
    assert asked == ["shop.example"]
    assert receiver.got[0]["headers"]["host"].startswith("shop.example")


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/",
        "ftp://shop.example/",
        "https://",
        "https:///x",
        "x",
        "https://a:b@shop.example/",
        "https://shop.example:99999/",
        "https://sh op/",
        "https://[::1",
        "https://shop.example/\r\nX: y",
        "https://127.0.0.1/",
        "https://127.1:8443/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://10.1.2.3/",
        "https://192.168.0.7/hook",
        "https://169.254.169.254/latest/meta-data/",
        "https://0/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://[fd00::1]/",
        "https://LOCALHOST/",
        "https://shop.localhost./",
    ],
)
def test_an_address_that_cannot_be_is_refused_at_once(
    api: APIClient, client: Client, olga: User, url: str
) -> None:
    answer = api.post("/api/v1/webhook-endpoints", {"url": url}, format="json")
    client.force_login(olga)
    page = client.post("/admin/promotions/endpoint/add/", {"url": url})

    assert answer.status_code == 400
    assert {one["field"] for one in answer.json()["errors"]} == {"url"}
    assert set(page.context["adminform"].form.errors) == {"url"}
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "10.example"])
def test_a_public_address_may_be_told(api: APIClient, host: str) -> None:
    body = {"url": f"https://{host}/"}

    answer = api.post("/api/v1/webhook-endpoints", body, format="json")

    assert answer.status_code == 201


def test_a_private_address_may_be_told_where_the_setting_allows_it(
    api: APIClient, client: Client, olga: User, settings: Any
) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    client.force_login(olga)

    answer = api.post(
        "/api/v1/webhook-endpoints", {"url": "http://127.0.0.1:9000/"}, format="json"
    )
    client.post("/admin/promotions/endpoint/add/", {"url": "http://[::1]:9000/"})

    assert answer.status_code == 201
    assert Endpoint.objects.count() == 2


def test_an_endpoint_is_made_read_and_forgotten_and_its_secret_told_once(
    api: APIClient,
) -> None:
    page = "/api/v1/webhook-endpoints"
    made = api.post(
        page,
        {"url": "https://shop.example/h", "types": ["offer_redeemed"]},
        format="json",
    )
    twice = api.post(page, {"url": "https://shop.example/h"}, format="json")

    assert (made.status_code, twice.status_code) == (201, 409)
    assert made.json()["secret"].startswith("whsec_")
    (listed,) = api.get(page).json()["endpoints"]
    assert "secret" not in listed
    one = f"{page}/{listed['id']}"
    assert api.get(one).json() == listed
    assert api.delete(one).status_code == 204
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    wrong = api.post(page, {"url": "https://a.example/", "types": ["x"]}, format="json")
    assert wrong.status_code == 400


def test_an_erased_customer_s_order_is_not_told_any_more(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
) -> None:
    from analytics import privacy

    redeem(api, give(live(), ana), order_id="o-secret")
    privacy.erase("ana", by="test", at=timezone.now())

    errands.send_webhooks()

    got = b"".join(one["body"] for one in receiver.got)
    assert b"offer_redeemed" in got
    assert b"o-secret" not in got


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
