"""The web server as it really starts: nothing of the tests' own set-up helps it."""

import os
import re
import signal
from collections.abc import Iterator
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import psutil
import pytest
import redis
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from config import services
from ml.models import TrainingRun
from promotions.models import Strategy
from tests import serving
from tests.conftest import Make


@pytest.fixture
def address(transactional_db: None) -> Iterator[str]:
    """A granian of its own on the test's database; yields its address."""
    with serving.granian() as url:
        yield url


@pytest.fixture
def browser(address: str, olga: User) -> OpenerDirector:
    """A browser in which olga has signed in."""
    opened = build_opener(HTTPCookieProcessor(CookieJar()))
    fields = {"username": "olga", "password": "secret"}
    post(opened, f"{address}/admin/login/?next=/admin/", fields)
    return opened


def post(
    browser: OpenerDirector, page: str, fields: dict[str, str], to: str = ""
) -> str:
    """Fill in the page's form and send it, as a browser would; return what follows."""
    form = browser.open(page).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token
    body = urlencode(fields | {"csrfmiddlewaretoken": token[1]}).encode()
    return str(browser.open(to or page, body).read().decode())


def queued() -> Any:
    broker = services.urls(os.environ).broker
    path = broker.removeprefix("redis+socket://").partition("?")[0]
    with redis.Redis(unix_socket_path=path, db=0) as link:
        return link.lrange("celery", 0, -1)


def approve(browser: OpenerDirector, address: str, strategy: Strategy) -> str:
    page = reverse("admin:promotions_strategy_change", args=[strategy.pk])
    to = reverse("admin:promotions_strategy_decide", args=["approve", strategy.pk])
    return post(browser, address + page, {"comment": "Good."}, address + to)


def test_an_approval_in_the_browser_reaches_the_workers_queue(
    browser: OpenerDirector, address: str, proposed: Make
) -> None:
    strategy, before = proposed(), len(queued())

    shown = approve(browser, address, strategy)

    assert "Your decision is in the log." in shown
    strategy.refresh_from_db()
    assert strategy.state == "live"
    assert len(queued()) == before + 1
    assert b"promotions.tasks.refresh_offers" in queued()[0]


def test_retrain_now_reaches_the_workers_queue(
    browser: OpenerDirector, address: str
) -> None:
    before = len(queued())
    listed = browser.open(f"{address}/admin/ml/trainingrun/").read().decode()
    found = re.search(r'"(/admin/ml/trainingrun/[a-z-]*retrain[a-z-]*/?)"', listed)
    assert found, "no Retrain now on the page"

    post(browser, address + found[1], {"_form_submitted": "on"})

    assert TrainingRun.objects.count() == 1
    assert len(queued()) == before + 1
    assert b"ml.tasks.retrain" in queued()[0]


def test_no_admin_page_fails_once_the_database_is_back(
    browser: OpenerDirector, address: str
) -> None:
    for _ in range(6):  # each of the two processes holds a connection
        browser.open(f"{address}/admin/")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchone()[0] >= 1

    answers = [browser.open(f"{address}/admin/").status for _ in range(6)]
    assert answers == [200] * 6


def test_killed_web_processes_are_replaced(address: str) -> None:
    port = str(urlsplit(address).port)
    [server] = [p for p in psutil.Process().children() if port in p.cmdline()]
    killed = server.children()
    for process in killed:
        process.kill()
    psutil.wait_procs(killed, timeout=10)

    serving.wait_for(f"{address}/healthz")

    assert server.is_running()
    assert len(server.children()) == len(killed)
    assert set(server.children()).isdisjoint(killed)
    os.killpg(server.pid, signal.SIGKILL)  # one may still start: it would not hear
