"""Operators sign in as browsers do: forms, cookies, redirects."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django.fixtures import Settings

from config import signin
from tests.config.signing_in import LOGIN, SETUP, inside, sign_in
from tests.conftest import Counted


def test_the_password_is_enough_where_no_second_factor_is_set(
    client: Client, olga: User
) -> None:
    assert sign_in(client) == 302
    assert inside(client)


def test_after_five_wrong_passwords_not_even_the_right_one_opens(
    client: Client, olga: User
) -> None:
    answers = [sign_in(client, f"wrong-{n}") for n in range(5)]
    right = client.post(LOGIN, {"username": "olga", "password": "secret"})

    assert answers == [200, 200, 200, 200, 429]
    assert right.status_code == 429
    assert not inside(client)
    assert 840 < int(right["Retry-After"]) <= 900
    said = right.content.decode()
    assert "Try again in 15 minutes." in said
    assert "wrong-" not in said


def test_waiting_opens_again_and_trying_meanwhile_does_not_make_it_longer(
    client: Client, olga: User
) -> None:
    for _ in range(5):
        sign_in(client, "wrong")
    later = datetime.now(UTC) - timedelta(minutes=14)
    AccessAttempt.objects.update(attempt_time=later)
    assert sign_in(client) == 429
    AccessAttempt.objects.update(attempt_time=later - timedelta(minutes=2))

    assert sign_in(client) == 302
    assert inside(client)


def test_a_stranger_elsewhere_locks_nobody_out(client: Client, olga: User) -> None:
    for _ in range(6):
        sign_in(Client(), "guess", REMOTE_ADDR="203.0.113.9")

    assert sign_in(client, REMOTE_ADDR="198.51.100.7") == 302
    assert sign_in(Client(), REMOTE_ADDR="203.0.113.9") == 429


def test_another_browser_or_a_claimed_address_does_not_help_a_guesser(
    client: Client, olga: User
) -> None:
    for n in range(5):
        more = {"HTTP_USER_AGENT": f"b{n}", "HTTP_X_FORWARDED_FOR": f"10.0.0.{n}"}
        sign_in(Client(), "guess", **more)

    assert sign_in(client) == 429


def test_behind_proxies_the_address_is_the_one_that_they_saw(
    settings: Settings,
) -> None:
    told = "6.6.6.6, 198.51.100.7, 10.0.0.2"
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=told
    )
    assert signin.address(request) == "10.0.0.1"
    settings.TRUST_PROXY = True
    assert signin.address(request) == "10.0.0.2"
    settings.PROXIES = 2
    assert signin.address(request) == "198.51.100.7"
    nonsense = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="drop table")
    assert signin.address(nonsense) is None


@pytest.mark.parametrize(
    ("tries", "opens"),
    [
        ([], None),
        ([(0, 4)], None),
        ([(0, 5)], 15),
        ([(0, 2), (3, 3)], 15),
        ([(0, 2), (3, 9)], 18),
        ([(3, 4), (0, 1)], 15),
    ],
)
def test_it_opens_when_few_enough_failures_count(
    tries: list[tuple[int, int]], opens: int | None
) -> None:
    noon = datetime(2026, 6, 1, 12, tzinfo=UTC)
    known = [(noon + timedelta(minutes=at), failures) for at, failures in tries]

    found = signin.opens(known, limit=5, lasts=timedelta(minutes=15))

    assert found == (None if opens is None else noon + timedelta(minutes=opens))


def test_who_may_change_users_unlocks(client: Client, olga: User) -> None:
    User.objects.create_superuser("vera", password="verified")
    for _ in range(5):
        sign_in(client, "wrong")
    admin = Client()
    assert sign_in(admin, "verified", "vera") == 302
    [row] = AccessAttempt.objects.all()
    body = {"action": "unlock", "_selected_action": row.pk}

    page = admin.post(reverse("admin:axes_accessattempt_changelist"), body, follow=True)

    assert "olga may try again." in page.content.decode()
    assert sign_in(client) == 302


def test_what_was_typed_is_kept_nowhere(
    client: Client, olga: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(5):
            sign_in(client, "typed-password")

    row = AccessAttempt.objects.get()
    assert "typed-password" not in f"{row.post_data} {caplog.text}"
    assert "Signing in is closed for 127.0.0.1" in caplog.text


def test_nobody_reads_keys_or_codes_in_the_back_office(
    client: Client, olga: User
) -> None:
    client.force_login(olga)

    for table in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert client.get(f"/admin/{table}/").status_code == 404


def test_the_gate_costs_no_query(
    client: Client, olga: User, statements: Counted
) -> None:
    sign_in(client)
    client.get(SETUP)
    statements()

    client.get(reverse("admin:password_change_done"))

    assert statements() <= 2  # the user; the connection's health


def test_sessions_are_read_from_the_cache_and_kept_in_the_database(
    client: Client, olga: User
) -> None:
    sign_in(client)
    key = client.session.session_key
    assert Session.objects.filter(pk=key).exists()
    cache.clear()

    assert inside(client)


def test_signing_in_works_without_the_cache(
    client: Client, olga: User, settings: Settings
) -> None:
    nowhere = settings.CACHES["default"] | {"LOCATION": "unix:///nowhere.sock"}
    settings.CACHES = {"default": nowhere}

    assert sign_in(client) == 302
    assert client.get(SETUP).status_code == 200
