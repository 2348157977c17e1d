"""What a product's listing says, in words: for vectors, and for a search. Pure.

A search has two legs that fail in different ways: words, which must be spelt as we
spell them, and meaning, which knows no brand. Their ranks are joined (reciprocal rank
fusion: Cormack, Clarke, Büttcher, SIGIR 2009): their scores cannot be compared.
"""

import hashlib
import re
import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Any, TypeVar

from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from ml import sentences

RECIPE = "2"
"""Raise it when `described` or `words` change: all listings are read again then."""
MODEL = f"{sentences.MODEL} {RECIPE}"
"""What made a vector: kept with each, and compared alone with its like."""
LONGEST = 600
"""Letters of a description that count: what comes first says what it is."""
FLAT = 60
"""Of the fusion, as its authors took it: how little the first ranks differ."""
_ODD = re.compile(r"[^\w%.,'+]+|_")
_WORDS = re.compile(r"[㐀-鿿豈-﫿]+|[^\W_㐀-鿿豈-﫿]+")
_HAN = re.compile(r"[㐀-鿿豈-﫿]")
# Bounded, or each lone "<" of a long text is searched for its end to the last letter.
_MARKUP = re.compile(r"<[^>]{0,500}>")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What the feed says of a product."""

    name: str
    category: str = ""
    brand: str = ""
    size: str = ""
    description: str = ""


def described(one: Listing) -> str:
    """Write a listing as one line of small letters, the name first.

    Feeds in capitals are read badly by a model that knows cases.
    """
    # A name that is sent again as the description would count twice.
    about = one.description if one.description != one.name else ""
    about = _MARKUP.sub(" ", about)[:LONGEST]
    parts = (one.name, one.category, one.brand, one.size, about)
    plain = (" ".join(_ODD.sub(" ", _plain(part)).split()) for part in parts)
    return ". ".join(part for part in plain if part)


def digest(*parts: str) -> str:
    """Return what changes when a part does: 32 letters."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]


def written(row: NDArray[Any]) -> str:
    """Write a vector as pgvector reads it; halves hold no more than four digits."""
    return "[" + ",".join(f"{x:.5g}" for x in row.tolist()) + "]"


def words(text: str) -> list[str]:
    """Return a text's words, each once: plural's s cut off, Chinese in pairs of signs.

    >>> words("Red wines 红酒杯")
    ['red', 'wine', '红酒', '酒杯']
    """
    found: dict[str, None] = {}
    for word in _WORDS.findall(_plain(text)):
        found |= dict.fromkeys(_pairs(word) if _HAN.match(word) else [_stem(word)])
    return list(found)


def _plain(text: str) -> str:
    # NFKC: full-width letters and signs of Chinese feeds are as others. PostgreSQL
    # keeps no NUL.
    return unicodedata.normalize("NFKC", text).casefold().replace("\0", "")


def _pairs(signs: str) -> list[str]:
    return [signs[i : i + 2] for i in range(max(len(signs) - 1, 1))]


def _stem(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses", "oes")):
        return word[:-2]
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us"))
    return word[:-1] if plural else word


@dataclass(frozen=True)
class Vocabulary:
    """The shop's own words, each with the number of its texts."""

    texts: Mapping[str, int]

    @cached_property
    def _most(self) -> int:
        return max(self.texts.values(), default=1)

    @cached_property
    def _all(self) -> list[str]:
        return [word for word in self.texts if not _HAN.match(word)]

    def weight(self, word: str) -> float:
        """Return how much a word says: the rarer, the more (Spärck Jones 1972)."""
        # Against the commonest word's texts, as the number of all texts is not kept.
        return log(1 + 2 * self._most / (1 + self.texts.get(word, 0)))

    def telling(self, words: Sequence[str], *, least: int) -> list[str]:
        """Return the rarest words that are in so many texts together; the others then
        weigh, but find nothing by themselves."""
        found: list[str] = []
        count = 0
        for word in sorted(words, key=lambda one: self.texts.get(one, 0)):
            if count >= least:
                break
            found.append(word)
            count += self.texts.get(word, 0)
        return found

    def spelt(self, word: str) -> list[str]:
        """Return the words of ours that were meant: itself, or those nearest to it.

        One slip from four letters on, two from eight; else what it begins.
        """
        # A number that is one off is another size, not a slip.
        if word in self.texts or _HAN.match(word) or any(c.isdigit() for c in word):
            return [word] if word in self.texts else []
        slips = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
        near = process.extract(
            word,
            self._all,
            scorer=DamerauLevenshtein.distance,
            score_cutoff=slips,
            limit=20,
        )
        if slips and near:
            least = min(far for _, far, _ in near)
            close = [found for found, far, _ in near if far == least]
            return sorted(close, key=lambda one: -self.texts[one])[:2]
        # Of one or two letters nearly every word would be a beginning.
        begun = [one for one in self._all if len(word) > 2 and one.startswith(word)]
        return sorted(begun, key=lambda one: -self.texts[one])[:3]


def fused(*rankings: Sequence[Key]) -> dict[Key, float]:
    """Join rankings, best first; the score of what all put first is 1."""
    score: dict[Key, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            score[key] = score.get(key, 0.0) + (FLAT + 1) / (FLAT + rank)
    legs = max(len(rankings), 1)
    order = sorted(score, key=lambda key: -score[key])
    return {key: score[key] / legs for key in order}


def spread(ordered: Iterable[tuple[Key, Hashable]], *, most: int) -> list[Key]:
    """Keep an order, but let no group have more than `most` before all others had."""
    first: list[Key] = []
    later: list[Key] = []
    seen: dict[Hashable, int] = {}
    for key, group in ordered:
        seen[group] = seen.get(group, 0) + 1
        (first if seen[group] <= most else later).append(key)
    return [*first, *later]
