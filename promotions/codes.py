"""Codes that customers enter: what a text stands for, and why it is refused.

A code is found by the SHA-256 of its plain form, in one statement that reads as much
for a text that is no code: how long it takes says nothing of how near a guess was.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from promotions.models import Code, Strategy
from promotions.spelling import digest

ASKED = (
    "digest",
    "customer",
    "uses",
    "most_uses",
    "active",
    "expires_at",
    "text",
    "strategy__state",
    "strategy__currency",
    "strategy__campaign__starts_at",
    "strategy__campaign__ends_at",
)


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A text that a customer entered: its code if it may be used, or the refusal."""

    text: str
    code: Code | None = None
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
    digests = {digest(text): text for text in reversed(texts)}
    rows = Code.objects.filter(digest__in=list(digests)).only(*ASKED)
    found = {
        bytes(row.digest): row for row in rows.select_related("strategy__campaign")
    }
    taken: dict[UUID, Code] = {}
    answers = []
    for key, text in reversed(digests.items()):
        code = found.get(key)
        reason = _refusal(code, keys, currency, at, proposed)
        if code and not reason and taken.setdefault(code.strategy_id, code) is not code:
            reason = "another_code_of_the_same_promotion"
        answers.append(
            Entered(text=text, code=None if reason else code, refused=reason)
        )
    return answers


def by_strategy(entered: Sequence[Entered]) -> Mapping[UUID, Code]:
    """Return the usable codes by their strategies."""
    return {one.code.strategy_id: one.code for one in entered if one.code}


def deactivate(code: UUID) -> Code:
    """Refuse a code from now on, for ever: who needs it back is given another.

    :raises UnknownCode: there is none of this id.
    """
    Code.objects.filter(id=code).update(active=False)
    found = Code.objects.filter(id=code).first()
    if found is None:
        raise UnknownCode("There is no such code.")
    return found


def _refusal(
    code: Code | None,
    keys: Sequence[UUID],
    currency: str,
    at: datetime,
    proposed: Collection[UUID],
) -> str | None:
    if code is None or not code.active:
        return "unknown_code"
    if code.customer is not None and code.customer not in keys:
        return "not_yours"
    if code.expires_at is not None and code.expires_at <= at:
        return "expired"
    if code.most_uses is not None and code.uses >= code.most_uses:
        return "used_up"
    return _not_running(code.strategy, currency, at, proposed)


def _not_running(
    strategy: Strategy, currency: str, at: datetime, proposed: Collection[UUID]
) -> str | None:
    live = strategy.state == Strategy.State.LIVE or strategy.pk in proposed
    campaign = strategy.campaign
    if not live or at >= campaign.ends_at:
        return "promotion_ended" if strategy.state != "proposed" else "not_yet"
    if at < campaign.starts_at:
        return "not_yet"
    return None if strategy.currency == currency else "other_currency"
