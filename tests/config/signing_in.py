"""Olga signs in as browsers do; her telephone, and the codes that it shows."""

import time

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

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
