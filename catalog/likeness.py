"""How alike two descriptions of a product are, and how likely it is the same. Pure.

Words are laid side by side, whatever their order: equal, misspelt (Damerau and
Levenshtein), or shortened. A word weighs by how rare it is among our products (inverse
document frequency: Spärck Jones, J. Documentation 1972), so that "cherry" against
"lemon" counts and "the" does not. Candidates then compete, with "none of them" as one
more choice: a conditional logit (McFadden 1974), whose weights are fitted on labelled
sets by `make bench-matching`. Two products that differ in nothing that was told share
what is likely, and neither is taken for sure.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

from rapidfuzz.distance import DamerauLevenshtein

from catalog import sizes

STOP = frozenset(
    [
        *("and", "the", "of", "with", "w", "for", "a", "in", "by", "n"),
        *("und", "mit", "der", "die", "das", "de", "la", "le"),
    ]
)
COMPANY = frozenset(
    [
        *("inc", "co", "company", "corp", "gmbh", "ltd", "llc", "ag"),
        *("foods", "food", "brand", "brands"),
    ]
)
_SPLIT = re.compile(r"[^\w]+|_")
_CJK = re.compile(r"([\u3400-\u9fff])")


@dataclass(frozen=True, kw_only=True)
class Described:
    """A product in a shop's words."""

    name: str
    brand: str = ""
    size: str = ""


@dataclass(frozen=True, kw_only=True)
class Read:
    """A description as it is compared: words, brand's words, what the size says."""

    words: tuple[str, ...]
    brand: tuple[str, ...]
    size: str


FEATURES = (
    *("ours_found", "theirs_found", "conflict", "brand_same", "brand_other"),
    *("size_same", "size_other", "cosine", "inexact"),
)
Features = tuple[float, ...]


def read(one: Described) -> Read:
    """Return a description's words; a size that stands in the name counts as one."""
    size = one.size if sizes.parsed(one.size) else f"{one.size} {one.name}"
    return Read(
        words=_words(sizes.without(one.name)),
        brand=tuple(w for w in _words(one.brand) if w not in COMPANY),
        size=size if sizes.parsed(size) else "",
    )


@dataclass(frozen=True, kw_only=True)
class Known:
    """What our catalogue tells of words: how much each says, and which are brands."""

    weights: Mapping[str, float]
    brands: frozenset[str]

    def of(self, word: str) -> float:
        """Return a word's weight; one that we never use weighs as a usual one."""
        return self.weights.get(word, USUAL)


def known(ours: Sequence[Read]) -> Known:
    """Return what our products' words weigh: log(products / those with it), >= 0.2.

    A handful of products tells little of words: it counts as `FEW` more without them.
    """
    seen: dict[str, int] = {}
    for one in ours:
        for word in set(one.words):
            seen[word] = seen.get(word, 0) + 1
    brands, all_of_us = {word for one in ours for word in one.brand}, len(ours) + FEW
    return Known(
        weights={w: max(0.2, log(all_of_us / (n + 1))) for w, n in seen.items()},
        # A brand that is also a word of names says nothing where it stands in a name.
        brands=frozenset(brands - seen.keys()),
    )


def compared(ours: Read, theirs: Read, shelf: Known, cosine: float) -> Features:
    """Return `FEATURES` of a pair; `cosine` is of their n-grams.

    Words' weights are in units of a word that one product in a hundred has.
    """
    brand, rest = _branded(ours.brand, theirs, shelf.brands)
    lost, missed, inexact = _aligned(ours.words, rest, shelf)
    total_ours = sum(map(shelf.of, ours.words)) or 1.0
    total_theirs = sum(map(shelf.of, rest)) or 1.0
    same = sizes_same(ours.size, theirs.size)
    return (
        1 - lost / total_ours,
        1 - missed / total_theirs,
        # A conflict takes both: "cherry" that they lack and "lemon" that we lack.
        min(lost, missed) / USUAL,
        # None, where a side says none, is neither of both.
        float(brand is True),
        float(brand is False),
        float(same is True),
        float(same is False),
        cosine,
        inexact / USUAL,
    )


USUAL = log(100)
FEW = 100
WEIGHTS: Features = (1.43, 0.38, -9.46, 0.15, -5.80, 4.42, -4.66, 1.59, 1.56)
NONE = 3.92
"""What "none of ours" scores. Fitted on seeds 0 and 2 of demo.lookalikes."""
# With 0.95 automatic matches are right in 98 % and more on sets not tuned on.
AUTOMATIC, REVIEW = 0.95, 0.2
"""From so likely on: matched without a person; shown to one."""


