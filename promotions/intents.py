"""Which kind of question a text is, learnt from examples. Pure.

Kernel ridge regression on one output a kind (Rifkin & Klautau, JMLR 2004): two texts
are alike by their sentence vectors' cosine (what they mean, in either language) and by
the letters they share (how they are spelt). A new example, as an agent's word on an
answer, is one more row. How far the outputs can be believed is learnt by leaving each
example out, which has a closed form (Rasmussen & Williams 2006, 5.4.2): a logistic of
the best output, and of how far it leads.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
BINS = 4096
SHARPNESS, LETTERS, RIDGE = 1.5, 0.3, 0.1
"""Chosen by leaving each of the first 1,500 examples out; what shares letters without
meaning the same counts little, and keeps words that the vectors do not know."""
SMALL = 256
WORD = re.compile(r"[a-z0-9']+|[\u3400-\u9fff]+")
CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A kind of question, how likely it is that, and the next likely kind.

    `near`: how alike the nearest example is, 0 to 1.
    """

    kind: str
    chance: float
    second: str
    near: float


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """What was learnt: see `fit`."""

    kinds: Sequence[str]
    meaning: Vectors
    letters: Vectors
    rarity: Vectors
    weights: Floats
    belief: Floats

    def guess(self, texts: Sequence[str], meaning: Vectors) -> list[Guess]:
        """Guess what texts are, given their sentence vectors."""
        if not texts:
            return []
        letters = spelt(texts, self.rarity)
        outputs = _kernel(meaning, letters, self.meaning, self.letters) @ self.weights
        near = (meaning @ self.meaning.T).max(1)
        return [
            self._guess(row, float(nearest))
            for row, nearest in zip(outputs, near, strict=True)
        ]

    def _guess(self, outputs: Floats, near: float) -> Guess:
        first, second = np.argsort(-outputs)[:2]
        chance = _logistic(_facts(outputs[None], np.array([near])) @ self.belief)[0]
        return Guess(
            kind=self.kinds[first],
            chance=float(chance),
            second=self.kinds[second],
            near=near,
        )


def fit(texts: Sequence[str], labels: Sequence[str], meaning: Vectors) -> Classifier:
    """Learn from examples: texts, their kinds and their sentence vectors."""
    kinds = sorted(set(labels))
    rarity = rarity_of(texts)
    letters = spelt(texts, rarity)
    truth = np.array([[float(label == kind) for kind in kinds] for label in labels])
    truth -= 1 / len(kinds)
    # A kind of few examples counts as much as one of many.
    counts = Counter(labels)
    noise = np.array([counts[label] ** 0.5 for label in labels])
    noise *= RIDGE / noise.mean()
    kernel = _kernel(meaning, letters, meaning, letters)
    inverse = _inverse(kernel + np.diag(noise))
    weights = inverse @ truth
    left_out = truth - weights / np.diag(inverse)[:, None]
    near = meaning @ meaning.T
    np.fill_diagonal(near, 0)
    right = np.array([kinds[i] for i in left_out.argmax(1)]) == np.array(labels)
    belief = _believed(_facts(left_out, near.max(1)), right.astype(float))
    return Classifier(
        kinds=kinds,
        meaning=meaning,
        letters=np.asfortranarray(letters),
        rarity=rarity,
        weights=weights,
        belief=belief,
    )


def plain(text: str) -> str:
    """Return a text without what does not tell questions apart."""
    return unicodedata.normalize("NFKC", text).lower().replace("’", "'").strip()


@lru_cache(maxsize=4096)
def grams(text: str) -> tuple[int, ...]:
    """Return the bins of a text's pieces: words, three to five letters, Han pairs."""
    found: list[str] = []
    for word in WORD.findall(plain(text)):
        if CJK.match(word):
            found += word
            found += [word[i : i + 2] for i in range(len(word) - 1)]
            found += [word[i : i + 3] for i in range(len(word) - 2)]
        else:
            found.append(f"={word}")
            edged = f"<{word}>"
            for size in (3, 4, 5):
                found += [edged[i : i + size] for i in range(len(edged) - size + 1)]
    return tuple(crc32(one.encode()) % BINS for one in found)


def spelt(texts: Sequence[str], rarity: Vectors) -> Vectors:
    """Return how texts are spelt, one row each, of length one (0 for an empty one)."""
    rows = np.zeros((len(texts), BINS), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for bin_, times in Counter(grams(text)).items():
            row[bin_] = (1 + np.log(times)) * rarity[bin_]
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), np.float32)


def rarity_of(texts: Sequence[str]) -> Vectors:
    """Inverse document frequencies (Spärck Jones 1972)."""
    seen = np.zeros(BINS)
    for text in texts:
        seen[list(set(grams(text)))] += 1
    return np.asarray(np.log((1 + len(texts)) / (1 + seen)) + 1, np.float32)


def _kernel(
    meaning: Vectors, letters: Vectors, others: Vectors, their: Vectors
) -> Floats:
    """How alike texts are: positive definite, and near ones count for more."""
    cosines = np.asarray(meaning @ others.T, float)
    used = letters.any(axis=0)  # a question uses a few bins of all
    shared = letters[:, used] @ their[:, used].T
    near = np.exp(SHARPNESS * (cosines - 1)) + LETTERS * shared
    return np.asarray(near)


def _inverse(matrix: Floats) -> Floats:
    """Invert a positive definite matrix by halves (Strassen 1969, without his product).

    NumPy has no Cholesky inverse; products are several times faster than its LU.
    """
    if len(matrix) <= SMALL:
        return np.asarray(np.linalg.inv(matrix))
    half = len(matrix) // 2
    first = _inverse(matrix[:half, :half])
    beside = first @ matrix[:half, half:]
    last = _inverse(matrix[half:, half:] - matrix[half:, :half] @ beside)
    found = np.empty_like(matrix)
    found[:half, half:] = -beside @ last
    found[half:, :half] = found[:half, half:].T
    found[:half, :half] = first - found[:half, half:] @ beside.T
    found[half:, half:] = last
    return found


def _facts(outputs: Floats, near: Floats) -> Floats:
    """What belief rests on: the best output, its lead, the nearest example, 1."""
    best = np.sort(outputs, axis=1)[:, ::-1]
    lead = best[:, 0] - best[:, 1]
    return np.column_stack([best[:, 0], lead, near, np.ones(len(outputs))])


def _believed(facts: Floats, right: Floats) -> Floats:
    """Fit a logistic by Newton's method, with a little ridge."""
    belief = np.zeros(facts.shape[1])
    for _ in range(25):
        chance = _logistic(facts @ belief)
        slope = facts.T @ (right - chance) - 0.1 * belief
        curve = (facts * (chance * (1 - chance))[:, None]).T @ facts
        belief += np.linalg.solve(curve + 0.1 * np.eye(len(belief)), slope)
    return belief


def _logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))
