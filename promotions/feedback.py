"""What customers say of their offers, and what is done about it.

The last word on a strategy counts, for eight weeks. It decides on what is shown and
which offers are made, never on whom a lot is drawn for: only who has an offer can say
something of it, so an audience chosen by words would be another one than that of who is
held out (decision 24). An offer that is shown no more is still good in a cart.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from analytics import events, lookup, store
from promotions.models import Feedback, Offer

Word = Feedback.Word
LASTS = timedelta(weeks=8)
LIKED = 0.1
"""By so much of its expectation an offer ranks higher in a scope found useful."""
ALL_GOODS = ""
"""Stands for the scope of a strategy that names none."""


class NoOffer(Exception):
    """Nobody has, or had, an offer of this id."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a person has said that still counts: by strategy, and by category."""

    of_strategy: Mapping[UUID, str]
    of_category: Mapping[str, str]

    @property
    def one_at_a_time(self) -> bool:
        return Word.TOO_MANY in self.of_strategy.values()

    def refuses(self, strategy: UUID, scope: Sequence[str]) -> bool:
        """Whether it is not for them: by their own word on it, else on its scope."""
        # `too_many` is of offers as such: it says nothing of these goods.
        own = self.of_strategy.get(strategy)
        if own in (Word.USEFUL, Word.NOT_FOR_ME):
            return own == Word.NOT_FOR_ME
        return self._has(Word.NOT_FOR_ME, scope)

    def likes(self, scope: Sequence[str]) -> bool:
        return self._has(Word.USEFUL, scope)

    def _has(self, word: str, scope: Sequence[str]) -> bool:
        return any(self.of_category.get(one) == word for one in _about(scope))


SILENT = Said(of_strategy={}, of_category={})
WHOSE = (
    "SELECT customer, strategy_id FROM promotions_offer WHERE id = %s FOR KEY SHARE",
    "SELECT customer, strategy FROM analytics_assignment WHERE offer = %s"
    " AND arm = 'treatment' ORDER BY position LIMIT 1 FOR KEY SHARE",
)
"""An offer of today, else of before. Locked, so that an erasure waits for us or we for
it: rows go before the log (decision 14)."""
SAY = """
INSERT INTO promotions_feedback AS known (customer, strategy, word, said_at)
VALUES (%s, %s, %s, %s) ON CONFLICT (customer, strategy) DO UPDATE
SET word = excluded.word, said_at = excluded.said_at
WHERE known.word <> excluded.word OR known.said_at <= excluded.said_at - %s
RETURNING id
"""


def say(offer: UUID, word: events.FeedbackWord, *, at: datetime) -> None:
    """Take a customer's word on an offer; the same again, while it counts, is no news.

    :raises NoOffer: nobody has, or had, this offer.
    """
    with transaction.atomic():
        customer, strategy = _whose(offer)
        # Of two that say the same at once one changes the row, and
        # only that one is logged.
        news = lookup.rows(SAY, [customer, strategy, word, at, LASTS])
        if news:
            said = events.OfferFeedback(strategy=strategy, offer=offer, feedback=word)
            store.append([said], at=at, customer=customer)


def of(keys: Sequence[UUID], *, at: datetime) -> Said:
    """Return what the person of these keys has said."""
    rows = lookup.rows(f"{COUNTS} AND f.customer = ANY(%s) {LAST}", [at - LASTS, keys])
    return _said((strategy, scope, word) for _, strategy, scope, word in rows)


def of_everybody(persons: Mapping[UUID, UUID], *, at: datetime) -> dict[UUID, Said]:
    """Return what was said, by the person who did; `persons` as from identity."""
    mine: dict[UUID, list[Row]] = {}
    found = lookup.rows(f"{COUNTS} {LAST}", [at - LASTS], prepare=False)
    for key, strategy, scope, word in found:
        mine.setdefault(persons.get(key, key), []).append((strategy, scope, word))
    return {person: _said(rows) for person, rows in mine.items()}


def ranked(some: Iterable[Offer], said: Said) -> list[Offer]:
    """Return the offers to show, the most promising first."""
    shown = _not_refused(some, said)
    shown.sort(key=lambda offer: -_promising(offer, said))
    return shown[: 1 if said.one_at_a_time else None]


def wanted(
    some: Iterable[Offer], said: Said, lasting: Collection[tuple[UUID, UUID]]
) -> list[Offer]:
    """Return which of the offers drawn for a person are made, or go on.

    `lasting` are the offers (customer, strategy) that they have: of one at a time such
    a one stays.
    """
    shown = _not_refused(some, said)
    had = [one for one in shown if (one.customer, one.strategy_id) in lasting]
    return ranked(had if had and said.one_at_a_time else shown, said)


def counts(strategy: UUID) -> dict[str, int]:
    """Return how many customers' last word on a strategy is which: all words."""
    rows = Feedback.objects.filter(strategy=strategy).values_list("word")
    told = dict(rows.annotate(Count("id")))
    return {word: told.get(word, 0) for word in Word.values}


COUNTS = (
    "SELECT f.customer, f.strategy, s.scope, f.word FROM promotions_feedback f"
    " JOIN promotions_strategy s ON s.id = f.strategy WHERE f.said_at > %s"
)
LAST = "ORDER BY f.said_at, f.id"
Row = tuple[UUID, Sequence[str], str]
"""(strategy, its scope, word)"""


def _said(rows: Iterable[Row]) -> Said:
    """Fold rows, the oldest first."""
    of_strategy: dict[UUID, str] = {}
    of_category: dict[str, str] = {}
    for strategy, scope, word in rows:
        of_strategy[strategy] = word
        if word != Word.TOO_MANY:
            of_category |= dict.fromkeys(_about(scope), word)
    return Said(of_strategy=of_strategy, of_category=of_category)


def _about(scope: Sequence[str]) -> Set[str]:
    return set(scope) or {ALL_GOODS}


def _not_refused(some: Iterable[Offer], said: Said) -> list[Offer]:
    return [o for o in some if not said.refuses(o.strategy_id, o.strategy.scope)]


def _promising(offer: Offer, said: Said) -> float:
    liked = LIKED if said.likes(offer.strategy.scope) else 0.0
    return offer.expected + liked * abs(offer.expected)


def _whose(offer: UUID) -> tuple[UUID, UUID]:
    for asked in WHOSE:
        if row := lookup.row(asked, [offer]):
            return row[0], row[1]
    raise NoOffer("There is no such offer.")
