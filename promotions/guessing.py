"""Whoever enters many wrong codes waits: no code is looked up for them meanwhile.

Different wrong codes are counted by who enters them, a customer and a visitor of an API
key, within a window; the same wrong code in a cart that is priced again counts once.
Guests of whom the shop says nothing share one count, which is larger. The counts are in
the cache under keyed hashes of the names; without the cache nobody waits, and carts are
priced as ever.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from uuid import UUID

import redis
from django.core.cache import cache
from django.db.models import F
from django.utils.crypto import salted_hmac

from promotions import spelling
from promotions.models import Guesser

WINDOW = 600
PAUSE = 900
"""Seconds: ten wrong codes in ten minutes, then a quarter of an hour without any."""
MOST = {"customer": 10, "visitor": 10, "guests": 1000}
MOST_KEPT = 1000
SALT = "promotions.guessing"
UNREACHABLE = (redis.RedisError, OSError)
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Name:
    """Somebody who enters codes, as a keyed hash."""

    kind: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who enters a cart's codes: `key` is the API key's name."""

    key: str
    names: Sequence[Name]


def asker(
    key: UUID, key_name: str, *, customer: str | None, visitor: str | None
) -> Asker:
    """Return who enters codes: a customer, a visitor, both, or one of the guests."""
    said = {"customer": customer, "visitor": visitor}
    named = [(kind, name) for kind, name in said.items() if name]
    names = [
        # With the key: what another shop calls by the same id is somebody else.
        Name(kind=kind, digest=_hash(str(key), kind, name))
        for kind, name in named or [("guests", "")]
    ]
    return Asker(key=key_name, names=names)


def pause(who: Asker, *, at: datetime) -> int:
    """Return for how many seconds no code of theirs is looked up."""
    try:
        # One trip, however many names somebody has: each cart with a code asks.
        ends = cache.get_many([_key(name, "until") for name in who.names])
    except UNREACHABLE as error:
        log.warning("wrong codes are not counted: %s", type(error).__name__)
        return 0
    return max(0, ceil(max(ends.values(), default=0) - at.timestamp()))


def note(who: Asker, wrong: Sequence[str], *, at: datetime) -> None:
    """Count codes that were refused; whoever has too many waits from now on."""
    if not wrong:
        return
    try:
        blocked = [name for name in who.names if _count(name, wrong, at)]
    except UNREACHABLE as error:
        log.warning("wrong codes are not counted: %s", type(error).__name__)
        return
    for name in blocked:
        _remember(name, who.key, at)


def _count(name: Name, wrong: Sequence[str], at: datetime) -> bool:
    """Say whether these are what makes somebody wait."""
    counter, count = _key(name, "count"), 0
    for text in wrong:
        # In its plain form: SUMER-10 and sumer10 are one guess.
        guess = _hash(name.digest, spelling.plain(text))
        if cache.add(_key(name, guess), 1, WINDOW):
            # Nothing happens to a count that is there: its window
            # ends when it would have.
            cache.add(counter, 0, WINDOW)
            count = _raised(counter)
    if count < MOST[name.kind]:
        return False
    # After the pause counting begins anew.
    cache.delete(counter)
    cache.set(_key(name, "until"), at.timestamp() + PAUSE, PAUSE)
    return True


def _raised(counter: str) -> int:
    try:
        return int(cache.incr(counter))
    except ValueError:  # it has just expired
        return 1


def _remember(name: Name, key: str, at: datetime) -> None:
    """Tell operators: the one thing that entering codes leaves behind."""
    rows = Guesser.objects.filter(digest=name.digest)
    if rows.update(pauses=F("pauses") + 1, last_at=at):
        return
    # Names of visitors cost nothing: without an end to it, who guesses fills the table.
    if Guesser.objects.count() < MOST_KEPT:
        row = Guesser(digest=name.digest, kind=name.kind, key=key, last_at=at)
        row.first_at = at
        Guesser.objects.bulk_create([row], ignore_conflicts=True)


def _key(name: Name, what: str) -> str:
    return f"codes:{name.digest}:{what}"


def _hash(*words: str) -> str:
    text = "\0".join(words)
    return salted_hmac(SALT, text, algorithm="sha256").hexdigest()[:32]
