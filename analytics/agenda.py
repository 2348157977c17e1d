"""In demo mode: move the clock, and do what the schedule would have done meanwhile.

`move` writes down which tasks fall due on the way (config/celery.py's crontab entries)
and `play`, a task that beat sends every second, does them one after the other, with the
clock at each one's moment. What tasks and doors send to the worker meanwhile goes on
the same agenda (`note`), so an empty agenda means that all is done. A task's row goes
when it has ended: one whose worker was killed is done again, as from any queue.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, Literal

from celery import current_app
from celery.exceptions import NotRegistered
from celery.schedules import crontab
from django.db import transaction

from analytics import clock, projections, races
from analytics.models import Clock, Due

PLAY_LOCK = 7_102_027
"""The advisory lock's key: one process plays at a time."""
Runs = Literal["daily", "once", "none"]
"""How often each task runs on the way: at its newest moment of each 24 hours, counted
back from where the clock goes; at its newest moment alone; not at all."""
DAY = timedelta(days=1)
NOTHING: Mapping[str, str | None] = {}
log = logging.getLogger(__name__)


class Backwards(Exception):
    """The clock only goes forward: what happened would lie ahead."""


class UnknownTasks(Exception):
    """No task of the schedule, nor one that others send, has these `names`."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class Busy(Exception):
    """The move before is still being played."""


def move(
    to: datetime, *, runs: Runs = "daily", instead: Mapping[str, str | None] = NOTHING
) -> list[Due]:
    """Move the clock, and return what is due on the way, in the order of time.

    With nothing due it stands at `to` at once, else when everything is done. What is a
    key of `instead` is replaced by its value, or left out, also where others send it.

    :raises UnknownTasks: a key of `instead` is no task that could be on the agenda.
    :raises Backwards: `to` lies before the clock.
    :raises Busy: something is still due.
    """
    if unknown := sorted(instead.keys() - _tasks()):
        raise UnknownTasks(unknown)
    with transaction.atomic():
        # The row is the lock: of two moves at once the second finds what the first has
        # due.
        row = _locked()
        if Due.objects.filter(error="").exists():
            raise Busy("What the last move left to do is still being done.")
        if to < row.now:
            raise Backwards(f"The clock only goes forward, and it is {row.now}.")
        # Only those that failed are left, of the move before.
        Due.objects.all().delete()
        due = [
            Due(at=at, task=task)
            for at, meant in scheduled(row.now, to, runs)
            if (task := instead.get(meant, meant))
        ]
        Due.objects.bulk_create(due)
        row.until, row.instead = to, dict(instead)
        if not due:
            row.now = to
        row.save()
    return due


def _tasks() -> set[str]:
    """Return what can be on the agenda."""
    conf = current_app.conf
    return {*conf.sent, *(entry["task"] for entry in conf.played.values())}


def scheduled(
    since: datetime, until: datetime, runs: Runs
) -> list[tuple[datetime, str]]:
    """Return which tasks the schedule runs in (since, until], in the order of time."""
    found = [
        (at, entry["task"])
        for entry in current_app.conf.played.values()
        for at in _moments(entry["schedule"], since, until, runs)
    ]
    return sorted(found)


def note(task: str, kwargs: Mapping[str, Any]) -> None:
    """Put a task on the agenda, due at once, unless this move leaves it out."""
    with transaction.atomic():
        row = Clock.objects.select_for_update().first()
        at, instead = (row.now, row.instead) if row else (clock.wall(), {})
        if task := instead.get(task, task):
            Due.objects.create(at=at, task=task, kwargs=dict(kwargs))


def play() -> None:
    """Do all that is due, oldest first; returns at once while another process is at it.

    A task that fails keeps its row with the error, and the next one runs.
    """
    with races.alone(PLAY_LOCK) as alone:
        if not alone:
            return
        # Asked anew each time: tasks put others on the agenda.
        while due := Due.objects.filter(error="").order_by("at", "id").first():
            _do(due)
        _arrive()


def _do(due: Due) -> None:
    same = Due.objects.filter(at=due.at, task=due.task, kwargs=due.kwargs, error="")
    if same.filter(id__gt=due.id).exists():
        due.delete()  # asked for again since: once will do, after what lies between
        return
    # Never back: what a task sends is due at the moment at which it ran.
    Clock.objects.filter(now__lt=due.at).update(now=due.at)
    while projections.catch_up():  # as every second of a real clock
        pass
    if fault := _fault(due):
        log.error("%s failed: %s", due, fault)
        due.error = fault
        due.save(update_fields=["error"])
    else:
        due.delete()


def _fault(due: Due) -> str:
    """Do it; return what went wrong, if something did."""
    with suppress(ImportError, ValueError):  # a worker loads its own queue's alone
        import_module(due.task.rpartition(".")[0])
    try:
        task = current_app.tasks[due.task]
    except NotRegistered:
        return "There is no such task here."
    # Here, not by the queue: of that nobody can tell when all is done.
    done = task.apply(kwargs=due.kwargs)
    return f"{type(done.result).__name__}: {done.result}" if done.failed() else ""


def _arrive() -> None:
    with transaction.atomic():
        # `note` takes the same lock: nothing comes in between the look and the last
        # move.
        row = Clock.objects.select_for_update().first()
        if row and row.now < row.until and not Due.objects.filter(error="").exists():
            row.now = row.until
            row.save(update_fields=["now"])


def _locked() -> Clock:
    """Lock the clock's row; the first to ask makes it, at the system's time."""
    now = clock.wall()
    # Two may ask first at once: there is one row all the same.
    Clock.objects.bulk_create([Clock(now=now, until=now)], ignore_conflicts=True)
    return Clock.objects.select_for_update().get()


def _moments(
    when: crontab, since: datetime, until: datetime, runs: Runs
) -> Iterator[datetime]:
    if runs == "none":
        return
    end = until
    while (at := _newest(when, since, end)) is not None:
        yield at
        if runs == "once":
            return
        # The newest of the 24 hours before those in which this one lies.
        end = until - ((until - at) // DAY + 1) * DAY


def _newest(when: crontab, since: datetime, until: datetime) -> datetime | None:
    """Return the newest moment of a crontab in (since, until]."""
    day = until.replace(hour=0, minute=0, second=0, microsecond=0)
    while day + DAY > since:
        for moment in _of_day(when, day):
            if since < moment <= until:
                return moment
        day -= DAY
    return None


def _of_day(when: Any, day: datetime) -> Iterator[datetime]:
    """Yield a crontab's moments of a day, newest first."""
    # A crontab's Sunday is 0, Python's 7.
    if day.isoweekday() % 7 not in when.day_of_week:
        return
    if day.day not in when.day_of_month or day.month not in when.month_of_year:
        return
    for hour in sorted(when.hour, reverse=True):
        for minute in sorted(when.minute, reverse=True):
            yield day.replace(hour=hour, minute=minute)
