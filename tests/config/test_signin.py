"""Operators sign in as browsers do: forms, cookies, redirects."""

import logging
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from config import signin
from tests.conftest import Counted

HOME, LOGIN = "/admin/", "/admin/login/"
CODE, SETUP = "/admin/code/", "/admin/second-factor/"


def sign_in(
    client: Client, password: str = "secret", name: str = "olga", **more: str
) -> int:
    body = {"username": name, "password": password}
    return client.post(f"{LOGIN}?next={HOME}", body, **more).status_code  # type: ignore[arg-type]


def shown_by(device: TOTPDevice, *, steps: int = 0) -> str:
    """Return what the telephone shows, `steps` half minutes later."""
    phone = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    phone.time = time.time() + steps * device.step
    return f"{phone.token():06d}"


def inside(client: Client) -> bool:
    return client.get(HOME).status_code == 200


@pytest.fixture
def protected(client: Client, olga: User) -> list[str]:
    """Olga has turned the second factor on, in a browser that is gone; her codes."""
    assert sign_in(client) == 302
    client.post(SETUP, {"do": "begin"})
    device = TOTPDevice.objects.get(user=olga)
    page = client.post(SETUP, {"do": "on", "code": shown_by(device)})
    client.logout()
    return list(page.context["codes"])


@pytest.fixture
def phone(olga: User, protected: list[str]) -> TOTPDevice:
    return TOTPDevice.objects.get(user=olga)


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


def test_who_has_a_second_factor_gets_nowhere_by_the_password_alone(
    client: Client, phone: TOTPDevice
) -> None:
    assert sign_in(client) == 302
    asked = client.get(HOME, follow=True)

    assert urlsplit(asked.redirect_chain[-1][0]).path == CODE
    for page in ("promotions_strategy_changelist", "password_change", "search"):
        assert client.get(reverse(f"admin:{page}")).status_code == 302
    assert client.get(reverse("programme")).status_code == 302
    assert client.get(SETUP).status_code == 302
    assert client.post(SETUP, {"do": "off"}).status_code == 302
    assert TOTPDevice.objects.filter(confirmed=True).exists()


def test_the_telephones_code_opens_and_leads_on(
    client: Client, phone: TOTPDevice
) -> None:
    sign_in(client)
    wanted = reverse("admin:promotions_campaign_changelist")
    asked = client.get(wanted, follow=True)
    onward = parse_qs(urlsplit(asked.redirect_chain[-1][0]).query)["next"]
    before = client.session.session_key

    done = client.post(CODE, {"code": shown_by(phone, steps=1), "next": onward[0]})

    assert done["Location"] == wanted
    assert inside(client)
    assert client.session.session_key != before


def test_a_code_leads_to_no_other_site(client: Client, phone: TOTPDevice) -> None:
    sign_in(client)

    done = client.post(
        CODE, {"code": shown_by(phone, steps=1), "next": "https://evil.example/"}
    )

    assert done["Location"] == HOME


def test_a_code_works_once(client: Client, phone: TOTPDevice) -> None:
    code = shown_by(phone, steps=1)
    for browser in (client, again := Client()):
        sign_in(browser)
        browser.post(CODE, {"code": code})

    assert inside(client)
    assert not inside(again)


def test_wrong_codes_make_guessing_slow(client: Client, phone: TOTPDevice) -> None:
    sign_in(client)
    wrong = f"{(int(shown_by(phone)) + 1) % 10**6:06d}"

    first = client.post(CODE, {"code": wrong}).content.decode()
    second = client.post(CODE, {"code": shown_by(phone, steps=1)}).content.decode()

    assert "This code is wrong or was used before" in first
    assert "Too many wrong codes. Try again after" in second
    assert not inside(client)


def test_a_backup_code_works_once(client: Client, protected: list[str]) -> None:
    assert len(set(protected)) == 10
    sign_in(client)
    client.post(CODE, {"code": f" {protected[3].upper()} "})
    assert inside(client)
    assert StaticToken.objects.count() == 9
    again = Client()
    sign_in(again)
    again.post(CODE, {"code": protected[3]})

    assert not inside(again)


