"""Customers' and visitors' keys: find them, make them, link them, undo a link.

What is derived (`person`, `consent`) is written for the whole person at once, from the
links and words as they stand (analytics.persons), so an undone link leaves no trace.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from analytics import clock, events, log_lock, lookup, store
from analytics.models import Customer, Suppressed
from analytics.persons import Member, settle
from analytics.wording import Wording


class NotLinked(Exception):
    """There is no link to undo."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key, and its own last word on consent."""

    key: UUID
    said: bool | None = None
    said_at: datetime | None = None


@dataclass
class People:
    """The keys of a batch by the shop's ids; whoever was erased is missing."""

    customers: dict[str, Known] = field(default_factory=dict)
    visitors: dict[str, Known] = field(default_factory=dict)

    def previous(self, id_: str) -> Known | None:
        """Return whose an id was that an alias gives up: a visitor's, mostly."""
        return self.visitors.get(id_) or self.customers.get(id_)

    def key(self, customer: str | None, visitor: str | None) -> UUID | None:
        """Return whose an event is: the customer's, else the visitor's."""
        # Nothing is linked by that: clients go on sending a visitor's id for whoever is
        # logged in on the device.
        if customer is not None:
            return self.customers[customer].key
        return None if visitor is None else self.visitors[visitor].key


FIND = (
    "SELECT external_id, anonymous_id, key, said, said_at FROM analytics_customer "
    "WHERE external_id = ANY(%s) OR anonymous_id = ANY(%s)"
)
MAKE = (
    "INSERT INTO analytics_customer (key, external_id, anonymous_id, created_at) "
    "SELECT gen_random_uuid(), e, a, %s FROM unnest(%s::text[], %s::text[]) "
    "AS new(e, a) ON CONFLICT DO NOTHING "
    "RETURNING external_id, anonymous_id, key, said, said_at"
)


def identify(
    customers: Iterable[str],
    visitors: Iterable[str] = (),
    previous: Iterable[str] = (),
) -> People:
    """Return the keys by id; new ids get one, unless they were erased.

    A `previous` id is a customer's if there is such a customer, else a visitor's.
    """
    people = People()
    given_up = set(previous)
    # Few batches hold an alias: the others are spared the question.
    rows = Customer.objects.filter(external_id__in=given_up) if given_up else ()
    theirs = {row.external_id or "" for row in rows}
    wanted = set(customers) | theirs, set(visitors) | (given_up - theirs)
    if not any(wanted):
        return people
    _collect(people, *wanted)
    missing = wanted[0] - people.customers.keys(), wanted[1] - people.visitors.keys()
    # Whether somebody was erased is asked of unknown ids alone: others pay nothing for
    # it.
    if any(missing):
        _make(people, *_allowed(*missing, given_up))
    return people


def _collect(people: People, customers: set[str], visitors: set[str]) -> None:
    _add(people, lookup.rows(FIND, [list(customers), list(visitors)]))


def _add(people: People, found: Iterable[tuple[Any, ...]]) -> None:
    for external_id, anonymous_id, key, said, said_at in found:
        if external_id is not None:
            people.customers[external_id] = Known(key, said, said_at)
        else:
            people.visitors[anonymous_id] = Known(key, said, said_at)


def _make(people: People, customers: set[str], visitors: set[str]) -> None:
    if not (customers or visitors):
        return
    # Sorted, so that two batches lock new rows in the same order: no deadlock.
    new = [(id_, None) for id_ in sorted(customers)]
    new += [(None, id_) for id_ in sorted(visitors)]  # type: ignore[misc]
    columns = [list(column) for column in zip(*new, strict=True)]
    _add(people, lookup.rows(MAKE, [clock.now(), *columns]))
    lost = customers - people.customers.keys(), visitors - people.visitors.keys()
    # DO NOTHING has waited for that one's commit, so the next statement sees the rows.
    if any(lost):  # another batch has just made them
        _collect(people, *lost)


def _allowed(
    customers: set[str], visitors: set[str], given_up: set[str]
) -> tuple[set[str], set[str]]:
    """Leave out who was erased; an id given up may have been either's."""
    asked = {("customer", id_) for id_ in customers | given_up}
    asked |= {("visitor", id_) for id_ in visitors}
    digests = {digest(kind, id_): (kind, id_) for kind, id_ in asked}
    gone = Suppressed.objects.filter(digest__in=list(digests))
    erased = {digests[bytes(d)] for d in gone.values_list("digest", flat=True)}
    named = {id_ for kind, id_ in erased if kind == "customer"}
    seen = {id_ for kind, id_ in erased if kind == "visitor"} | (named & given_up)
    return customers - named, visitors - seen


def customers(keys: Sequence[UUID]) -> bool:
    """Say whether somebody of these keys is a customer, not just a visitor."""
    known = Customer.objects.filter(key__in=keys, external_id__isnull=False)
    return bool(keys) and known.exists()


def erased(names: Iterable[str]) -> set[str]:
    """Return which of these ids were erased."""
    kinds = ("customer", "visitor")
    asked = {digest(kind, name): name for name in names for kind in kinds}
    if not asked:
        return set()
    gone = Suppressed.objects.filter(digest__in=list(asked))
    return {asked[bytes(d)] for d in gone.values_list("digest", flat=True)}


def digest(kind: str, id_: str) -> bytes:
    """Return what is kept of an erased id: nobody can tell the id from it."""
    # Keyed: ids are short and countable, a plain hash could be tried out.
    secret = settings.SUPPRESSION_KEY.encode()
    return hmac.digest(secret, f"{kind}:{id_}".encode(), "sha256")


def find(id_: str) -> UUID | None:
    """Return the person's key for a customer's or a visitor's id, if known."""
    row = lookup.row(f"SELECT coalesce(person, key) {WHO}", [id_, id_])
    return row[0] if row else None


WHO = (
    "FROM analytics_customer WHERE external_id = %s OR anonymous_id = %s "
    "ORDER BY external_id IS NULL LIMIT 1"
)
"""A customer's id goes before a visitor's that happens to be the same."""


# By way of the person's root: the key that is given may be any of theirs.
KEYS = (
    "SELECT c.key, c.consent FROM analytics_customer c,"
    " (SELECT coalesce(person, key) AS root FROM analytics_customer WHERE key = %s) p"
    " WHERE (c.key = p.root OR c.person = p.root)"
)


def keys(person: UUID) -> list[UUID]:
    """Return all keys of a person, whichever of them is given."""
    return [key for key, _ in lookup.rows(f"{KEYS} ORDER BY c.key", [person])]


def persons() -> dict[UUID, UUID]:
    """Return whose every key is that is not its own person's."""
    linked = Customer.objects.exclude(person=None).values_list("key", "person")
    return {key: person for key, person in linked if person}


# Each row has its person's consent, so one that may is all that may.
WILLING = (
    "SELECT key FROM (SELECT key, bool_or(coalesce(consent, %s)) OVER () AS may"  # noqa: S608
    f" FROM ({KEYS}) mine) k WHERE may ORDER BY key"
)


def willing(person: UUID) -> list[UUID]:
    """Return all keys of a person, none if offers may not be personal for them."""
    rows = lookup.rows(WILLING, [not settings.CONSENT_REQUIRED, person])
    return [key for (key,) in rows]


def personal() -> Q:
    """Which customers offers may be personal for: see CONSENT_REQUIRED."""
    if settings.CONSENT_REQUIRED:
        return Q(consent=True)
    return Q(consent=None) | Q(consent=True)


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
