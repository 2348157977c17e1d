"""Campaigns as an iCalendar file (RFC 5545), as calendar programs read it. Pure.

An entry's UID is its row's, for ever, so that a program that reads the file again moves
an entry and does not make another. Times are of the entry's own zone, with its rules in
the file. Nobody is busy meanwhile: all is transparent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

PRODUCT = "-//Proffer//Calendar//EN"
EVERY = timedelta(hours=1)
"""So often a program is asked to read it again."""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A span of time, half-open; `about` is what else a calendar shows of it.

    `firm`: decided; else it is tentative. `changed_at`: when it last was.
    """

    uid: str
    title: str
    about: str
    starts_at: datetime
    ends_at: datetime
    zone: str
    firm: bool
    kind: str
    changed_at: datetime
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Day:
    """A whole day that has a name."""

    day: date
    name: str
    kind: str


def written(
    name: str, entries: Iterable[Entry], days: Iterable[Day], *, about: str = ""
) -> bytes:
    """Return the file; the same entries give the same bytes. `about` is of it all."""
    # 0.1 to 0.2 s to load: only who reads a calendar needs it.
    from icalendar import Calendar

    calendar = Calendar()
    for key, value in _head(name):
        calendar.add(key, value)
    for key in ("description", "x-wr-caldesc") if about else ():
        calendar.add(key, about)
    for entry in entries:
        calendar.add_component(_entry(entry))
    for day in days:
        calendar.add_component(_day(day))
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _head(name: str) -> Iterator[tuple[str, Any]]:
    yield "prodid", PRODUCT
    yield "version", "2.0"
    yield "method", "PUBLISH"
    # The name of RFC 7986, and the older one that most programs read.
    yield "name", name
    yield "x-wr-calname", name
    yield "refresh-interval", EVERY
    yield "x-published-ttl", "PT1H"


def _entry(entry: Entry) -> Any:
    from icalendar import Event

    zone = ZoneInfo(entry.zone)
    event = Event()
    event.add("uid", entry.uid)
    event.add("summary", entry.title)
    event.add("description", entry.about)
    event.add("dtstart", _whole(entry.starts_at).astimezone(zone))
    # Rounded up: no entry ends before what it stands for.
    event.add("dtend", _whole(entry.ends_at, up=True).astimezone(zone))
    event.add("status", "CONFIRMED" if entry.firm else "TENTATIVE")
    event.add("transp", "TRANSPARENT")
    event.add("categories", [entry.kind])
    for name in ("dtstamp", "last-modified"):
        event.add(name, _whole(entry.changed_at).astimezone(UTC))
    if entry.link:
        event.add("url", entry.link)
    return event


def _whole(at: datetime, *, up: bool = False) -> datetime:
    """Return a whole second: iCalendar knows no parts of one."""
    whole = at.replace(microsecond=0)
    return whole + SECOND if up and at != whole else whole


def _day(one: Day) -> Any:
    from icalendar import Event

    event = Event()
    # Two days of one name are two entries, one that moves is another.
    told = sha256(f"{one.day} {one.kind} {one.name}".encode()).hexdigest()[:32]
    event.add("uid", f"day-{told}@proffer")
    event.add("summary", one.name)
    event.add("dtstart", one.day)
    event.add("dtend", one.day + timedelta(days=1))
    # RFC 5545 asks for one. Not the clock's: the same days give the same bytes.
    event.add("dtstamp", datetime(one.day.year, 1, 1, tzinfo=UTC))
    event.add("transp", "TRANSPARENT")
    event.add("categories", [one.kind])
    return event
