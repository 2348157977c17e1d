"""A text's words and letters as hashed features, each with its place in the text.

English: words, pairs of words and pieces of words; a word after "not" is another one
than the word alone (Das and Chen 2001). Chinese, which writes no spaces: runs of one to
four characters within a clause. The same code makes features for training and reading:
to change it, train anew (`make sentiment`).
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 18
NEGATORS = frozenset(
    (
        *(
            "not",
            "no",
            "never",
            "none",
            "nobody",
            "nothing",
            "neither",
            "nor",
            "cannot",
        ),
        *("without", "hardly", "barely", "dont", "doesnt", "didnt", "isnt", "wasnt"),
        *("wont", "cant", "couldnt", "wouldnt", "shouldnt", "aint", "havent", "hasnt"),
        *("lacks", "lack"),
    )
)
REACH = 4
"""So many words after a negator are turned by it, within the clause."""
WORD = re.compile(
    r"[a-z]+(?:'[a-z]+)*|[0-9]+|[!?.,;:()]|[\u2600-\u27bf\U0001f300-\U0001faff]"
)
PIECES = (3, 4, 5)
CLAUSE = re.compile(r"[^\s，。！？、,.!?;；:：…~～\"“”（）()]+")
LONGEST_RUN = 4
ODD, SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(64 - 18)
"""Runs are hashed by multiplying (Knuth's Fibonacci hashing), the top 18 bits kept."""
HAN = re.compile(r"[㐀-鿿]")
LETTER = re.compile(r"\w")

Gram = tuple[str, int, int]
"""The feature, and the units [first, last) that it is of."""


@dataclass(frozen=True)
class Grams:
    """Each gram's bucket and place; a text's `units` are its words or characters."""

    buckets: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    units: Sequence[str]

    @cached_property
    def distinct(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Each bucket once, where each gram's is among them, and how many it has."""
        return np.unique(self.buckets, return_inverse=True, return_counts=True)


def language(text: str) -> str:
    """Say zh for a text that is mostly in Chinese characters, else en."""
    letters = len(LETTER.findall(text))
    return "zh" if letters and len(HAN.findall(text)) > 0.3 * letters else "en"


def grams(text: str, language: str) -> Grams:
    """Take a text apart."""
    return _chinese(text) if language == "zh" else _english(text)


def _english(text: str) -> Grams:
    units = WORD.findall(text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    found: list[Gram] = []
    left, before = 0, "^"
    for at, word in enumerate(units):
        if not word[0].isalnum():
            # A sign ends what "not" turns: it reaches within its clause.
            left, before = 0, word
            if word not in ".,;:()":
                found.append((f"w:{word}", at, at + 1))
            continue
        said = f"~{word}" if left else word
        found.append((f"w:{said}", at, at + 1))
        found.append((f"b:{before} {said}", max(at - 1, 0), at + 1))
        if left:
            found.append((f"w:{word}", at, at + 1))
        found += _pieces(word, at)
        left = REACH if _negates(word) else max(0, left - 1)
        before = word
    # Not hash(), which differs by process: weights are stored by bucket.
    keys = [zlib.crc32(key.encode()) % BUCKETS for key, _, _ in found]
    return Grams(
        buckets=np.array(keys, np.int64),
        first=np.array([first for _, first, _ in found], np.int64),
        last=np.array([last for _, _, last in found], np.int64),
        units=units,
    )


def _negates(word: str) -> bool:
    return word in NEGATORS or word.endswith("n't")


def _pieces(word: str, at: int) -> Iterator[Gram]:
    whole = f"<{word}>"
    for size in PIECES:
        for start in range(len(whole) - size + 1):
            yield f"c:{whole[start : start + size]}", at, at + 1


def _chinese(text: str) -> Grams:
    low = text.lower()
    clauses = list(CLAUSE.finditer(low))
    # The clause's ends count as parts of its first and last character.
    marked = "".join(f"^{one.group()}$" for one in clauses)
    spans = [(one.start(), *range(*one.span()), one.end() - 1) for one in clauses]
    places = np.array([place for span in spans for place in span], np.int64)
    clause = np.repeat(np.arange(len(spans)), [len(span) for span in spans])
    # Four bytes for every character, rare ones too, so that places are characters.
    codes = np.frombuffer(marked.encode("utf-32-le"), np.uint32).astype(np.uint64)
    hashes, buckets, first, last = np.zeros_like(codes), [], [], []
    for more in range(min(LONGEST_RUN, len(codes))):
        starts = len(codes) - more
        # A run's hash is that of the run one shorter, and one character more; uint64
        # wraps. All runs of a length at once: four times as fast as one by one.
        hashes = hashes[:starts] * ODD + codes[more:]
        whole = np.flatnonzero(clause[:starts] == clause[more:])
        buckets.append((hashes[whole] * ODD >> SHIFT).astype(np.int64))
        first.append(places[whole])
        last.append(places[whole + more] + 1)
    return Grams(_joined(buckets), _joined(first), _joined(last), units=list(low))


def _joined(some: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *some])