def likelihoods(pairs: Sequence[Features]) -> list[float]:
    """Return how likely each candidate is the same product; the rest is "none"."""
    scores = [sum(w * x for w, x in zip(WEIGHTS, one, strict=True)) for one in pairs]
    # Taken off all, so that no exp overflows.
    top = max([NONE, *scores])
    whole = exp(NONE - top) + sum(exp(score - top) for score in scores)
    return [exp(score - top) / whole for score in scores]


@lru_cache(maxsize=500_000)
def sizes_same(one: str, other: str) -> bool | None:
    """Say whether two labels mean the same; kept, since labels come again and again."""
    return sizes.same(one, other) if one and other else None


def _words(text: str) -> tuple[str, ...]:
    # é comes apart into e and a mark, which goes.
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    # Chinese has no spaces: each character is a word.
    parts = _SPLIT.split(_CJK.sub(r" \1 ", plain))
    return tuple(p for p in parts if p and p not in STOP)


def _branded(
    brand: Sequence[str], theirs: Read, brands: frozenset[str]
) -> tuple[bool | None, Sequence[str]]:
    """Say whether theirs has our brand, in its field or its name; and the name's rest.

    None: one of both says none. A word that is another brand of ours says no.
    """
    if not brand:
        return (False if theirs.brand else None), theirs.words
    if theirs.brand:
        fits = all(any(alike(b, t) >= CLOSE for t in theirs.brand) for b in brand)
        rest = [w for w in theirs.words if w not in brand and w not in theirs.brand]
        return fits, rest
    rest = [w for w in theirs.words if not any(alike(b, w) >= CLOSE for b in brand)]
    if len(rest) < len(theirs.words):
        return True, rest
    return (False if brands.intersection(rest) else None), rest


CLOSE = 0.75


def _aligned(
    ours: Sequence[str], theirs: Sequence[str], shelf: Known
) -> tuple[float, float, float]:
    """Return the weight of ours without a counterpart, of theirs, and of inexact pairs.

    Pairs are taken from the most alike on, each word once.
    """
    pairs = sorted(
        (
            (near, i, j)
            for i, one in enumerate(ours)
            for j, other in enumerate(theirs)
            if (near := alike(one, other)) >= CLOSE
        ),
        reverse=True,
    )
    left, right = set(range(len(ours))), set(range(len(theirs)))
    inexact = 0.0
    for near, i, j in pairs:
        if i in left and j in right:
            left.discard(i)
            right.discard(j)
            inexact += (1 - near) * shelf.of(ours[i])
    lost = sum(shelf.of(ours[i]) for i in left)
    missed = sum(min(shelf.of(theirs[j]), USUAL) for j in right if _tells(theirs[j]))
    return lost, missed, inexact


def _tells(word: str) -> bool:
    """Say whether a word that we lack may say something: not a letter by itself."""
    return len(word) > 1 or not (word.isascii() and word.isalpha())


@lru_cache(maxsize=2_000_000)
def alike(one: str, other: str) -> float:
    """Return how alike two words are in [0, 1]: less for slips and shortenings."""
    if one == other:
        return 1.0
    short, long = sorted((one, other), key=len)
    if short[0] != long[0] or len(short) < 3:
        return 0.0
    # 100 and 10 are two things, not a slip.
    if any(c.isdigit() for c in one + other):
        return 0.0
    # Compiled; difflib takes 40 times as long and knows no distance.
    slips = DamerauLevenshtein.distance(one, other, score_cutoff=2)
    if len(long) >= 4 and slips <= (1 if len(long) < 8 else 2):
        return 1 - slips * 0.1
    if long.startswith(short):
        return 0.85
    return 0.8 if len(long) >= 5 and _shortened(short, long) else 0.0


def _shortened(short: str, long: str) -> bool:
    """Say whether the short word is the long one, most of its consonants kept."""
    letters = iter(long)
    # `in` takes from the iterator up to the letter: so they are looked for in order.
    if not all(letter in letters for letter in short):
        return False
    consonants = [c for c in long[1:] if c not in "aeiouy"]
    kept = sum(c not in "aeiouy" for c in short[1:])
    return kept >= 0.6 * len(consonants)
