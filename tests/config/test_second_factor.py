"""A second factor: set up, asked for, guessed at, lost, taken away."""

from urllib.parse import parse_qs, urlsplit

from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django.fixtures import Settings

from tests.config.signing_in import (
    CODE,
    HOME,
    SETUP,
    inside,
    phone,
    protected,
    shown_by,
    sign_in,
)

__all__ = ["phone", "protected"]


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
