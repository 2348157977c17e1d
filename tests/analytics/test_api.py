import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, log_lock, store
from analytics.api import MOST_EVENTS
from analytics.models import ApiKey, Customer, Rejection, StoredEvent
from analytics.sent import AHEAD
from tests.analytics.conftest import order, post, send, sent, with_key

PATH = "/api/v1/events"
GOOD = json.dumps(sent(id="good"))


def assert_problem(answer: Any, status: int, code: str) -> str:
    """Check that the answer is a problem and that nothing was written."""
    body = answer.json()
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert (body["status"], body["code"]) == (status, code)
    assert not StoredEvent.objects.exists()
    assert not Customer.objects.exists()
    assert not Rejection.objects.exists()
    return str(body["detail"])


def test_a_batch_is_stored_and_each_event_answered(api: APIClient) -> None:
    answer = post(api, sent(id="a"), order("9.50", "0.5000", id="b"), sent(id="a"))

    assert answer.status_code == 200
    assert answer.json() == {
        "accepted": 2,
        "duplicate": 1,
        "rejected": 0,
        "results": [
            {"id": "a", "status": "accepted"},
            {"id": "b", "status": "accepted"},
            {"id": "a", "status": "duplicate"},
        ],
    }
    assert StoredEvent.objects.count() == 2


def test_a_batch_sent_again_is_stored_once(api: APIClient) -> None:
    batch = [sent(id=f"m-{number}") for number in range(MOST_EVENTS)]

    first, again = post(api, *batch), post(api, *batch)

    assert first.json()["accepted"] == MOST_EVENTS
    assert again.json()["duplicate"] == MOST_EVENTS
    assert StoredEvent.objects.count() == MOST_EVENTS
    assert Customer.objects.count() == 1


def test_any_http_client_will_do(api: APIClient) -> None:
    key = access.create_key("shop", ["events"])

    answer = Client().post(
        PATH,
        f'{{"events": [{GOOD}]}}',
        content_type="text/plain",
        headers={"Authorization": f"bearer {key}"},
    )

    assert answer.json()["accepted"] == 1


def test_no_events_are_no_fault(api: APIClient) -> None:
    answer = send(api, b'{"events": []}')

    assert answer.status_code == 200
    assert answer.json()["results"] == []


UNREADABLE: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"hello",
    "cut off": b'{"events": [{"id": ',
    "not an object": b"[]",
    "a number": b"7",
    "no events": b"{}",
    "events is null": b'{"events": null}',
    "events is an object": b'{"events": {}}',
    "only brackets": b"[" * 100_000,
    "not UTF-8": b'{"\xff": 1}',
    "UTF-16": '{"events": []}'.encode("utf-16"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_problem(api: APIClient, name: str) -> None:
    answer = send(api, UNREADABLE[name])

    assert assert_problem(answer, 400, "unreadable")


def test_too_many_events_are_refused_whole(api: APIClient) -> None:
    answer = post(api, *[GOOD] * (MOST_EVENTS + 1))

    detail = assert_problem(answer, 413, "batch_too_large")
    assert detail == "Send at most 2500 events at a time."


def test_too_long_a_body_is_refused_whole(api: APIClient) -> None:
    answer = send(api, b'{"events": [%s%s]}' % (b" " * (4 << 20), GOOD.encode()))

    detail = assert_problem(answer, 413, "body_too_large")
    assert detail == "Send at most 4 MiB at a time."


def test_a_body_of_four_mebibytes_is_taken(api: APIClient) -> None:
    body = b'{"events": [%s]}' % GOOD.encode()

    answer = send(api, body + b" " * ((4 << 20) - len(body)))

    assert answer.json()["accepted"] == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "key_missing"),
        ("Bearer", "key_missing"),
        ("Basic c2s6", "key_missing"),
        ("Bearer a b", "key_missing"),
        ("Bearer sk_unknown", "key_refused"),
        ("Bearer \xff\x00", "key_refused"),
    ],
)
def test_without_a_right_key_nothing_is_taken(header: str, code: str) -> None:
    client = APIClient()
    client.credentials(**({"HTTP_AUTHORIZATION": header} if header else {}))

    answer = post(client, GOOD)

    assert_problem(answer, 401, code)
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_a_revoked_key_stops_at_once() -> None:
    client = with_key("events")
    assert post(client, sent(customer=None)).status_code == 200

    access.revoke_key(ApiKey.objects.get().id)
    answer = post(client, sent(customer=None))

    assert answer.status_code == 401
    assert answer.json()["code"] == "key_refused"
    assert StoredEvent.objects.count() == 1


@pytest.mark.django_db
def test_a_key_without_the_scope_is_told_which() -> None:
    answer = post(with_key("offers", "carts", "catalog"), GOOD)

    detail = assert_problem(answer, 403, "scope_missing")
    assert detail == "This key lacks the scope `events`."


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_the_door_takes_posts_only(api: APIClient, method: str) -> None:
    answer = getattr(api, method)(PATH)

    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


def test_an_address_that_is_not_there_is_a_problem_too(api: APIClient) -> None:
    assert_problem(api.get("/api/v1/party"), 404, "not_found")
    assert api.get("/party")["Content-Type"].startswith("text/html")


def test_a_failure_of_ours_is_a_problem_too(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "INSERT", "INSERT INTO no_such_table (id)")
    api.raise_request_exception = False

    answer = post(api, GOOD, sent(id="bad", type="party"))

    assert_problem(answer, 500, "server_error")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_503_and_loses_nothing(
    api: APIClient,
) -> None:
    other = connection.copy()
    with other.cursor() as held, connection.cursor() as cursor:
        held.execute("SELECT pg_advisory_lock(%s)", [log_lock.LOG_LOCK])
        cursor.execute("SET lock_timeout = '50ms'")

        answer = post(api, GOOD)

        cursor.execute("SET lock_timeout = 0")
    other.close()
    assert_problem(answer, 503, "try_again")
    assert answer["Retry-After"] == "1"
    assert post(api, GOOD).json()["accepted"] == 1


def test_a_time_of_now_may_run_five_minutes_ahead(api: APIClient) -> None:
    now = timezone.now()
    soon = (now + AHEAD * 0.9).isoformat()
    later = (now + AHEAD * 1.5).isoformat()

    answer = post(api, sent(occurred_at=soon), sent(occurred_at=later))

    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == ["accepted", "rejected"]
