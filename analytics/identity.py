"""Customers' and visitors' keys: find them, or make them.

A key is an id's own and stays; whose person it belongs to is told by analytics.links.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from analytics import clock, lookup
from analytics.models import Customer, Suppressed


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
