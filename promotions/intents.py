"""Which kind of question a text is, learnt from examples. Pure.

Ridge regression on one output a kind (Rifkin & Klautau, JMLR 2004), over sentence
vectors (what a text means, in either language) and its pieces (how it is spelt). Solved
by conjugate gradients, which needs products alone: 3 s for 5,400 examples on one core
of an AMD EPYC, and 1 s where nearly the same was known before. An agent's word on an
answer is one more row.

How far the outputs can be believed is a logistic of the best one, of how far it leads,
and of how near the nearest example is; it was learnt beforehand, on examples that the
outputs had not seen (`belief_of`), and comes in as four numbers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promotions import spelt
from promotions.spelt import Spelling

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
MEANING, RIDGE = 0.6, 0.6
"""How much meaning counts beside spelling, and how much the weights are held back."""
ROUNDS, ENOUGH = 200, 3e-3
"""Of conjugate gradients; what is left over, as a share of what there was. Outputs are
then within .002 of the solution, or .02 where they began with what was known before."""
ALIKE = 0.85
"""The cosine from which two examples say the same."""


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A kind of question, how likely it is that, and how alike the nearest example is.

    `kind` is "" for none.
    """

    kind: str
    chance: float
    near: float


@dataclass(frozen=True, kw_only=True)
class Classifier:
    """What was learnt: see `fit`."""

    kinds: Sequence[str]
    meaning: Vectors
    spelling: Spelling
    weights: Vectors
    belief: Floats

    def guess(self, texts: Sequence[str], meaning: Vectors) -> list[Guess]:
        """Guess what texts are, given their sentence vectors."""
        if not texts:
            return []
        best, facts = self.weighed(texts, meaning)
        chances = logistic(facts @ self.belief).tolist()
        rows = zip(best, chances, facts[:, 2].tolist(), strict=True)
        return [Guess(kind=kind, chance=sure, near=near) for kind, sure, near in rows]

    def weighed(
        self, texts: Sequence[str], meaning: Vectors
    ) -> tuple[list[str], Floats]:
        """Return the best kind of each text, and what belief in it rests on.

        That is the best output, its lead, the nearest example, and 1.
        """
        outputs = _Rows(meaning, self.spelling.rows(texts)) @ self.weights
        order = np.sort(outputs, axis=1)
        second = order[:, -2] if order.shape[1] > 1 else 0
        # Vectors are of length one: products are cosines.
        near = (meaning @ self.meaning.T).max(1)
        lead = order[:, -1] - second
        facts = np.column_stack([order[:, -1], lead, near, np.ones(len(texts))])
        return [self.kinds[place] for place in outputs.argmax(1).tolist()], facts

    def ranked(self, text: str, meaning: Vectors) -> list[str]:
        """Return all kinds, the likeliest first."""
        outputs = _Rows(meaning[None], self.spelling.rows([text])) @ self.weights
        return [self.kinds[place] for place in np.argsort(-outputs[0]).tolist()]


@dataclass(frozen=True)
class _Rows:
    """Texts as the numbers that are weighed: vectors and pieces side by side."""

    meaning: Vectors
    letters: spelt.Rows

    def __matmul__(self, weights: Vectors) -> Vectors:
        size = self.meaning.shape[1]
        # The root here and in `across`: in XᵀSX meaning counts MEANING times.
        means = self.meaning @ (MEANING**0.5 * weights[:size])
        return np.asarray(means + self.letters @ weights[size:])

    def across(self, values: Vectors) -> Vectors:
        """Return the transpose's product."""
        means = MEANING**0.5 * (values.T @ self.meaning).T
        return np.concatenate([means, self.letters.across(values)])


