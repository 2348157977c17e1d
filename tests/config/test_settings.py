import os
import subprocess
import sys

import pytest
from django.test import Client

from config import services


def setting(name: str, **environment: str) -> str:
    """Return a setting as a process with this environment reads it."""
    asked = subprocess.run(
        [sys.executable, "-c", f"from config import settings; print(settings.{name})"],
        cwd=services.ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


@pytest.mark.parametrize("path", ["/healthz", "/admin/login/"])
def test_a_client_cannot_claim_to_have_come_by_tls(
    client: Client, db: None, path: str
) -> None:
    answer = client.get(path, headers={"X-Forwarded-Proto": "https"})

    assert not answer.wsgi_request.is_secure()


def test_a_proxy_is_believed_where_it_is_trusted() -> None:
    header = setting("SECURE_PROXY_SSL_HEADER", TRUST_PROXY="true")

    assert header == "('HTTP_X_FORWARDED_PROTO', 'https')"


def test_browsers_are_told_to_insist_on_tls_only_where_it_is_asked_for() -> None:
    assert setting("SECURE_HSTS_SECONDS") == "0"
    assert setting("SECURE_HSTS_SECONDS", HSTS_SECONDS="3600") == "3600"


@pytest.mark.parametrize("name", ["DISCOUNT_ROUNDING", "COMBINATION_OBJECTIVE"])
def test_a_word_that_a_setting_does_not_know_stops_the_start(name: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setting(name, **{name: "upwards"})

    assert f"{name} must be one of" in refused.value.stderr


def test_the_words_that_a_setting_knows_are_taken() -> None:
    assert setting("DISCOUNT_ROUNDING", DISCOUNT_ROUNDING="half_even") == "half_even"
    assert setting("COMBINATION_OBJECTIVE") == "customer"


def test_time_is_the_systems_unless_a_laptop_asks_for_another() -> None:
    assert setting("SIMULATED_CLOCK") == "False"
    assert setting("ROOT_URLCONF") == "config.urls"
    assert setting("ROOT_URLCONF", SIMULATED_CLOCK="true") == "config.simulated"
    assert setting("SIMULATED_CLOCK", SIMULATED_CLOCK="true", DEBUG="true") == "True"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setting("DEBUG", SIMULATED_CLOCK="true", DEBUG="false", SECRET_KEY="x")

    assert "SIMULATED_CLOCK is for a laptop" in refused.value.stderr


def test_the_demo_shop_is_never_part_of_production() -> None:
    production = {"DEBUG": "false", "SECRET_KEY": "x"}

    assert setting("STOREFRONT") == "True"
    assert setting("STOREFRONT", **production) == "False"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        setting("STOREFRONT", STOREFRONT="true", **production)

    assert "STOREFRONT is for a laptop" in refused.value.stderr


def test_without_the_demo_shop_the_back_office_names_none() -> None:
    asked = """
import django; django.setup()
from django.urls import NoReverseMatch, reverse
from config.settings import UNFOLD
links = [item["title"] for group in UNFOLD["SIDEBAR"]["navigation"]
         for item in group["items"]]
try: reverse("storefront")
except NoReverseMatch: print("Demo shop" in links)
"""
    told = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=services.ROOT,
        env=os.environ
        | {"DEBUG": "false", "SECRET_KEY": "x", "STOREFRONT": "false"}
        | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == "False\n"
