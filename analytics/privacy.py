"""Consent, export and erasure: what a customer may ask of the shop, and the shop of us.

Every table with a column `customer` holds rows of one customer: erasure deletes them,
unless the table says in `ERASED` what to put in their place. A new table needs nothing
more, and a test walks through all of them.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db import connection, models, transaction
from django.db.models import Q

from analytics import events, identity, leaving, log_lock, store
from analytics.models import (
    EVERYBODY,
    Archive,
    Checkpoint,
    Customer,
    Erasure,
    Rejection,
    StoredEvent,
    Suppressed,
)
from analytics.races import anew
from analytics.sent import ids


def erase(who: str | UUID, *, by: str, at: datetime) -> Erasure:
    """Forget a customer or visitor, with every id that is known to be the same person.

    By the shop's id, a customer's and a visitor's alike, or by a key.

    One transaction. What comes later for these ids is refused and not kept, also if
    nobody was known by this id. Archived events follow by a task (analytics.tasks).
    """
    return anew(lambda: _erase(who, by, at))


def _erase(who: str | UUID, by: str, at: datetime) -> Erasure:
    with transaction.atomic():
        _lock_rows(_keys(who))
        log_lock.hold_alone()
        # Asked before the lock and again after it: a link may have joined more keys.
        keys = _keys(who)
        count = leaving.erase(keys)
        customers = Customer.objects.filter(key__in=keys)
        names = {row.name for row in customers}
        if isinstance(who, str):
            names.add(who)
        _suppress(names, at)
        _forget_rejections(names)
        for table in tables():
            _forget_rows(table, keys)
        for table in _owned():
            table._default_manager.filter(owner__in=_owners(names)).delete()
        customers.delete()
        store.append([events.CustomerErased(events=count)], at=at)
        waiting = keys if Archive.objects.exists() else []
        return Erasure.objects.create(erased_at=at, by=by, events=count, keys=waiting)


def export(who: str | UUID) -> dict[str, Any] | None:
    """Return what is held of a customer, for JSON; None for a stranger.

    All but the archived events, which only a worker can read.
    """
    keys = _keys(who)
    people = Customer.objects.filter(key__in=keys).order_by("created_at")
    names = [row.name for row in people] or [str(who)]
    owned = {t._meta.label_lower: _owned_rows(t, names) for t in _owned()}
    if not keys and not any(owned.values()):
        return None
    held = {table._meta.label_lower: _rows(table, keys) for table in tables()}
    return {
        "ids": [
            {
                "customer": c.external_id,
                "anonymous": c.anonymous_id,
                "key": c.key,
                "linked_to": c.linked_to,
                "consent": c.said,
                "consent_at": c.said_at,
                "since": c.created_at,
            }
            for c in people
        ],
        "consent": people[0].consent if people else None,
        "events": list(_events(keys)),
        "held": {name: rows + owned.get(name, []) for name, rows in held.items()},
    }


def tables() -> list[type[models.Model]]:
    """Return the tables that hold rows of single customers, but for the log."""
    return [t for t in apps.get_models() if _has_customer(t) and t is not StoredEvent]


def _owned() -> list[type[models.Model]]:
    """Return those that also hold rows of ids by which nobody is known, hashed."""
    names = {t: {one.name for one in t._meta.get_fields()} for t in tables()}
    return [table for table, fields in names.items() if "owner" in fields]


def _owners(names: Iterable[str]) -> list[str]:
    return [identity.digest("asker", name).hex() for name in names]


def _owned_rows(table: type[models.Model], names: Iterable[str]) -> list[Any]:
    rows = table._default_manager.filter(owner__in=_owners(names))
    return list(rows.order_by("pk").values())


def sweep() -> int:
    """Forget rows that a task under way wrote for somebody erased meanwhile."""
    # By key, not by person: each of a person's keys has a row in Customer.
    alive, swept = Customer.objects.values("key"), 0
    for table in tables():
        # EVERYBODY has no row in Customer, but the best sellers lie under it.
        rows = table._default_manager.exclude(customer=None).exclude(customer=EVERYBODY)
        gone = set(rows.exclude(customer__in=alive).values_list("customer", flat=True))
        _forget_rows(table, list(gone))
        swept += len(gone)
    return swept


def _keys(who: str | UUID) -> list[UUID]:
    if isinstance(who, UUID):
        return identity.keys(who) if Customer.objects.filter(key=who).exists() else []
    named = Customer.objects.filter(Q(external_id=who) | Q(anonymous_id=who))
    found = {key for row in named for key in identity.keys(row.key)}
    return sorted(found)


def _lock_rows(keys: list[UUID]) -> None:
    """Before the log: a redemption has its rows when it comes to write there.

    The checkpoints first, so that no fold is under way that has read these events.
    """
    list(Checkpoint.objects.select_for_update().order_by("projection"))
    # Who replaces a table whole locks it first: wait for them before taking any row.
    names = [connection.ops.quote_name(table._meta.db_table) for table in tables()]
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {', '.join(names)} IN ROW EXCLUSIVE MODE")
    for table in tables():
        rows = table._default_manager.filter(customer__in=keys)
        list(rows.select_for_update().order_by("pk").values_list("pk"))


def _has_customer(table: type[models.Model]) -> bool:
    try:
        field = table._meta.get_field("customer")
    except FieldDoesNotExist:
        return False
    return isinstance(field, models.UUIDField)


def _suppress(names: Iterable[str], at: datetime) -> None:
    """Keep the ids out, as a customer's and as a visitor's."""
    Suppressed.objects.bulk_create(
        [
            Suppressed(digest=identity.digest(kind, name), erased_at=at)
            for name in sorted(names)
            for kind in ("customer", "visitor")
        ],
        ignore_conflicts=True,
    )


def _forget_rows(table: type[models.Model], keys: list[UUID]) -> None:
    rows = table._default_manager.filter(customer__in=keys)
    if replaced := getattr(table, "ERASED", None):
        rows.update(**replaced)
    else:
        rows.delete()


def _forget_rejections(names: set[str]) -> None:
    """Delete what was refused and names one of these ids, however it is written.

    All rows are read: they are few, and go after 30 days.
    """
    words = [_word(name) for name in names if len(name) >= SHORT]
    rows = Rejection.objects.values_list("pk", "body")
    gone = [
        pk
        for pk, body in rows.iterator()
        # Where ids stand any name counts; elsewhere only those that are long enough.
        if names & ids(bytes(body)) or any(w.search(_plain(bytes(body))) for w in words)
    ]
    Rejection.objects.filter(pk__in=gone).delete()


SHORT = 4
"""A shorter id is looked for where ids stand; elsewhere it may be anything."""


def _word(name: str) -> re.Pattern[str]:
    # hh-1 is not in hh-12, nor ann in ann@example.org.
    return re.compile(rf"(?<![\w@-]){re.escape(name)}(?![\w@-])")


def _plain(body: bytes) -> str:
    """Undo what JSON and forms do to text: an id must be seen as it is."""
    text = unquote_plus(body.decode(errors="replace"))
    text = text.replace("\\/", "/")
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), text)


def _events(keys: list[UUID]) -> Iterator[dict[str, Any]]:
    rows = StoredEvent.objects.filter(customer__in=keys).order_by("position")
    names = "id type occurred_at recorded_at original_at sent_at source bot data"
    yield from rows.values(*names.split()).iterator()


def _rows(table: type[models.Model], keys: list[UUID]) -> list[dict[str, Any]]:
    rows = table._default_manager.filter(customer__in=keys).order_by("pk").values()
    return [
        # Amounts as text: a number of JSON may be read as a float.
        {name: str(v) if isinstance(v, Decimal) else v for name, v in row.items()}
        for row in rows
    ]
