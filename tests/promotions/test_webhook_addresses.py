"""Which addresses may be told: the internet's, and none of our own networks."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from analytics import outward
from promotions import posting
from promotions.models import Endpoint
from tests.promotions.receiving import Receiver, receiver
from tests.serving import listening

__all__ = ["receiver"]

pytestmark = pytest.mark.usefixtures("shelf")


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
