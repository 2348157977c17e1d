"""What browsers may do on our pages: load from this server, run no inline code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from config import policy, services

CHECK = """
import django; django.setup()
from django.core.management import call_command
call_command("check", "--deploy", "--tag", "security", fail_level="WARNING")
"""
EVENTS = "click|change|input|submit|load|error|focus|blur|key|mouse|pointer|touch"
INLINE = re.compile(
    rf"<script(?![^>]*\ssrc=)[^>]*>|\son(?:{EVENTS})[a-z]*=|javascript:"
)


@pytest.mark.parametrize(
    "address",
    ["/api/v1/schema", "/v1/nonsense", "/static/favicon.svg", "/healthz", "/"],
)
def test_the_policy_is_strict_everywhere(
    client: Client, db: None, address: str
) -> None:
    said = client.get(address)["Content-Security-Policy"]

    assert "default-src 'self'" in said
    assert "unsafe" not in said
    assert "script-src" not in said
    for closed in ("object-src", "frame-ancestors"):
        assert f"{closed} 'none'" in said


def test_what_the_theme_needs_is_allowed_in_the_back_office_alone(
    client: Client, olga: User
) -> None:
    client.force_login(olga)

    said = client.get("/admin/")["Content-Security-Policy"]

    assert "script-src 'self' 'unsafe-eval'" in said
    assert "style-src 'self' 'unsafe-inline'" in said
    assert "unsafe-inline" not in said.replace("style-src 'self' 'unsafe-inline'", "")
    assert said == policy.of("/admin/anything")
    assert "unsafe" not in policy.of("/administration")
    assert policy.of("/") == policy.of("/shop/") != said


def test_the_apis_viewer_runs_no_inline_script(client: Client, db: None) -> None:
    said = client.get("/api/v1/docs")["Content-Security-Policy"]

    assert "worker-src 'self' blob:" in said
    assert "script-src" not in said
    assert "blob:" not in policy.of("/admin/")


@pytest.mark.parametrize(
    "page",
    [
        *services.ROOT.glob("templates/**/*.html"),
        *services.ROOT.glob("ml/templates/**/*.html"),
        *services.ROOT.glob("demo/templates/**/*.html"),
    ],
    ids=lambda path: str(path.relative_to(services.ROOT)),
)
def test_no_template_holds_inline_code(page: Path) -> None:
    assert not INLINE.findall(page.read_text())


def test_djangos_check_of_a_deployment_finds_nothing() -> None:
    production = {
        "DEBUG": "false",
        "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyz-0123456789-ABCDEF",
        "ALLOWED_HOSTS": "promotions.example.org",
        "SUPPRESSION_KEY": "another-one",
        "TRUST_PROXY": "true",
        "HSTS_SECONDS": "31536000",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }

    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=services.ROOT,
        env=os.environ | production,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


def test_plain_http_is_sent_to_tls_where_a_proxy_tells(
    client: Client, db: None, settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    plain = client.get("/admin/login/")
    safe = client.get("/admin/login/", headers={"X-Forwarded-Proto": "https"})

    assert plain["Location"] == "https://testserver/admin/login/"
    assert safe.status_code == 200
    assert client.get("/healthz").status_code == 200  # probes speak plain HTTP
