"""The page that connects a shop: what it shows is really run, and really comes in."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from analytics import access, connect, ingestion
from analytics.clock import now
from analytics.models import ApiKey, Rejection, StoredEvent
from tests.analytics.connecting import client, made, snippet
from tests.conftest import Counted

__all__ = ["client"]

KEY = re.compile(r'<code id="key">([^<]+)</code>')


def key_of(page: str) -> str:
    found = KEY.search(page)
    assert found, "no key is shown"
    return found[1]


@pytest.mark.django_db
def test_a_key_is_shown_once_and_only_its_digest_kept(client: Client) -> None:
    page = made(client)

    key = key_of(page)
    assert key.startswith("sk_")
    assert key in snippet(page, "python")
    assert key not in snippet(page, "browser")  # a secret never stands in a page
    assert access.find(key) is not None
    again = client.get(reverse("connect"))
    assert key not in again.content.decode()
    assert "no-store" in again["Cache-Control"]
    assert ApiKey.objects.get().digest not in page


@pytest.mark.django_db
def test_a_publishable_key_can_do_no_more_whatever_is_sent(client: Client) -> None:
    page = made(
        client,
        kind="publishable",
        scopes=["privacy"],
        origins="https://shop.example/path, http://127.0.0.1:9000",
    )

    key = key_of(page)
    assert key.startswith("pk_")
    row = ApiKey.objects.get()
    assert set(row.scopes) == access.PUBLIC
    assert row.origins == ["https://shop.example", "http://127.0.0.1:9000"]
    assert key in snippet(page, "browser")
    assert key not in snippet(page, "curl")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": "  "}, "Give the key a name"),
        ({"scopes": []}, "Choose what the key may do"),
        ({"scopes": ["events", "clock"]}, "Choose what the key may do"),
        ({"kind": "publishable", "origins": "shop"}, "“shop” is no site"),
    ],
)
def test_a_wrong_form_makes_no_key_and_says_why(
    client: Client, sent: dict[str, Any], said: str
) -> None:
    fields = {"name": "my shop", "kind": "secret", "scopes": ["events"]}

    answer = client.post(reverse("connect"), fields | sent, follow=True)

    page = answer.content.decode()
    assert said in page
    assert f'value="{(fields | sent)["name"].strip()}' in page
    assert ("origins" in sent) == ('value="shop"' in page)
    assert not ApiKey.objects.exists()


@pytest.mark.django_db
def test_a_revoked_key_stops_at_once(client: Client) -> None:
    key = key_of(made(client))
    row = ApiKey.objects.get()

    for revoked in (str(row.pk), "nonsense"):
        client.post(reverse("connect"), {"revoke": revoked})

    assert access.find(key) is None
    assert "revoked" in client.get(reverse("connect")).content.decode()


def send(key: str, *, wrong: bool = False) -> None:
    event = b'{"id": "%s", "type": "product_viewed", "customer": "jane", "data": {%s}}'
    data = b'"sku": ""' if wrong else b'"sku": "tea"'
    raw = event % (b"wrong" if wrong else b"right", data)
    ingestion.ingest([raw], source=key, at=now())


def rows(client: Client) -> list[dict[str, Any]]:
    return list(client.get(reverse("connect_newest")).json()["rows"])


@pytest.mark.django_db
def test_what_comes_in_is_shown_with_the_reason_of_what_does_not(
    client: Client,
) -> None:
    send("my shop")
    send("my shop", wrong=True)
    access.note_wrong("sk_of_another_server")

    shown = {row["state"]: row for row in rows(client)}

    assert shown["accepted"]["what"] == "product_viewed"
    assert shown["accepted"]["source"] == "my shop"
    assert shown["rejected"]["what"].endswith("$.data.sku")
    assert shown["refused"]["source"] == "sk_of_a…"
    assert "jane" not in str(shown)  # the log's random key alone
    assert "another_server" not in str(shown)
    for row in shown.values():
        assert client.get(row["link"]).status_code == 200


@pytest.mark.django_db
def test_what_the_platform_itself_wrote_is_not_shown(
    client: Client, shelf: None
) -> None:
    assert StoredEvent.objects.filter(source=None).exists()

    assert rows(client) == []


def member(*, group: str = "", may: tuple[str, ...] = ()) -> User:
    user = User.objects.create_user("mia", password="secret", is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    for name in may:
        user.user_permissions.add(Permission.objects.get(codename=name))
    return user


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "page", "watch", "make"),
    [
        ({"group": "Operators"}, 200, {"accepted", "rejected"}, 403),
        ({"group": "Support"}, 200, {"accepted"}, 403),
        ({"may": ("view_apikey",)}, 200, None, 403),
        ({"may": ("view_apikey", "add_apikey")}, 200, None, 200),
        ({"may": ("view_rejection",)}, 200, {"rejected"}, 403),
        ({}, 403, None, 403),
    ],
)
def test_everybody_sees_and_does_what_they_may(
    who: dict[str, Any], page: int, watch: set[str] | None, make: int
) -> None:
    client = Client()
    client.force_login(member(**who))
    send("my shop")
    send("my shop", wrong=True)
    fields = {"name": "my shop", "kind": "secret", "scopes": ["events"]}

    assert client.get(reverse("connect")).status_code == page
    newest = client.get(reverse("connect_newest"))
    assert newest.status_code == (403 if watch is None else 200)
    if watch is not None:
        assert {row["state"] for row in newest.json()["rows"]} == watch
    assert client.post(reverse("connect"), fields).status_code == make
    assert ApiKey.objects.exists() == (make == 200)
    key = access.create_key("other", ["events"])
    sent = {"revoke": str(ApiKey.objects.get(name="other").pk)}
    assert client.post(reverse("connect"), sent).status_code == 403
    assert access.find(key) is not None


@pytest.mark.django_db
def test_a_stranger_is_sent_to_sign_in() -> None:
    for name in ("connect", "connect_newest"):
        answer = Client().get(reverse(name))
        assert answer.status_code == 302
        assert "/admin/login/" in answer["Location"]


@pytest.mark.django_db
def test_both_answers_take_few_queries(client: Client, statements: Counted) -> None:
    made(client)
    for _ in range(40):
        Rejection.objects.create(source="my shop", reason="no", body=b"{}")
    statements()

    client.get(reverse("connect"))
    assert statements() <= 15
    client.get(reverse("connect_newest"))
    assert statements() <= 10
    assert len(rows(client)) == connect.SHOWN
