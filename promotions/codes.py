"""Codes that customers enter: what a text stands for, and why it is refused.

A code is found by the SHA-256 of its plain form (upper case, without spaces and
hyphens), so how long a look-up takes says nothing of how near a guess was.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from promotions.models import Code

LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class Entered:
    """A text that a customer entered: its code if it may be used, or the refusal."""

    text: str
    code: Code | None = None
    refused: str | None = None


def plain(text: str) -> str:
    """Return a code as it is hashed: people type them in many ways."""
    return "".join(text.split()).replace("-", "").upper()


def digest(text: str) -> bytes:
    """Return the SHA-256 of a code's plain form."""
    return hashlib.sha256(plain(text).encode()).digest()


def enter(texts: Sequence[str], *, keys: Sequence[UUID], at: datetime) -> list[Entered]:
    """Look codes up for a person of these keys; a strategy takes the first of its own.

    Each text is answered once, in order; what means the same counts once.
    """
    digests = {digest(text): text for text in reversed(texts)}
    rows = Code.objects.filter(digest__in=list(digests))
    found = {bytes(row.digest): row for row in rows}
    taken: dict[UUID, Code] = {}
    answers = []
    for key, text in reversed(digests.items()):
        code = found.get(key)
        reason = _refusal(code, keys, at)
        if code and not reason and taken.setdefault(code.strategy_id, code) is not code:
            reason = "another_code_of_the_same_promotion"
        answers.append(
            Entered(text=text, code=None if reason else code, refused=reason)
        )
    return answers


def _refusal(code: Code | None, keys: Sequence[UUID], at: datetime) -> str | None:
    if code is None or not code.active:
        return "unknown_code"
    if code.customer is not None and code.customer not in keys:
        return "not_yours"
    if code.expires_at is not None and code.expires_at <= at:
        return "expired"
    if code.most_uses is not None and code.uses >= code.most_uses:
        return "used_up"
    return None


def by_strategy(entered: Sequence[Entered]) -> Mapping[UUID, Code]:
    """Return the usable codes by their strategies."""
    return {one.code.strategy_id: one.code for one in entered if one.code}
