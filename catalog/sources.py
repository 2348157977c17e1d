"""Sources: market data that are pulled by schedule, each with a row of its state.

What an adapter fetches goes the way of an uploaded file (catalog.intake): rows are
checked one by one, good ones are taken, the others are listed. A source is claimed by
moving its next time ahead: one whose worker was killed is fetched again after that.

Several are fetched side by side, one a host: a slow one holds up no other. Adapters run
in threads and touch no table; all of the state is written by who started them.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Collection
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction

from analytics import clock, races
from catalog import adapters, intake, source_states
from catalog.adapters import Asked, Fetched
from catalog.fetching import Unfetched, Visitor
from catalog.models import Source

SOURCE_LOCK = 7_102_034
"""The advisory lock's key: one process fetches at a time."""
CLAIM = timedelta(minutes=15)
LONGEST = timedelta(minutes=10)
"""So long a source may take; less than its claim lasts, and with it as long as a run
begins others."""
AT_ONCE = 4
EVERY = 5.0
"""Seconds between two looks at what has come due meanwhile."""
TOKENS, HOSTS = "MARKET_TOKEN_", "MARKET_HOST_"
State = Source.State


Running = dict[Future[Fetched | None], Source]


def run(*, wall: Callable[[], datetime] = clock.wall) -> int:
    """Fetch what is due; return how many were tried. 0 if another process is at it."""
    begun, tried = wall(), 0
    running: Running = {}
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="source")
    with races.alone(SOURCE_LOCK) as alone:
        visitor = _visitor()
        while alone:
            for row in _claimed(wall(), running.values(), until=begun + LONGEST):
                running[pool.submit(_fetched, row, visitor)] = row
                tried += 1
            if not running:
                break
            for one in wait(running, EVERY, FIRST_COMPLETED).done:
                _end(running.pop(one), one, wall())
            running = _in_time(running, wall())
    # What does not end although its time is over is waited for by nobody.
    pool.shutdown(wait=False)
    return tried


def fetch_soon(key: int, *, at: datetime) -> None:
    """Have a source fetched with the next run."""
    Source.objects.filter(id=key).update(next_at=at, active=True)


def _visitor() -> Visitor:
    return Visitor(
        agent=settings.MARKET_AGENT,
        private=settings.MARKET_FROM_PRIVATE,
        most=intake.MOST_BYTES,
    )


def _claimed(
    at: datetime, running: Collection[Source], *, until: datetime
) -> list[Source]:
    """Claim what is due, as many as may run beside others, of each host one."""
    busy, found = {_host(row) for row in running}, list[Source]()
    with transaction.atomic():
        due = Source.objects.select_for_update(skip_locked=True)
        rows = due.filter(active=True, next_at__lte=at).order_by("next_at", "id")
        for row in rows if at < until else ():
            if len(busy) >= AT_ONCE:
                break
            if _host(row) not in busy:
                busy.add(_host(row))
                row.state, row.next_at = State.FETCHING, at + CLAIM
                row.save(update_fields=["state", "next_at"])
                found.append(row)
    return found


def _host(row: Source) -> str:
    return urlsplit(row.url).netloc.lower()


def _fetched(row: Source, visitor: Visitor) -> Fetched | None:
    until = time.monotonic() + LONGEST.total_seconds()
    # The copy shares what is known of hosts: their rules, and when they were asked.
    asked = _asked(row, replace(visitor, until=until))
    return adapters.named(row.adapter).fetch(asked)


def _in_time(running: Running, at: datetime) -> Running:
    """Give up on what has not ended when its claim is over; return the others."""
    for row in running.values():
        if row.next_at <= at:
            source_states.failed(row, Unfetched("its adapter did not end"), at)
    return {one: row for one, row in running.items() if row.next_at > at}


def _end(row: Source, one: Future[Fetched | None], at: datetime) -> None:
    """Take what was fetched, or note why nothing was."""
    try:
        _took(row, one.result(), at)
    except (Unfetched, adapters.UnknownAdapter, Unbound, intake.TooMany) as refusal:
        source_states.failed(row, refusal, at)
    except (intake.TooLarge, intake.Empty) as refusal:
        source_states.failed(row, refusal, at)
    except Exception as error:
        # Not its words: they may hold what was sent, the token too.
        source_states.failed(row, Unfetched(type(error).__name__), at)


class Unbound(Exception):
    """The token is not for this host."""


def _asked(row: Source, visitor: Visitor) -> Asked:
    same = row.cached.get("asked") == _fingerprint(row)
    return Asked(
        url=row.url,
        options=row.options,
        token=_token(row),
        cached={k: str(v) for k, v in row.cached.items() if k not in OURS}
        if same
        else {},
        visitor=visitor,
    )


OURS = ("checksum", "asked")
"""What is kept beside an adapter's own words, for us alone."""


def _token(row: Source) -> str:
    """Return the secret that a source's row names, if it is for the source's host.

    Who sets the secret says which host it is for, since others may add sources.

    :raises Unbound: it is for no host, or for another.
    """
    name = row.token.removeprefix(TOKENS)
    # A secret's file ends with a line break, which no header may hold.
    secret = os.environ.get(row.token, "").strip() if name != row.token else ""
    hosts = os.environ.get(HOSTS + name, "").lower().replace(",", " ").split()
    if secret and _host(row) not in hosts:
        raise Unbound(f"{HOSTS}{name} does not name {_host(row)}")
    return secret


def _fingerprint(row: Source) -> str:
    """Return what a row asks for in short: mended options ask for something else."""
    asked = [row.adapter, row.url, row.what, row.token, row.options]
    told = json.dumps(asked, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _took(row: Source, found: Fetched | None, at: datetime) -> None:
    # Together: a checksum that is kept without its file keeps that one out.
    with transaction.atomic():
        changed: dict[str, object] = {"state": State.SAME, "error": "", "failures": 0}
        if found is not None:
            digest = hashlib.sha256(found.body).hexdigest()
            news = {"checksum": digest, "asked": _fingerprint(row)}
            # Both: mended options may make something else of the same file.
            same = news.items() <= row.cached.items()
            changed["cached"] = {**found.cached, **news}
            if not same:
                # Whether it failed is told by who reads the file: source_states.
                changed = {"state": State.TAKEN, "cached": changed["cached"]}
                changed["feed"] = intake.receive(
                    found.name,
                    found.body,
                    what=row.what,
                    options=_options(row),
                    by=row.name,
                    at=clock.now(),
                    wanted=True,
                )
        Source.objects.filter(id=row.id).update(
            next_at=at + timedelta(minutes=row.every_minutes),
            fetched_at=at,
            **changed,
        )


def _options(row: Source) -> dict[str, str]:
    """Return what the file's rows do not say: columns are {field: column}."""
    given = {name: str(text) for name, text in row.options.items() if name != "columns"}
    columns = row.options.get("columns")
    if isinstance(columns, dict):
        given["columns"] = "\n".join(f"{name}={text}" for name, text in columns.items())
    return given