def test_backup_codes_are_shown_once(client: Client, protected: list[str]) -> None:
    sign_in(client)
    client.post(CODE, {"code": protected[0]})

    page = client.get(SETUP).content.decode()

    assert "9 backup codes are left." in page
    assert not [code for code in protected if code in page]


def test_the_picture_is_drawn_here_and_kept_by_nobody(
    client: Client, olga: User
) -> None:
    sign_in(client)
    client.post(SETUP, {"do": "begin"})

    page = client.get(SETUP)

    assert "<svg" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    assert not inside_of_others(page.content.decode())


def inside_of_others(html: str) -> list[str]:
    """Return what the page would fetch elsewhere."""
    return [part for part in html.split('"') if part.startswith(("http:", "https:"))]


def test_a_key_that_no_telephone_has_shown_protects_nobody(
    client: Client, olga: User
) -> None:
    sign_in(client)
    client.post(SETUP, {"do": "begin"})
    client.post(SETUP, {"do": "on", "code": "000000"})

    assert inside(client)
    again = Client()
    sign_in(again)
    assert inside(again)


def test_turning_it_on_ends_what_other_sessions_may(client: Client, olga: User) -> None:
    other = Client()
    sign_in(client)
    sign_in(other)
    client.post(SETUP, {"do": "begin"})
    device = TOTPDevice.objects.get(user=olga)
    client.post(SETUP, {"do": "on", "code": shown_by(device)})

    assert inside(client)
    assert not inside(other)


def test_another_telephone_is_not_put_in_its_place_without_a_code(
    client: Client, protected: list[str]
) -> None:
    sign_in(client)
    client.post(CODE, {"code": protected[0]})
    client.post(SETUP, {"do": "begin"})
    client.post(SETUP, {"do": "off", "code": "nonsense"})

    assert TOTPDevice.objects.filter(confirmed=True).count() == 1
    assert not TOTPDevice.objects.filter(confirmed=False).exists()


def test_it_is_turned_off_with_a_code(client: Client, protected: list[str]) -> None:
    sign_in(client)
    client.post(CODE, {"code": protected[0]})
    client.post(SETUP, {"do": "off", "code": protected[1]})

    assert not TOTPDevice.objects.exists()
    assert not StaticToken.objects.exists()
    assert inside(client)
    assert LogEntry.objects.filter(user__username="olga").count() == 2


def test_where_it_is_required_nobody_works_without(
    client: Client, olga: User, settings: Settings
) -> None:
    settings.SECOND_FACTOR = "required"
    sign_in(client)
    asked = client.get(HOME, follow=True)
    assert urlsplit(asked.redirect_chain[-1][0]).path == SETUP
    assert not inside(client)
    client.post(SETUP, {"do": "begin"})
    device = TOTPDevice.objects.get(user=olga)

    page = client.post(SETUP, {"do": "on", "code": shown_by(device)})
    assert inside(client)
    client.post(SETUP, {"do": "off", "code": page.context["codes"][0]})

    assert TOTPDevice.objects.filter(confirmed=True).exists()


def test_a_colleague_takes_a_lost_telephone_away(
    client: Client, phone: TOTPDevice, olga: User
) -> None:
    vera = User.objects.create_superuser("vera", password="x")
    client.force_login(vera)
    body = {"action": "take_away", "_selected_action": olga.pk}
    client.post(reverse("admin:auth_user_changelist"), body)

    browser = Client()
    sign_in(browser)

    assert inside(browser)
    assert LogEntry.objects.get(user=vera).object_id == str(olga.pk)


def test_who_may_change_users_takes_nothing_from_a_superuser(
    client: Client, phone: TOTPDevice, olga: User
) -> None:
    vera = User.objects.create_user("vera", password="x", is_staff=True)
    for name in ("view_user", "change_user"):
        vera.user_permissions.add(Permission.objects.get(codename=name))
    client.force_login(vera)
    body = {"action": "take_away", "_selected_action": olga.pk}

    page = client.post(reverse("admin:auth_user_changelist"), body, follow=True)

    assert "You may not change olga." in page.content.decode()
    assert TOTPDevice.objects.filter(user=olga).exists()


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
