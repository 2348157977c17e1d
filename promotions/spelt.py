"""How texts are spelt, as sparse rows: what letters and words they share. Pure.

Pieces are words, pairs of words, three to five letters, Han letters and pairs, weighed
by how rare they are (inverse document frequency, Spärck Jones 1972). Each has a column
of its own: with hashed ones, of which several pieces share some, the assistant was sure
of 2 to 3 % more wrong kinds.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from math import log

import numpy as np
from numpy.typing import NDArray

WORD = re.compile(r"[a-z0-9']+|[\u3400-\u9fff]+")
CJK = re.compile(r"[\u3400-\u9fff]")
SIZES, HAN_SIZES = (3, 4, 5), (1, 2)


Numbers = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Texts by pieces, sparse: NumPy alone, since web processes load no SciPy.

    `row`, `column` and `value` of what is not 0, row by row.
    """

    shape: tuple[int, int]
    row: NDArray[np.int32]
    column: NDArray[np.int32]
    value: Numbers

    def __matmul__(self, weights: Numbers) -> Numbers:
        return _summed(self.row, self.value, weights[self.column], self.shape[0])

    def across(self, values: Numbers) -> Numbers:
        """Return the transpose's product."""
        turned = self.turned
        return _summed(turned.row, turned.value, values[turned.column], self.shape[1])

    @cached_property
    def turned(self) -> "Rows":
        """The transpose."""
        order = np.argsort(self.column, kind="stable")
        return Rows(
            shape=self.shape[::-1],
            row=self.column[order],
            column=self.row[order],
            value=self.value[order],
        )

    def likeness(self, one: "Rows") -> Numbers:
        """Return what each text shares with another one alone, 0 to 1."""
        weights = np.zeros((self.shape[1], 1), np.float32)
        weights[one.column, 0] = one.value
        return (self @ weights)[:, 0]


def _summed(
    place: NDArray[np.int32], value: Numbers, given: Numbers, size: int
) -> Numbers:
    """Add up values times what is given, by places, which are in order."""
    found = np.zeros((size, given.shape[1]), np.float32)
    if len(place):
        starts = np.flatnonzero(np.diff(place, prepend=-1))
        found[place[starts]] = np.add.reduceat(value[:, None] * given, starts, axis=0)
    return found


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """The pieces that are known: each one's column and rarity."""

    columns: Mapping[str, int]
    rarity: Sequence[float]

    def rows(self, texts: Sequence[str]) -> Rows:
        """Return one row a text, of length one; 0 where no piece is known."""
        values: list[float] = []
        columns: list[int] = []
        sizes: list[int] = []
        for text in texts:
            known = self._known(text)
            length = sum(value * value for value in known.values()) ** 0.5
            columns += known
            values += [value / length for value in known.values()]
            sizes.append(len(known))
        return Rows(
            shape=(len(texts), len(self.columns)),
            row=np.repeat(np.arange(len(texts), dtype=np.int32), sizes),
            column=np.array(columns, np.int32),
            value=np.array(values, np.float32),
        )

    def _known(self, text: str) -> dict[int, float]:
        times = Counter(self.columns.get(one, -1) for one in pieces(text))
        del times[-1]
        return {
            column: (1 + log(n)) * self.rarity[column] for column, n in times.items()
        }


def learn(texts: Sequence[str]) -> Spelling:
    """Know the pieces of these texts, and how rare each is among them."""
    seen = Counter(piece for text in texts for piece in {*pieces(text)})
    return Spelling(
        columns={piece: column for column, piece in enumerate(seen)},
        rarity=[log((1 + len(texts)) / (1 + times)) + 1 for times in seen.values()],
    )


def plain(text: str) -> str:
    """Return a text without what does not tell texts apart."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").strip()


@lru_cache(maxsize=8192)
def pieces(text: str) -> tuple[str, ...]:
    """Return a text's pieces, those that it has twice twice."""
    return tuple(_pieces(text))


def _pieces(text: str) -> Iterator[str]:
    words = WORD.findall(plain(text))
    for word in words:
        if CJK.match(word):
            yield from _runs("#", word, HAN_SIZES)
        else:
            yield f"={word}"
            yield from _runs("", f"<{word}>", SIZES)
    latin = ["", *(word for word in words if not CJK.match(word)), ""]
    if len(latin) > 2:
        yield from map(" ".join, pairwise(latin))


def _runs(mark: str, word: str, sizes: Sequence[int]) -> Iterator[str]:
    for size in sizes:
        for start in range(len(word) - size + 1):
            yield mark + word[start : start + size]
