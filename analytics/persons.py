"""Who is who: several keys may be one person's, and the last word on consent counts.

Links are kept as they were made and everything else follows from them, so that a wrong
link can be undone. Ids that clients send when they have none are nobody's: one profile
of all the world's `undefined` could never be taken apart again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

NOBODY = frozenset(
    (
        *(
            "",
            "0",
            "-1",
            "[]",
            "{}",
            "[object object]",
            "(none)",
            "(not set)",
            "(null)",
        ),
        *("anonymous", "distinct_id", "distinctid", "email", "false", "guest", "id"),
        *("n/a", "nan", "nil", "none", "not_authenticated", "null", "true"),
        *("undefined", "unknown", "00000000-0000-0000-0000-000000000000"),
    )
)
"""In lower case. PostHog keeps such a list, after profiles that grew without end."""


def nobody(id_: str) -> bool:
    """Say whether an id stands for "I have none"."""
    return id_.strip().casefold() in NOBODY


@dataclass(frozen=True, kw_only=True)
class Member:
    """One key of a person: the key that it became, and its own word on consent."""

    key: UUID
    linked_to: UUID | None = None
    said: bool | None = None
    said_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What follows for a key: whose it is (None: its own), and that one's consent."""

    person: UUID | None
    consent: bool | None


def settle(members: Iterable[Member]) -> dict[UUID, Settled]:
    """Say for each key who the person is and what the person's last word was."""
    by_key = {member.key: member for member in members}
    roots = {key: _root(key, by_key) for key in by_key}
    said: dict[UUID, Member] = {}
    for member in by_key.values():
        if member.said_at is None:
            continue
        last = said.get(roots[member.key])
        if last is None or _word(last) < _word(member):
            said[roots[member.key]] = member
    return {
        key: Settled(
            person=None if root == key else root,
            consent=said[root].said if root in said else None,
        )
        for key, root in roots.items()
    }


def _word(member: Member) -> tuple[Any, bool]:
    """Order words by time; of two at once, "no" is the last."""
    return member.said_at, member.said is False


def _root(key: UUID, by_key: dict[UUID, Member]) -> UUID:
    """Follow the links to their end; of a circle, to its least key."""
    way = [key]
    while (target := by_key[way[-1]].linked_to) in by_key and target is not None:
        # Its least key, whoever is asked: all members must name the same person.
        if target in way:
            return min(way[way.index(target) :])
        way.append(target)
    return way[-1]
