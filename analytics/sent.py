"""An event as somebody sent it, whatever the wire: checked, but not yet identified."""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

import msgspec

from analytics import persons
from analytics.events import Event
from analytics.wording import Wording

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far a client's clock may run ahead of ours."""
# An even number of backslashes before it: else \\u0000 is a text about NUL, which is
# fine. jsonb refuses the character, and one such row would end the whole batch.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


class Refused(Exception):
    """This event cannot enter the log; `path` points to what is wrong with it."""

    def __init__(
        self, reason: str, path: str = "", *, message: str | None = None
    ) -> None:
        text, _, found = reason.partition(" - at `")
        super().__init__(text)
        self.path = found.rstrip("`") or path
        self.message = message


class Erased(Refused):
    """The customer was forgotten, and so is what comes late: it is not even kept."""


class Sent(msgspec.Struct, kw_only=True, gc=False):
    """A checked event whose customer is still called by the shop's own ids.

    `visitor` is an anonymous id; `previous` the id that an alias gives up.
    """

    message: str
    event: Event
    at: datetime
    customer: str | None = None
    visitor: str | None = None
    previous: str | None = None
    consent: bool | None = None
    bot: bool = False
    original_at: datetime | None = None
    sent_at: datetime | None = None


def event_id(sent: str) -> UUID:
    """Return a message id's place in the log: itself if a UUID, else a hash of it."""
    # Its usual spelling alone: UUID() takes others too, and two texts would be one id.
    if len(sent) == 36:
        try:
            return UUID(sent)
        except ValueError:
            pass
    # A text under a unique index took a sixth more CPU and bytes than a UUID.
    return UUID(bytes=blake2b(sent.encode(), digest_size=16).digest())


def consent_id(message: str) -> UUID:
    """Return the place of the consent that came with a message: no id of a sender's."""
    # Personalised, so that no message id of a client's can come to the same.
    digest = blake2b(message.encode(), digest_size=16, person=b"consent")
    return UUID(bytes=digest.digest())


_ID = re.compile(
    rb'"(?:userId|anonymousId|previousId|customer|anonymous|previous)"\s*:\s*'
    # Possessive, as in analytics.salvage: a text without an end must not cost seconds.
    rb'("(?:[^"\\]|\\.)*+"|-?\d+)',
    re.DOTALL,
)


def ids(raw: bytes) -> set[str]:
    """Return whom a text names as its customer or visitor, be it JSON or nearly so."""
    found = set()
    for match in _ID.finditer(raw):
        try:
            found.add(str(msgspec.json.decode(match.group(1))).strip())
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return found


def check_text(raw: bytes) -> None:
    """Refuse what PostgreSQL cannot hold.

    :raises Refused: there is a NUL in it.
    """
    if b"\\u0000" in raw and _NUL.search(raw):
        raise Refused(Wording("Text must not hold the character U+0000"))


def check_time(at: datetime, now: datetime, path: str) -> datetime:
    """Return the time, if it is a plausible one; a little ahead is now.

    :raises Refused: it is before 1990 or in the future.
    """
    if at > now + AHEAD:
        raise Refused("The time is in the future", path)
    if at < EARLIEST:
        raise Refused("The time is before 1990", path)
    return min(at, now)


def check_id(id_: str | None, path: str) -> str | None:
    """Return the id, if it is somebody's.

    :raises Refused: it is what clients send when they have no id.
    """
    if id_ is not None and persons.nobody(id_):
        raise Refused(f"{id_!r} is nobody's id; send null instead", path)
    return id_
