"""Codes that customers enter: what a text stands for, and why it is refused.

A code is found by the SHA-256 of its plain form, in one statement that reads as much
for a text that is no code: how long it takes says nothing of how near a guess was.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from analytics import lookup
from promotions.models import Code, Strategy
from promotions.spelling import digest

FIND = (
    "SELECT c.digest, c.id, c.text, c.strategy_id, c.customer, c.uses, c.most_uses,"
    " c.active, c.expires_at, s.state, s.currency, p.starts_at, p.ends_at"
    " FROM promotions_code c JOIN promotions_strategy s ON s.id = c.strategy_id"
    " JOIN promotions_campaign p ON p.id = s.campaign_id WHERE c.digest = ANY(%s)"
)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A code that exists, with what decides whether it may be used."""

    id: UUID
    text: str
    strategy: UUID
    customer: UUID | None
    uses: int
    most_uses: int | None
    active: bool
    expires_at: datetime | None
    state: str
    currency: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A text that a customer entered: its code if it may be used, or the refusal."""

    text: str
    code: Known | None = None
    refused: str | None = None


class UnknownCode(Exception):
    """There is no code of this id."""


def enter(
    texts: Sequence[str],
    *,
    keys: Sequence[UUID],
    currency: str,
    at: datetime,
    proposed: Collection[UUID] = (),
) -> list[Entered]:
    """Look codes up for a person of these keys; a strategy takes the first of its own.

    Each text is answered once, in order; what means the same counts once. `proposed`
    strategies are taken as live.
    """
    if not texts:
        return []
    # Reversed twice: of texts that mean the same the first is answered, all in order.
    digests = {digest(text): text for text in reversed(texts)}
    found = _found(digests)
    taken: dict[UUID, Known] = {}
    answers = []
    for key, text in reversed(digests.items()):
        code = found.get(key)
        reason = _refusal(code, keys, currency, at, proposed)
        if code and not reason and taken.setdefault(code.strategy, code) is not code:
            reason = "another_code_of_the_same_promotion"
        answers.append(
            Entered(text=text, code=None if reason else code, refused=reason)
        )
    return answers


def by_strategy(entered: Sequence[Entered]) -> Mapping[UUID, Known]:
    """Return the usable codes by their strategies."""
    return {one.code.strategy: one.code for one in entered if one.code}


def deactivate(code: UUID) -> Code:
    """Refuse a code from now on, for ever: who needs it back is given another.

    :raises UnknownCode: there is none of this id.
    """
    # Not loaded and saved: its uses may be counted meanwhile.
    Code.objects.filter(id=code).update(active=False)
    found = Code.objects.filter(id=code).first()
    if found is None:
        raise UnknownCode("There is no such code.")
    return found


def _found(digests: Iterable[bytes]) -> Mapping[bytes, Known]:
    names = [field.name for field in fields(Known)]
    return {
        digest: Known(**dict(zip(names, values, strict=True)))
        for digest, *values in lookup.rows(FIND, [list(digests)])
    }


def _refusal(
    code: Known | None,
    keys: Sequence[UUID],
    currency: str,
    at: datetime,
    proposed: Collection[UUID],
) -> str | None:
    # One that was stopped must look like a text that is no code.
    if code is None or not code.active:
        return "unknown_code"
    if code.customer is not None and code.customer not in keys:
        return "not_yours"
    if code.expires_at is not None and code.expires_at <= at:
        return "expired"
    if code.most_uses is not None and code.uses >= code.most_uses:
        return "used_up"
    return _not_running(code, currency, at, proposed)


def _not_running(
    code: Known, currency: str, at: datetime, proposed: Collection[UUID]
) -> str | None:
    live = code.state == Strategy.State.LIVE or code.strategy in proposed
    if not live or at >= code.ends_at:
        waits = code.state in ("proposed", "returned")
        return "not_yet" if waits else "promotion_ended"
    if at < code.starts_at:
        return "not_yet"
    return None if code.currency == currency else "other_currency"
