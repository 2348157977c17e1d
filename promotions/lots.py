"""Whose lot a person draws, and what they drew before: by the key that came first.

A person may have several keys; the one that a strategy assigned first draws for all of
them, so nobody's arm changes by logging in. The lot is a hash of what the shop calls
that key (promotions.arms).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db.models.functions import Coalesce

from analytics import glances, lookup
from promotions.models import Strategy

Units = dict[tuple[UUID, UUID], UUID]
"""(person, strategy) -> the key that was assigned first, and so draws the lots."""


@dataclass(frozen=True, kw_only=True)
class People:
    """What is known of people, by key, for their lots: see promotions.arms."""

    units: Units
    drawn: Mapping[tuple[UUID, UUID], tuple[str, float]]
    names: Mapping[UUID, str]
    segments: Mapping[UUID, str]


def people(
    persons: Mapping[UUID, UUID],
    live: Sequence[Strategy],
    *,
    of: Collection[UUID] | None = None,
) -> People:
    """Return what is known of everybody, or of these keys: all that these people have.

    `persons` says whose each key is that is not its own person's, of the same people.
    """
    told: list[Any] = [] if of is None else [list(of)]
    asked = CALLED if of is None else f"{CALLED} WHERE c.key = ANY(%s)"
    # One person's is asked at their first GET (promotions.arrivals), so it is prepared.
    rows = lookup.rows(asked, told, prepare=of is not None)
    return People(
        units=_units(persons, live),
        drawn=_drawn(live, of),
        names={key: name for key, name, _ in rows},
        segments={key: segment for key, _, segment in rows if segment is not None},
    )


CALLED = (
    "SELECT c.key, coalesce(c.external_id, c.anonymous_id), p.segment"
    " FROM analytics_customer c LEFT JOIN ml_customerprofile p ON p.customer = c.key"
)
NAME = Coalesce("external_id", "anonymous_id")
DRAWN = (
    "SELECT a.customer, a.strategy, a.variant, a.probability"
    " FROM analytics_assignment a WHERE a.strategy = ANY(%s) AND a.arm = 'treatment'"
    " AND NOT EXISTS (SELECT FROM promotions_offer o WHERE o.id = a.offer)"
    "{of} ORDER BY a.position DESC"
)


def _drawn(
    live: Sequence[Strategy], of: Collection[UUID] | None
) -> dict[tuple[UUID, UUID], tuple[str, float]]:
    """Return what was drawn before by who has no such offer now, and the chance of it.

    By (key, strategy). Whoever has the offer keeps its variant with it.
    """
    told: list[Any] = [[one.id for one in live]]
    asked = DRAWN.format(of="" if of is None else " AND a.customer = ANY(%s)")
    told += [] if of is None else [list(of)]
    rows = lookup.rows(asked, told, prepare=of is not None)
    # The newest first: what a key drew first is the last one written, and stays.
    return {(key, strategy): (*variant,) for key, strategy, *variant in rows}


def _units(persons: Mapping[UUID, UUID], live: Sequence[Strategy]) -> Units:
    """Say for people with several keys by which of them they were first assigned.

    So nobody's arm changes by logging in.
    """
    keys = {key: key for key in persons.values()} | dict(persons)
    ids = {assigned(s.id, key): (keys[key], s.id, key) for s in live for key in keys}
    units: Units = {}
    places = glances.positions(ids)
    # By their places in the log: the first assignment draws for the person.
    for id_ in sorted(places, key=places.__getitem__):
        person, strategy, key = ids[id_]
        units.setdefault((person, strategy), key)
    return units


def assigned(strategy: UUID, unit: UUID) -> UUID:
    # The event's id: the log takes one once, so a refresh may run any
    # number of times (decision 9).
    return uuid5(strategy, f"assigned {unit}")
