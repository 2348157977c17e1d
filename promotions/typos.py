"""Misspelt words of customers, put right by the words that we know. Pure.

Only English: Chinese typing errors are other words, which the vectors forgive. A word
is changed if one known word alone is near it (restricted Damerau-Levenshtein, as
`rapidfuzz` reckons it: a slip is a letter too much, too few, wrong, or two swapped).
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from rapidfuzz import process
from rapidfuzz.distance import OSA

WORD = re.compile(r"[A-Za-z']+")
SHORTEST = 4
SHORTHAND = {
    "u": "you",
    "ur": "your",
    "r": "are",
    "pls": "please",
    "plz": "please",
    "thx": "thanks",
    "dont": "don't",
    "doesnt": "doesn't",
    "cant": "can't",
    "wont": "won't",
    "didnt": "didn't",
    "isnt": "isn't",
    "whats": "what's",
    "wheres": "where's",
    "im": "i'm",
    "ive": "i've",
    "wanna": "want to",
    "gonna": "going to",
    "wat": "what",
    "wen": "when",
    "y": "why",
    "2day": "today",
}


def corrector(words: Mapping[str, int]) -> Callable[[str], str]:
    """Return a function that puts a text's words right by these, and their counts."""
    # Shorter ones are near too many others.
    known = sorted(word for word in words if len(word) >= SHORTEST)
    have = frozenset(words)

    @lru_cache(maxsize=10_000)
    def right(word: str) -> str:
        low = word.lower()
        if low in SHORTHAND:
            return SHORTHAND[low]
        # A plural of what is known is no slip.
        if len(low) < SHORTEST or low in have or low.rstrip("s") in have:
            return word
        # In a short word a second slip makes it another word.
        most = 1 if len(low) < 7 else 2
        near = process.extract(
            low, known, scorer=OSA.distance, score_cutoff=most, limit=8
        )
        if not near:
            return word
        # Of equally near ones, that which begins alike (slips are rare at the start),
        # has nothing left out, or is the more usual.
        best = min(
            near,
            key=lambda one: (
                one[1],
                one[0][0] != low[0],
                len(one[0]) < len(low),
                -words[one[0]],
            ),
        )
        return str(best[0])

    return lambda text: WORD.sub(lambda found: right(found[0]), text)
