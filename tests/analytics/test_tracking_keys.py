"""Which key opens the Segment family's door, from where, and how browsers ask."""

import base64
import json

import pytest
from django.test import Client

from analytics import access
from analytics.models import WrongKey
from tests.analytics.tracked import kept, key, track

__all__ = ["key"]


def test_the_key_may_stand_in_three_places(key: str, client: Client) -> None:
    def send(path: str, body: object, **headers: str) -> int:
        raw = json.dumps(body)
        return client.post(path, raw, "text/plain", headers=headers).status_code

    basic = base64.b64encode(f"{key}:".encode()).decode()
    bare = base64.b64encode(key.encode()).decode()
    assert send("/v1/t", track(messageId="1"), authorization=f"Basic {basic}") == 200
    assert send("/v1/t", track(messageId="2"), authorization=f"Basic {bare}") == 200
    assert send("/v1/t", track(messageId="3", writeKey=key)) == 200
    assert send("/v1/b", {"batch": [track(messageId="4")], "writeKey": key}) == 200
    path = f"/beacon/v1/batch?writeKey={key}"
    assert send(path, {"batch": [track(messageId="5")]}) == 200
    assert len(kept()) == 5


def test_a_wrong_key_is_401_and_seen_by_the_operator(client: Client, db: None) -> None:
    for _ in range(3):
        answer = client.post(
            "/v1/track?writeKey=pk_wrong_key", json.dumps(track()), "text/plain"
        )
        assert answer.status_code == 401

    row = WrongKey.objects.get()
    assert (row.hint, row.attempts) == ("pk_wron", 3)
    assert not kept()


def test_a_key_works_for_its_sites_only(client: Client, db: None) -> None:
    key = access.create_key(
        "shop", ["events"], publishable=True, origins=["https://shop.example"]
    )

    def send(origin: str) -> int:
        body = json.dumps(track(writeKey=key, messageId=origin))
        headers = {"origin": origin}
        return client.post("/v1/t", body, "text/plain", headers=headers).status_code

    assert send("https://shop.example") == 200
    assert send("https://evil.example") == 401


def test_a_publishable_key_can_do_nothing_more(db: None) -> None:
    with pytest.raises(access.UnknownScope):
        access.create_key("shop", ["events", "carts"], publishable=True)


def test_browsers_may_ask_before_they_send(client: Client) -> None:
    answer = client.options(
        "/v1/t",
        headers={
            "origin": "https://shop.example",
            "access-control-request-headers": "authorization, anonymousid, sentat",
        },
    )

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
    assert (
        answer["Access-Control-Allow-Headers"] == "authorization, anonymousid, sentat"
    )
    assert int(answer["Access-Control-Max-Age"]) >= 3600


def test_a_call_without_any_key_is_no_wrong_key(client: Client, db: None) -> None:
    assert client.post("/v1/track", b"{}", "text/plain").status_code == 401
    assert not WrongKey.objects.exists()
