"""Whose keys are one person's: links made, undone and settled, and words on consent.

What is derived (`person`, `consent`) is written for the whole person at once, from the
links and words as they stand (analytics.persons), so an undone link leaves no trace.
"""

from collections.abc import Iterable, Mapping, Set
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from analytics import events, log_lock, store
from analytics.models import Customer
from analytics.persons import Member, settle
from analytics.wording import Wording


class NotLinked(Exception):
    """There is no link to undo."""


Happened = tuple[UUID, events.Event, datetime]
"""Whom an event is about, the event, and when it happened."""


def hold(happened: Iterable[Happened]) -> None:
    """Lock the people whom events are about, before they are appended and applied.

    Else two batches at once could be applied in another order than the log has.
    """
    keys: set[UUID] = set()
    for key, event, _ in happened:
        keys |= {key, *_others(event)}
    if keys:
        _hold(keys)


def _others(event: events.Event) -> set[UUID]:
    match event:
        case events.CustomerIdentified(anonymous=other) if other:
            return {other}
        case events.CustomerAliased(previous=other) if other:
            return {other}
        case _:
            return set()


def apply(happened: Iterable[Happened]) -> None:
    """Do what events about identity and consent say, in the order of the log.

    The people are held.
    """
    for key, event, at in happened:
        match event:
            case events.CustomerIdentified(anonymous=visitor) if visitor:
                _link(visitor, key)
            case events.CustomerAliased(previous=previous) if previous:
                _link(previous, key)
            case events.ConsentChanged(personalised=said):
                _say(key, at, said=said)
            case events.IdentityUnlinked():
                _unlink(key)
            case _:
                pass


def unlink(key: UUID, *, by: str, at: datetime) -> None:
    """Undo the link of a key: both go their own ways, as if it had never been.

    The same link is not made again by the client's next call.

    :raises NotLinked: the key is linked to nobody.
    """
    with transaction.atomic():
        log_lock.hold()
        _hold({key})
        customer = Customer.objects.filter(key=key).first()
        if customer is None or customer.linked_to is None:
            raise NotLinked(Wording("This id is linked to nobody."))
        undone = events.IdentityUnlinked(target=customer.linked_to, by=by)
        apply([(key, undone, at)])
        store.append([undone], at=at, customer=key)


def _link(key: UUID, target: UUID) -> None:
    """The first link of a key counts: a shared device is not everybody's."""
    if key == target:
        return
    rows = {row.key: row for row in _people((key, target))}
    mine, other = rows.get(key), rows.get(target)
    if mine is None or other is None or mine.linked_to or mine.split_from == target:
        return
    # One person by another way already: a link more would only close a circle.
    if (mine.person or key) == (other.person or target):
        return
    mine.linked_to = target
    _settle(rows.values())


def _unlink(key: UUID) -> None:
    rows = {row.key: row for row in _people((key,))}
    mine = rows[key]
    mine.split_from, mine.linked_to = mine.linked_to, None
    _settle(rows.values())


def _say(key: UUID, at: datetime, *, said: bool) -> None:
    rows = {row.key: row for row in _people((key,))}
    mine = rows.get(key)
    # By when it was said, not by when it came: an old word may come late.
    if mine is None or (mine.said_at is not None and mine.said_at > at):
        return
    mine.said, mine.said_at = said, at
    _settle(rows.values())


def _hold(some: Set[UUID]) -> None:
    """Lock these keys' persons whole, in one order, until the transaction ends.

    Those whom we waited for may have joined other people meanwhile. Then all is let go
    and locked anew: what is locked late, out of order, ends in a deadlock.
    """
    while True:
        # Rolling back to it gives the rows' locks up, but not the transaction.
        mark = transaction.savepoint()
        held = {row.key for row in _people(some).select_for_update()}
        if held == set(_people(some).values_list("key", flat=True)):
            transaction.savepoint_commit(mark)
            return
        transaction.savepoint_rollback(mark)


def _people(some: Iterable[UUID]) -> QuerySet[Customer]:
    """Return the rows of these keys' persons, by key."""
    known = Customer.objects.filter(key__in=list(some)).values_list("key", "person")
    roots = [person or key for key, person in known]
    people = Customer.objects.filter(Q(key__in=roots) | Q(person__in=roots))
    return people.order_by("key")


def _settle(rows: Iterable[Customer]) -> None:
    people = list(rows)
    settled: Mapping[UUID, Any] = settle(
        Member(key=r.key, linked_to=r.linked_to, said=r.said, said_at=r.said_at)
        for r in people
    )
    for row in people:
        row.person, row.consent = settled[row.key].person, settled[row.key].consent
    fields = ["linked_to", "split_from", "said", "said_at", "person", "consent"]
    Customer.objects.bulk_update(people, fields)
