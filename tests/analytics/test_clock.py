"""In demo mode a secret key moves the clock, and the schedule's tasks follow it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from celery import current_app, shared_task
from celery.schedules import crontab
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, agenda, clock, store
from analytics.models import Checkpoint, Due
from config.celery import AT_ONCE, SENT, TASKS, TIMED
from tests.conftest import Make

MONDAY = datetime(2030, 1, 7, tzinfo=UTC)
did: list[tuple[str, datetime]] = []


@shared_task(ignore_result=True)
def by_night() -> None:
    did.append(("by_night", clock.now()))
    current_app.send_task(follow.name, kwargs={"word": "after"})


@shared_task(ignore_result=True)
def follow(word: str) -> None:
    did.append((word, clock.now()))


@shared_task(ignore_result=True)
def often() -> None:
    did.append(("often", clock.now()))


@shared_task(ignore_result=True)
def broken() -> None:
    raise ValueError("no")


@pytest.fixture
def demo(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Demo mode, with a small schedule."""
    settings.SIMULATED_CLOCK = True
    settings.ROOT_URLCONF = "config.simulated"
    schedule = {
        "night": {"task": by_night.name, "schedule": crontab(hour="3", minute="10")},
        "often": {"task": often.name, "schedule": crontab(minute="*/15")},
    }
    monkeypatch.setitem(current_app.conf, "played", schedule)
    monkeypatch.setitem(current_app.conf, "sent", {follow.name})
    did.clear()
    yield
    did.clear()


def put(api: APIClient, at: datetime, **more: Any) -> Any:
    body = {"now": at.isoformat(), **more}
    return api.put("/api/v1/clock", body, format="json")


def test_the_clock_is_the_systems_and_nobody_can_move_it(api: APIClient) -> None:
    before = timezone.now()

    assert before <= clock.now() <= timezone.now()
    assert api.get("/api/v1/clock").status_code == 404
    assert put(api, MONDAY).status_code == 404
    assert clock.now() < MONDAY


def test_a_clock_that_was_moved_is_not_believed_outside_of_demo_mode(
    demo: None, api: APIClient, settings: Any
) -> None:
    assert put(api, MONDAY, runs="none").status_code == 200
    assert clock.now() == MONDAY

    settings.SIMULATED_CLOCK = False

    assert clock.now() < MONDAY


@pytest.mark.usefixtures("demo", "db")
def test_a_key_needs_the_clocks_scope() -> None:
    client = APIClient()
    others = set(access.SCOPES) - {"clock"}
    key = access.create_key("shop", others)

    assert client.get("/api/v1/clock").status_code == 401
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    answer = put(client, MONDAY)

    assert answer.status_code == 403
    assert answer.json()["code"] == "scope_missing"
    assert clock.now() < MONDAY


@pytest.mark.usefixtures("demo")
def test_the_clock_only_goes_forward(api: APIClient) -> None:
    assert put(api, MONDAY, runs="none").json()["now"] == "2030-01-07T00:00:00Z"

    back = put(api, MONDAY - timedelta(seconds=1))

    assert back.status_code == 409
    assert back.json()["code"] == "clock_backwards"
    assert clock.now() == MONDAY
    assert put(api, MONDAY, runs="none").status_code == 200, "standing still"


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    "body", [{"now": "2030-01-07T00:00:00"}, {"now": "soon"}, {}, {"at": "2030"}]
)
def test_a_move_that_makes_no_sense_is_refused(api: APIClient, body: Any) -> None:
    answer = api.put("/api/v1/clock", body, format="json")

    assert answer.status_code == 400
    assert clock.now() < MONDAY


@pytest.mark.usefixtures("demo")
def test_tasks_run_once_a_day_in_the_order_of_time_each_at_its_moment(
    api: APIClient,
) -> None:
    put(api, MONDAY, runs="none")

    moved = put(api, MONDAY + timedelta(days=2))

    assert moved.status_code == 202
    assert [one["at"] for one in moved.json()["pending"]] == [
        "2030-01-07T03:10:00Z",
        "2030-01-08T00:00:00Z",
        "2030-01-08T03:10:00Z",
        "2030-01-09T00:00:00Z",
    ]
    assert clock.now() == MONDAY, "it moves as the tasks are done"
    assert put(api, MONDAY + timedelta(days=3)).json()["code"] == "clock_busy"
    agenda.play()
    night, day = timedelta(hours=3, minutes=10), timedelta(days=1)
    assert did == [
        ("by_night", MONDAY + night),
        ("after", MONDAY + night),
        ("often", MONDAY + day),
        ("by_night", MONDAY + day + night),
        ("after", MONDAY + day + night),
        ("often", MONDAY + 2 * day),
    ]
    told = api.get("/api/v1/clock").json()
    assert told == {
        "now": "2030-01-09T00:00:00Z",
        "until": "2030-01-09T00:00:00Z",
        "pending": [],
        "failed": [],
    }
    agenda.play()
    assert len(did) == 6, "nothing twice"


