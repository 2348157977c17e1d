"""Which of the shop's help texts answers a question. Pure.

Two searches, one score: what a text means (sentence vectors) and the letters and words
that it shares (weighed by how rare they are), each the best over the text's entries:
its title, its sentences, and how customers have asked for it. A question of its own
that an agent has pointed to a text is one more entry: the next like it is found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promotions import spelt

MEANING = 0.75
CLOSE = 0.12
"""Texts so near to the best are told to the agent as well."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line by which a help text is found; `of` is the text's place."""

    of: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A help text's place, how well it fits (0 to 1), and its lead on the next."""

    of: int
    score: float
    lead: float


@dataclass(frozen=True, kw_only=True)
class Passages:
    """Entries with what they are compared by: see `index`."""

    entries: Sequence[Entry]
    meaning: NDArray[np.float32]
    spelling: spelt.Spelling
    letters: spelt.Rows

    def find(self, text: str, meaning: NDArray[np.float32], *, most: int) -> list[Hit]:
        """Return the help texts that fit best, the best first."""
        if not self.entries:
            return []
        cosines = self.meaning @ meaning
        shared = self.letters.likeness(self.spelling.rows([text]))
        scores = MEANING * np.clip(cosines, 0, 1) + (1 - MEANING) * shared
        best: dict[int, float] = {}
        for entry, score in zip(self.entries, scores, strict=True):
            best[entry.of] = max(best.get(entry.of, 0.0), float(score))
        ranked = sorted(best.items(), key=lambda pair: -pair[1])[: most + 1]
        after = [score for _, score in ranked[1:]] + [0.0]
        return [
            Hit(of=of, score=score, lead=score - following)
            for (of, score), following in zip(ranked, after, strict=False)
        ][:most]


def index(entries: Sequence[Entry], meaning: NDArray[np.float32]) -> Passages:
    """Prepare entries, given their sentence vectors, for `find`."""
    texts = [one.text for one in entries]
    spelling = spelt.learn(texts)
    return Passages(
        entries=entries,
        meaning=meaning,
        spelling=spelling,
        letters=spelling.rows(texts),
    )
