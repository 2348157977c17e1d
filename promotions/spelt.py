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
from itertools import chain, pairwise

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
        """Return the product, one column after the other: thrice as fast as at once."""
        # Where each row begins that has anything:
        # `reduceat` adds up from one to the next.
        starts = np.flatnonzero(np.diff(self.row, prepend=-1))
        found = np.zeros((weights.shape[1], self.shape[0]), np.float32)
        if len(starts):
            for sums, given in zip(found, np.ascontiguousarray(weights.T), strict=True):
                parts = self.value * given[self.column]
                sums[self.row[starts]] = np.add.reduceat(parts, starts)
        return found.T

    def across(self, values: Numbers) -> Numbers:
        """Return the transpose's product."""
        return self.turned @ values

    @cached_property
    def turned(self) -> "Rows":
        """The transpose."""
        # Stable, so that rows stay in order within
        # a column; `@` needs them in one piece.
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


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """The pieces that are known: each one's column and rarity."""

    columns: Mapping[str, int]
    rarity: Numbers

    def rows(self, texts: Sequence[str]) -> Rows:
        """Return one row a text, of length one; 0 where no piece is known."""
        found = [_counted(text) for text in texts]
        names = chain.from_iterable(found)
        column = np.array([self.columns.get(one, -1) for one in names], np.int32)
        times = chain.from_iterable(one.values() for one in found)
        # A word that comes four times does not say four times as much.
        often = 1 + np.log(np.array([*times], np.float32))
        row = np.repeat(np.arange(len(texts), dtype=np.int32), [*map(len, found)])
        known = column >= 0
        row, column, often = row[known], column[known], often[known]
        value = often * self.rarity[column]
        # Rows of length one: a product of two is their cosine.
        length = np.bincount(row, value**2, len(texts)) ** 0.5
        return Rows(
            shape=(len(texts), len(self.columns)),
            row=row,
            column=column,
            value=(value / length[row]).astype(np.float32),
        )


def learn(texts: Sequence[str]) -> Spelling:
    """Know the pieces of these texts, and how rare each is among them."""
    seen = Counter(chain.from_iterable(map(_counted, texts)))
    times = np.array([*seen.values()], np.float32)
    return Spelling(
        columns={piece: column for column, piece in enumerate(seen)},
        # Smoothed, as if one more text had every piece: nothing is divided by 0.
        rarity=np.log((1 + len(texts)) / (1 + times)) + 1,
    )


def plain(text: str) -> str:
    """Return a text without what does not tell texts apart."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").strip()


@lru_cache(maxsize=8192)
def _counted(text: str) -> Mapping[str, int]:
    """Return a text's pieces, and how often it has each."""
    return Counter(pieces(text))


def pieces(text: str) -> Iterator[str]:
    """Return the pieces of a text, those that it has twice twice."""
    words = WORD.findall(plain(text))
    for word in words:
        if CJK.match(word):
            yield from _runs("#", word, HAN_SIZES)
        else:
            # Marked, so that a whole word and the letters
            # of another one never share a column.
            yield f"={word}"
            yield from _runs("", f"<{word}>", SIZES)
    # The ends count as words: how a text begins tells questions apart.
    latin = ["", *(word for word in words if not CJK.match(word)), ""]
    if len(latin) > 2:
        yield from map(" ".join, pairwise(latin))


def _runs(mark: str, word: str, sizes: Sequence[int]) -> Iterator[str]:
    for size in sizes:
        for start in range(len(word) - size + 1):
            yield mark + word[start : start + size]
