"""Why a chance is above or below the average customer's, in words. Pure NumPy.

The average is over the regular customers at the model's newest cut-off, category by
category: what is the same for all customers of a category explains nobody's chance.
A reason is a fact about a feature's value. It is told among what raised the chance only
if the feature itself raised it, and its whole topic did: a topic joins features that
say nearly the same, because a learner plays such features off against each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from analytics.wording import Wording
from ml.meanings import FEATURES
from ml.wordings import FACTS, TOPICS, Fact

Numbers = NDArray[np.float64]
Matrix = NDArray[Any]
Sign = Literal[1, -1]
"""1: what raised a chance; -1: what lowered it."""

LEAST = 0.05
"""A topic that moved less than so much of all that topics moved is not worth a word."""
ODDS = frozenset({"chance", "hazard", "affinity"})
"""These features are odds in thousandths, see ml.context.odds."""
_SPOT = {name: spot for spot, name in enumerate(FEATURES)}
_MISSING = np.array([one.missing for one in FEATURES.values()], np.float32)
_TOPIC = {topic: spot for spot, topic in enumerate(TOPICS)}
_WAYS = {"high": 1, "low": -1, "none": 0}
_OF_TOPIC = np.zeros((len(FEATURES), len(TOPICS)))
for _fact in FACTS:
    _OF_TOPIC[_SPOT[_fact.feature], _TOPIC[_fact.topic]] = 1


@dataclass(frozen=True, kw_only=True)
class Average:
    """The average customer of each category.

    `values` and `shares` are (categories, FEATURES): means of the values, taken of
    sign(x)·log(1 + |x|) as the learners see them, and of the contributions; `chance` is
    (categories,). All empty for a model without.
    """

    values: Numbers
    shares: Numbers
    chance: Numbers

    @classmethod
    def measured(
        cls,
        values: Matrix,
        shares: Matrix,
        chance: Numbers,
        *,
        category: Matrix,
        categories: int,
    ) -> Self:
        """Average rows of FEATURES by their category, 0 to `categories` - 1."""
        inside = category[:, None] == np.arange(categories)
        weight = (inside / np.maximum(inside.sum(axis=0), 1)).T
        logs = weight @ np.copysign(np.log1p(np.abs(values)), values)
        return cls(
            values=np.copysign(np.expm1(np.abs(logs)), logs),
            shares=weight @ shares,
            chance=weight @ chance,
        )

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Read the arrays of a model file; files of before this had none."""
        nothing = np.zeros((0, len(FEATURES)))
        return cls(
            **{f.name: arrays.get(f"average_{f.name}", nothing) for f in fields(cls)}
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {f"average_{f.name}": getattr(self, f.name) for f in fields(self)}


SAID_AS = ("odds (in thousandths)", "chance")
"""How a feature's meaning is told where its value is."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A fact that moved a chance by `share` against the average customer's."""

    fact: Fact
    value: float
    average: float
    share: float

    @property
    def detail(self) -> str:
        """Return the figure behind the words, for operators."""
        meaning = FEATURES[self.fact.feature].meaning
        if self.fact.feature in ODDS:
            meaning = meaning.replace(*SAID_AS)
            return _detail(meaning, _chance(self.value), _chance(self.average))
        return _detail(meaning, f"{self.value:.3g}", f"{self.average:.3g}")


@dataclass(frozen=True, kw_only=True)
class Why:
    """What moved a chance most, strongest first."""

    raised: Sequence[Reason]
    lowered: Sequence[Reason]


def found(
    values: Matrix,
    shares: Matrix,
    average: Matrix,
    *,
    sign: Sign,
    most: int,
    facts: tuple[Fact, ...] = FACTS,
) -> NDArray[np.int64]:
    """Return (rows, most): which `facts` to tell, strongest topic first, -1 for none.

    All are (rows, FEATURES): the values, the contributions less the average
    customer's, and the average customer's values.
    """
    table = _Table.of(facts)
    # topics and best: (rows, TOPICS); mine: (rows, facts).
    topics = sign * (shares @ _OF_TOPIC)
    enough = topics > LEAST * np.abs(topics).sum(axis=1, keepdims=True)
    mine = np.where(table.true(values, average), sign * shares[:, table.spot], 0.0)
    best = np.full(topics.shape, -1)
    for topic, places in enumerate(table.places):
        if len(places):
            strongest = places[mine[:, places].argmax(axis=1)]
            # The topic as a whole moved it (`enough`), and this fact the same way
            # (`told`).
            told = np.take_along_axis(mine, strongest[:, None], axis=1)[:, 0] > 0
            best[:, topic] = np.where(told & enough[:, topic], strongest, -1)
    # By how far topics moved it; those with nothing to tell come last.
    order = np.argsort(np.where(best < 0, np.inf, -topics), axis=1, kind="stable")
    return np.take_along_axis(best, order[:, :most], axis=1)


@dataclass(frozen=True, kw_only=True)
class _Table:
    """Facts as arrays, one column a fact; `way` is 1 for high, -1 for low, 0 none."""

    spot: NDArray[np.int64]
    need: NDArray[np.int64]
    way: NDArray[np.int64]
    bound: Numbers
    places: Sequence[NDArray[np.int64]]

    @classmethod
    @cache
    def of(cls, facts: tuple[Fact, ...]) -> "_Table":
        topic = np.array([_TOPIC[fact.topic] for fact in facts])
        way = np.array([_WAYS[fact.side] for fact in facts])
        return cls(
            spot=np.array([_SPOT[fact.feature] for fact in facts]),
            need=np.array([_SPOT[fact.needs or fact.feature] for fact in facts]),
            way=way,
            bound=way * np.array([fact.bound for fact in facts]),
            places=[np.flatnonzero(topic == one) for one in range(len(TOPICS))],
        )

    def true(self, values: Matrix, average: Matrix) -> NDArray[np.bool_]:
        """Say which words are true of which row."""
        # Exactly: both are the same constant as float32.
        missing = values == _MISSING
        mine = values[:, self.spot]
        far = self.way * (mine - average[:, self.spot]) > 0
        # Turned by `way`, one comparison serves "high" and "low".
        far &= self.way * mine >= self.bound
        far &= ~missing[:, self.spot] & ~missing[:, self.need]
        return np.asarray(np.where(self.way == 0, missing[:, self.spot], far))


def why(values: Matrix, shares: Matrix, average: Matrix, *, most: int) -> list[Why]:
    """Explain each row in at most so many reasons on either side; see `found`."""
    # Of all topics: `_once` may take some away before `most` are kept.
    up = found(values, shares, average, sign=1, most=len(TOPICS))
    down = found(values, shares, average, sign=-1, most=len(TOPICS))

    def listed(row: int, numbers: NDArray[np.int64]) -> list[Reason]:
        facts = _once([FACTS[number] for number in numbers if number >= 0])
        return [
            _reason(fact, values[row], shares[row], average[row])
            for fact in facts[:most]
        ]

    return [
        Why(raised=listed(row, up[row]), lowered=listed(row, down[row]))
        for row in range(len(values))
    ]


def _once(facts: Sequence[Fact]) -> list[Fact]:
    """Keep one absence each of the pair and the customer: they all say the same."""
    # Reversed: of each the first stays, which moved the chance most.
    absences = {(f.side, FEATURES[f.feature].level): f for f in reversed(facts)}
    return [
        fact
        for fact in facts
        if fact.side != "none"
        or absences[fact.side, FEATURES[fact.feature].level] is fact
    ]


def _reason(fact: Fact, values: Matrix, shares: Matrix, average: Matrix) -> Reason:
    spot = _SPOT[fact.feature]
    return Reason(
        fact=fact,
        value=float(values[spot]),
        average=float(average[spot]),
        share=float(shares[spot]),
    )


def _detail(meaning: str, value: str, average: str) -> str:
    return Wording(
        "%(meaning)s: %(value)s (average %(average)s)",
        meaning=Wording(meaning),
        value=value,
        average=average,
    )


def _chance(odds: float) -> str:
    return f"{odds / (1000 + odds):.1%}"
