import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import alerts
from config import services
from promotions import errands, spelling
from promotions.models import Code, CodeBatch, Strategy
from tests.conftest import Make


def ask(api: APIClient, strategy: Strategy, key: str = "", **sent: Any) -> Any:
    return api.post(
        f"/api/v1/strategies/{strategy.id}/code-batches",
        sent,
        format="json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def test_a_batch_is_made_in_the_background_and_says_how_far_it_is(
    api: APIClient,
    by_code: Strategy,
) -> None:
    answer = ask(api, by_code, number=25_000, prefix="TEA-")
    assert answer.status_code == 201
    page = f"/api/v1/code-batches/{answer.json()['id']}"
    assert (api.get(page).json()["state"], Code.objects.count()) == ("waiting", 0)

    errands.make_codes()
    errands.make_codes()  # again makes no more

    body = api.get(page).json()
    assert (body["state"], body["made"]) == ("done", 25_000)
    assert Code.objects.filter(strategy=by_code, most_uses=1).count() == 25_000
    texts = set(Code.objects.values_list("text", flat=True))
    assert len(texts) == 25_000
    for text in list(texts)[:100]:
        random = text.removeprefix("TEA-")
        assert len(random) == body["length"] == spelling.needed(25_000)
        assert set(random) <= set(spelling.ALPHABET)
        assert Code.objects.filter(digest=spelling.digest(text)).exists()


def test_a_batch_that_nobody_makes_is_an_alert(
    api: APIClient, by_code: Strategy
) -> None:
    ask(api, by_code, number=5)

    def late(**later: int) -> bool:
        at = timezone.now() + timedelta(**later)
        return "errands_late" in {one.code for one in alerts.current(at)}

    assert (late(), late(minutes=6)) == (False, True)

    errands.make_codes()
    assert not late(minutes=6)


def test_a_retried_call_asks_for_one_batch(
    api: APIClient,
    by_code: Strategy,
) -> None:
    first = ask(api, by_code, key="k", number=5)
    again = ask(api, by_code, key="k", number=5)
    other = ask(api, by_code, key="k", number=6)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (other.status_code, CodeBatch.objects.count()) == (422, 1)


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"number": 1_000_000, "length": 8}, "length", "at least 9 random"),
        ({"number": 1, "length": 7}, "length", "at least 8 random"),
        ({"number": 10, "prefix": "Ä"}, "prefix", "letters A to Z"),
        ({"number": 5_000_001}, "number", "1 to 5,000,000"),
    ],
)
def test_what_could_be_guessed_is_refused_with_what_is_needed(
    api: APIClient,
    by_code: Strategy,
    sent: dict[str, Any],
    field: str,
    said: str,
) -> None:
    answer = ask(api, by_code, **sent)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert error["field"] == field
    assert said in error["detail"]
    assert not CodeBatch.objects.exists()


def test_earlier_codes_of_a_prefix_are_targets_too(
    api: APIClient,
    by_code: Strategy,
) -> None:
    ask(api, by_code, number=85_000, prefix="X")

    assert ask(api, by_code, number=85_000, prefix="X").json()["length"] == 9
    assert ask(api, by_code, number=85_000, prefix="Y").json()["length"] == 8


def test_a_taken_text_is_drawn_anew(
    by_code: Strategy,
    monkeypatch: pytest.MonkeyPatch,
    api: APIClient,
) -> None:
    noise = iter([bytes(2000), bytes(2000), os.urandom(2000), os.urandom(2000)])
    ask(api, by_code, number=1)
    ask(api, by_code, number=1)
    monkeypatch.setattr("secrets.token_bytes", lambda size: next(noise))

    errands.make_codes()

    assert "2" * 8 in set(Code.objects.values_list("text", flat=True))
    assert Code.objects.count() == 2
    assert set(CodeBatch.objects.values_list("state", flat=True)) == {"done"}


def test_a_prefix_without_free_codes_fails_and_says_so(
    by_code: Strategy,
    monkeypatch: pytest.MonkeyPatch,
    api: APIClient,
) -> None:
    ask(api, by_code, number=2)
    monkeypatch.setattr("secrets.token_bytes", bytes)

    errands.make_codes()

    batch = CodeBatch.objects.get()
    assert (batch.state, batch.made, Code.objects.count()) == ("failed", 0, 0)
    assert "no free codes" in batch.error


WORKER = """
import django
django.setup()
from promotions import errands
errands.make_codes()
"""


@pytest.mark.django_db(transaction=True)
def test_a_batch_survives_workers_that_are_killed_half_way(
    api: APIClient, live: Make
) -> None:
    strategy = live(trigger="code", holdout=0)
    ask(api, strategy, number=50_000)
    url = services.urls(os.environ).database.rpartition("/")[0]
    env = os.environ | {
        "DATABASE_URL": f"{url}/{connection.settings_dict['NAME']}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    killed, last = 0, -1
    while CodeBatch.objects.get().state != "done" and killed < 30:
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=env)
        deadline = time.monotonic() + 60
        while CodeBatch.objects.get().made in (last, 0) and worker.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        worker.wait(20)
        killed += 1
        last = CodeBatch.objects.get().made

    batch = CodeBatch.objects.get()
    assert killed > 2
    assert batch.made == 50_000 == Code.objects.filter(batch=batch).count()