@pytest.mark.usefixtures("demo")
def test_a_program_says_how_often_and_what_is_done_instead(api: APIClient) -> None:
    put(api, MONDAY, runs="none")

    week, night = timedelta(days=7), timedelta(days=6, hours=3, minutes=10)

    put(api, MONDAY + week, runs="once", instead={follow.name: None})
    agenda.play()
    assert did == [("by_night", MONDAY + night), ("often", MONDAY + week)]

    did.clear()
    instead = {by_night.name: often.name, often.name: None}
    put(api, MONDAY + 2 * week, runs="once", instead=instead)
    agenda.play()
    assert did == [("often", MONDAY + week + night)]


@pytest.mark.usefixtures("demo")
def test_instead_of_a_task_that_there_is_not_nothing_moves(api: APIClient) -> None:
    put(api, MONDAY, runs="none")
    instead = {"nope": None, by_night.name: None, "analytics.tasks.catch_up": None}

    answer = put(api, MONDAY + timedelta(days=1), instead=instead)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    fields = [one["field"] for one in answer.json()["errors"]]
    assert fields == ["instead.analytics.tasks.catch_up", "instead.nope"]
    assert clock.now() == MONDAY
    assert not Due.objects.exists()


def test_every_task_without_a_moment_of_its_own_can_be_replaced() -> None:
    for module in {name for names in TASKS.values() for name in names}:
        import_module(module)
    ours = tuple(f"{module}." for names in TASKS.values() for module in names)

    tasks = {name for name in current_app.tasks if name.startswith(ours)}

    timed = {entry["task"] for entry in TIMED.values()}
    assert tasks - AT_ONCE == SENT | timed


@pytest.mark.usefixtures("demo")
def test_what_is_asked_for_twice_is_done_once_after_what_lies_between(
    api: APIClient,
) -> None:
    put(api, MONDAY, runs="none")
    for task in (often, by_night, often):
        current_app.send_task(task.name)

    agenda.play()

    assert [name for name, _ in did] == ["by_night", "often", "after"]


@pytest.mark.usefixtures("demo")
def test_a_task_that_fails_is_told_and_holds_up_nothing(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(api, MONDAY, runs="none")
    current_app.send_task(broken.name)
    current_app.send_task("nobody.knows")
    current_app.send_task(often.name)

    agenda.play()

    assert did == [("often", MONDAY)]
    told = api.get("/api/v1/clock").json()
    assert told["pending"] == []
    faults = ["ValueError: no", "There is no such task here."]
    assert [one["error"] for one in told["failed"]] == faults
    put(api, MONDAY + timedelta(minutes=1))
    assert not Due.objects.exists()


@pytest.mark.usefixtures("demo", "db")
def test_before_the_first_move_it_is_the_systems_time() -> None:
    before = timezone.now()
    current_app.send_task(often.name)

    assert before <= clock.now() <= timezone.now()
    agenda.play()
    assert before <= did[0][1] <= clock.now()


@pytest.mark.usefixtures("demo")
def test_events_happen_and_are_counted_in_the_shops_time(api: APIClient) -> None:
    put(api, MONDAY, runs="none")
    view = {"id": "view-1", "type": "product_viewed", "customer": "ana"}
    ahead = {**view, "id": "view-2", "occurred_at": "2030-01-07T01:00:00Z"}
    body = {"events": [{**view, "data": {"sku": "tea"}}, {**ahead, "data": {}}]}

    answer = api.post("/api/v1/events", body, format="json").json()

    assert [one["status"] for one in answer["results"]] == ["accepted", "rejected"]
    [stored] = store.read(until=store.high_water())
    assert stored.occurred_at == stored.recorded_at == MONDAY
    agenda.note(often.name, {})
    agenda.play()
    assert {row.moved_at for row in Checkpoint.objects.all()} == {MONDAY}


@pytest.mark.usefixtures("demo")
def test_a_program_approves_on_the_one_road_and_in_demo_mode_alone(
    api: APIClient,
    proposed: Make,
    settings: Any,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    strategy = proposed()
    path = f"/api/v1/strategies/{strategy.id}/approval"
    why = {"comment": "margin > 0"}
    settings.SIMULATED_CLOCK = False  # the addresses are not there, but if they were
    assert api.post(path, why, format="json").status_code == 404
    settings.SIMULATED_CLOCK = True
    assert api.post(path, {"comment": " "}, format="json").status_code == 409

    with django_capture_on_commit_callbacks(execute=True):
        done = api.post(path, why, format="json").json()

    assert done["state"] == "live"
    assert done["decided_by"] == "test shop (simulated)"
    assert done["comment"] == "margin > 0"
    [asked] = api.get("/api/v1/clock").json()["pending"]
    assert asked["task"] == "promotions.tasks.refresh_offers"
    again = api.post(path, why, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "not_decidable")
