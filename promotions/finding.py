"""Find a person by any id that they may read out: theirs, an order's, a code's, ours.

What a shop's agent types is what a customer says. An id in full leads to the person at
once; the beginning of a customer's id gives a list to choose from.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics.models import Assignment, Customer, StoredEvent
from analytics.sent import event_id
from promotions.models import Code, Offer, Redemption, Reservation
from promotions.spelling import digest

MOST = 10
SHORTEST = 2
"""Letters from which the beginning of an id is looked for."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Somebody, and which of the ids it was."""

    customer: Customer
    how: Any


def people(text: str) -> list[Hit]:
    """Return who may be meant, each once; a sure hit is the only one."""
    asked = text.strip()
    if not asked or "\0" in asked:
        return []
    for how, find in SURE:
        if hits := _hits(find(asked), how):
            return hits
    if len(asked) < SHORTEST:
        return []
    # Each as an index has it: case is usually all one, and tables are long.
    ways = {asked, asked.lower(), asked.upper(), asked.capitalize()}
    begins = reduce(or_, (Q(external_id__startswith=one) for one in ways))
    rows = Customer.objects.filter(begins).order_by("external_id")[:MOST]
    return [Hit(customer=row, how=_("begins like that")) for row in rows]


def _hits(keys: Iterable[UUID | None], how: Any) -> list[Hit]:
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return []
    rows = Customer.objects.filter(key__in=wanted).order_by("external_id", "key")
    return [Hit(customer=row, how=how) for row in rows[:MOST]]


def _named(asked: str) -> Iterator[UUID]:
    """A customer's id goes before a visitor's that is the same."""
    for field in ("external_id", "anonymous_id"):
        rows = Customer.objects.filter(**{field: asked})
        if key := rows.values_list("key", flat=True).first():
            yield key
            return


def _by_key(asked: str) -> Sequence[UUID | None]:
    """Ours: the key of a person, an offer, a redemption or a reservation."""
    try:
        key = UUID(asked)
    except ValueError:
        return []
    for rows in (
        Customer.objects.filter(key=key).values_list("key", flat=True),
        Offer.objects.filter(id=key).values_list("customer", flat=True),
        Assignment.objects.filter(offer=key).values_list("customer", flat=True),
        Redemption.objects.filter(id=key).values_list("customer", flat=True),
        Reservation.objects.filter(id=key).values_list("customer", flat=True),
    ):
        if found := list(rows[:MOST]):
            return found
    return []


def _ordered(asked: str) -> Iterable[UUID | None]:
    """An order's number, if it used a promotion or came from a file; an event's id."""
    used = Redemption.objects.filter(order_id=asked).values_list("customer", flat=True)
    # Apart, since each has an index of its own.
    standing, gone = used.filter(rolled_back_at=None), used.exclude(rolled_back_at=None)
    if found := list(standing[:MOST]) or list(gone[:MOST]):
        return found
    ids = [event_id(asked), event_id(f"order-{asked}")]
    return StoredEvent.objects.filter(id__in=ids).values_list("customer", flat=True)


def _coded(asked: str) -> Sequence[UUID | None]:
    """A code that is one person's, or that was used."""
    code = Code.objects.filter(digest=digest(asked)).first()
    if code is None:
        return []
    if code.customer:
        return [code.customer]
    used = Redemption.objects.filter(code=code.id).order_by("-redeemed_at")
    return list(used.values_list("customer", flat=True)[:MOST])


Find = Callable[[str], Iterable[UUID | None]]
SURE: Sequence[tuple[Any, Find]] = (
    (_("the id"), _named),
    (_("a key of ours"), _by_key),
    (_("an order or event"), _ordered),
    (_("a code"), _coded),
)
