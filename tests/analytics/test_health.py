from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from analytics import health, store, tasks
from tests.analytics.conftest import viewed


@pytest.fixture(autouse=True)
def _no_heartbeat() -> Iterator[None]:
    cache.delete("heartbeat")
    yield
    cache.delete("heartbeat")


def test_alive_is_the_process_alone(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_ready_when_everything_is_well(client: Client) -> None:
    tasks.heartbeat()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert set(answer.json()["checks"].values()) == {"ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("age", [None, timedelta(seconds=90)])
def test_not_ready_without_a_heartbeat(client: Client, age: timedelta | None) -> None:
    if age:
        cache.set("heartbeat", (timezone.now() - age).isoformat())

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {
        "ready": False,
        "checks": {
            "database": "ok",
            "cache": "ok",
            "worker": "no worker or no beat: offers are not refreshed",
            "projections": "ok",
        },
        "notes": {"clock": "ok", "models": "ok"},
    }


@pytest.mark.django_db
def test_not_ready_when_projections_fall_behind(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.heartbeat()
    store.append_new([viewed()])
    tasks.catch_up()
    store.append_new([viewed(), viewed()])
    monkeypatch.setattr(health, "MOST_LAG", 2)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["projections"] == "2 positions behind"


@pytest.mark.django_db
def test_a_check_that_raises_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise ConnectionError("redis://:secret@host")

    monkeypatch.setitem(health.CHECKS, "cache", fail)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["cache"] == "ConnectionError"
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db
def test_prometheus_reads_lag_and_heartbeat(client: Client) -> None:
    tasks.heartbeat()
    store.append_new([viewed()])
    tasks.catch_up()
    store.append_new([viewed(), viewed()])

    answer = client.get("/metrics")

    assert answer["Content-Type"].startswith("text/plain")
    text = answer.content.decode()
    assert 'proffer_projection_lag{projection="customers"} 2.0' in text
    assert 'proffer_projection_lag{projection="days"} 2.0' in text
    [age] = [x for x in text.splitlines() if x.startswith("proffer_heartbeat_age")]
    assert 0 <= float(age.split()[1]) < 30