def fit(
    texts: Sequence[str],
    labels: Sequence[str],
    meaning: Vectors,
    belief: Floats,
    *,
    before: Classifier | None = None,
) -> Classifier:
    """Learn from examples: texts, their kinds and their sentence vectors.

    `before` is what was learnt from nearly the same ones: a third of the rounds are
    enough then.
    """
    kinds = ["", *sorted({*labels} - {""})]  # none of them is one too
    spelling = spelt.learn(texts)
    hits = [[label == kind for kind in kinds] for label in labels]
    truth = np.array(hits, np.float32)
    # A kind of four times the examples counts twice as much, not four times.
    counts = Counter(labels)
    share = np.array([counts[label] ** -0.5 for label in labels], np.float32)
    share /= share.mean()
    rows = _Rows(meaning, spelling.rows(texts))
    begin = np.zeros((meaning.shape[1] + len(spelling.columns), len(kinds)), np.float32)
    # Weights have a column for each kind: with other kinds there
    # is nothing to begin with.
    if before and before.kinds == kinds:
        _begin(begin, before, spelling)
    return Classifier(
        kinds=kinds,
        meaning=meaning,
        spelling=spelling,
        weights=_solved(rows, share[:, None], truth - 1 / len(kinds), begin),
        belief=belief,
    )


def _begin(weights: Vectors, before: Classifier, spelling: Spelling) -> None:
    """Begin with the weights that the same vectors and pieces had."""
    size = before.meaning.shape[1]
    known = spelling.columns.keys() & before.spelling.columns.keys()
    old = [size + before.spelling.columns[piece] for piece in known]
    new = [size + spelling.columns[piece] for piece in known]
    weights[:size], weights[new] = before.weights[:size], before.weights[old]


def _solved(rows: _Rows, share: Vectors, truth: Vectors, weights: Vectors) -> Vectors:
    """Solve (XᵀSX + RIDGE) w = XᵀSy, one column a kind (Hestenes & Stiefel 1952).

    `weights` is where to begin.
    """

    def pull(along: Vectors) -> Vectors:
        return np.asarray(rows.across(share * (rows @ along)) + RIDGE * along)

    right = rows.across(share * truth)
    left = right - pull(weights)
    along, size, first = left, (left * left).sum(0), (right * right).sum(0)
    for _ in range(ROUNDS):
        if (size <= ENOUGH**2 * first).all():
            break
        pulled = pull(along)
        # Columns are solved side by side; one that has come to its end would be 0 / 0.
        step = size / np.maximum((along * pulled).sum(0), 1e-30)
        weights = weights + step * along
        left = left - step * pulled
        size, before = (left * left).sum(0), size
        along = left + size / np.maximum(before, 1e-30) * along
    return weights


def belief_of(
    texts: Sequence[str], labels: Sequence[str], meaning: Vectors, *, folds: int = 5
) -> Floats:
    """Learn how far outputs can be believed, from examples they have not seen.

    Examples that say the same are in one fold: what is alike would be known.
    """
    fold = folds_of(meaning, folds)
    facts, right = [], []
    for one in range(folds):
        kept, out = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        names = [labels[i] for i in kept.tolist()]
        known = [texts[i] for i in kept.tolist()]
        # Only its outputs are asked for: belief in them is what is to be learnt.
        learnt = fit(known, names, meaning[kept], np.zeros(4))
        best, seen = learnt.weighed([texts[i] for i in out.tolist()], meaning[out])
        facts.append(seen)
        rows = zip(best, out.tolist(), strict=True)
        right += [kind == labels[i] for kind, i in rows]
    return believed(np.concatenate(facts), np.array(right, float))


def folds_of(meaning: Vectors, folds: int) -> NDArray[np.int64]:
    """Give each example the fold of the first that it is like, else the next."""
    fold = np.full(len(meaning), -1)
    for i, row in enumerate(meaning):
        like = np.flatnonzero(meaning[:i] @ row >= ALIKE)
        fold[i] = fold[like[0]] if len(like) else i % folds
    return fold


def believed(facts: Floats, right: Floats, weight: Floats | None = None) -> Floats:
    """Fit a logistic by Newton's method, with a little ridge."""
    belief = np.zeros(facts.shape[1])
    weight = np.ones(len(right)) if weight is None else weight
    for _ in range(25):
        chance = logistic(facts @ belief)
        slope = facts.T @ (weight * (right - chance)) - 0.1 * belief
        curve = (facts * (weight * chance * (1 - chance))[:, None]).T @ facts
        belief += np.linalg.solve(curve + 0.1 * np.eye(len(belief)), slope)
    return belief


def logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))
