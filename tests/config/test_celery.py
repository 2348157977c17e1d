"""Each queue's worker knows its tasks, and only who trains holds what that needs."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psutil
import pytest
from django.db import connection
from rest_framework.test import APIClient

from config import celery, processes, services
from promotions.models import CodeBatch, Strategy

HEAVY = ("sklearn", "scipy", "pandas", "polars", "tensorflow", "keras", "implicit")


def queue_of(task: str) -> str:
    return str(celery.app.amqp.router.route({}, task)["queue"].name)


@pytest.mark.parametrize("entry", celery.app.conf.beat_schedule.values())
def test_every_scheduled_task_is_known_where_it_is_sent(entry: dict[str, Any]) -> None:
    queue = queue_of(entry["task"])
    modules = celery.TASKS[queue]

    for module in modules:
        import_module(module)
    assert celery.app.tasks[entry["task"]].__module__ in modules
    assert any(
        ("--queues", queue) in pairwise(command)
        or (queue == "celery" and "worker" in command and "--queues" not in command)
        for command in processes.commands("127.0.0.1", 8000).values()
    )


def test_what_must_not_wait_for_a_training_has_a_queue_of_its_own() -> None:
    names = ("send_webhooks", "make_codes", "expire_reservations")
    for name in names:
        assert queue_of(f"promotions.errands.{name}") == "errands"
    assert queue_of("ml.tasks.retrain") == "celery"


def test_prices_begin_and_end_whatever_is_imported() -> None:
    queue = queue_of("promotions.errands.roll_prices")
    others = {
        queue_of(task)
        for task in ("catalog.tasks.take_files", "catalog.tasks.fetch_sources")
    }
    assert queue == "prices"
    assert queue not in others


@contextmanager
def worker(name: str) -> Iterator[psutil.Process]:
    """Start one of the workers, as `make run` does, on the tests' database."""
    database = services.urls(os.environ).database.rpartition("/")[0]
    env = os.environ | {
        "DATABASE_URL": f"{database}/{connection.settings_dict['NAME']}"
    }
    child = subprocess.Popen(processes.commands("127.0.0.1", 0)[name], env=env)
    try:
        yield psutil.Process(child.pid)
    finally:
        child.terminate()
        child.wait(30)


@pytest.mark.skipif(sys.platform != "linux", reason="reads what a process has loaded")
@pytest.mark.usefixtures("shelf")
@pytest.mark.django_db(transaction=True)
def test_codes_are_made_with_no_other_worker_about_and_no_learning_library_loaded(
    api: APIClient, by_code: Strategy
) -> None:
    api.post(
        f"/api/v1/strategies/{by_code.id}/code-batches",
        {"number": 10},
        format="json",
        headers={"Idempotency-Key": str(uuid4())},
    )
    celery.app.send_task("promotions.errands.make_codes")

    with worker("errands") as errands:
        deadline = time.monotonic() + 60
        while CodeBatch.objects.get().state != "done":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        loaded = {
            part for file in errands.memory_maps() for part in file.path.split("/")
        }
        inside = [errands, *errands.children(recursive=True)]

    assert len(inside) == 1
    assert "psycopg_binary" in loaded
    assert not loaded & set(HEAVY)


def test_in_demo_mode_beat_leaves_what_has_a_time_of_day_to_the_moved_clock() -> None:
    ask = "from config import celery; print(*celery.app.conf.beat_schedule)"
    asked = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=services.ROOT,
        env=os.environ | {"SIMULATED_CLOCK": "true"},
        capture_output=True,
        text=True,
        check=True,
    )

    usual = celery.app.conf.beat_schedule
    assert usual == celery.TIMED | celery.CONSTANT
    assert "models retrain" in celery.TIMED
    assert asked.stdout.split() == " ".join([*celery.CONSTANT, *celery.PLAY]).split()
