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
from functools import lru_cache
from itertools import pairwise
from math import log

import numpy as np
from scipy.sparse import csr_array

WORD = re.compile(r"[a-z0-9']+|[\u3400-\u9fff]+")
CJK = re.compile(r"[\u3400-\u9fff]")
SIZES, HAN_SIZES = (3, 4, 5), (1, 2)


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """The pieces that are known: each one's column and rarity."""

    columns: Mapping[str, int]
    rarity: Sequence[float]

    def rows(self, texts: Sequence[str]) -> csr_array:
        """Return one row a text, of length one; 0 where no piece is known."""
        values: list[float] = []
        columns: list[int] = []
        ends = [0]
        for text in texts:
            known = self._known(text)
            length = sum(value * value for value in known.values()) ** 0.5
            columns += known
            values += [value / length for value in known.values()]
            ends.append(len(columns))
        shape = (len(texts), len(self.columns))
        rows = (np.array(values, np.float32), np.array(columns, np.int32), ends)
        return csr_array(rows, shape=shape)

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
