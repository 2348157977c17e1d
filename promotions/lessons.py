"""What questions are compared with: examples of ours, help texts, agents' words.

Prepared once a process, and anew when a text is published or an agent has said what
was right. Our own examples and their vectors are shipped; after a change of the file,
run `manage.py encode_examples`.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from django.db import DatabaseError
from numpy.typing import NDArray

from ml import sentences
from promotions import help_texts, intents, spelt, typos
from promotions.models import Conversation, Example, HelpText

HELP = "help"
log = logging.getLogger(__name__)
FILE = Path(__file__).parent / "knowledge" / "intents.txt"
SHIPPED = FILE.with_name("vectors.npz")
"""The vectors of our own examples, so that the first question need not wait."""
FINE = 500
"""Steps of a shipped vector's unit: no number of one is above a quarter."""
FITS = np.array([6.04, 3.41, 4.34, -6.22])
"""How far to believe that a help text is the right one, as demo.bench.helping learns it
from ways to ask for the demo shop's texts: `make bench-assistant` shows both.
"""
KIND = re.compile(r"\[[a-z]+\]")
SENTENCE = re.compile(r"(?<=[.!?。！？；])\s*")


class Words:
    """Words that are known, or misspelt ones of these."""

    def __init__(
        self, known: Mapping[str, int], put_right: Callable[[str], str]
    ) -> None:
        self.known, self.put_right = known, put_right

    def __contains__(self, word: object) -> bool:
        low = str(word).lower()
        return low in self.known or self.put_right(low) != low


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """All that questions are compared with.

    `classifier` tells kinds apart, `helping` help texts by their slugs; `texts` are
    those that are published, by language and slug.
    """

    classifier: intents.Classifier
    words: Words
    put_right: Callable[[str], str]
    texts: Mapping[str, Mapping[str, HelpText]]
    helping: intents.Classifier


_lock = Lock()
_kept: dict[str, Any] = {}


def knowledge() -> Knowledge:
    """Return what is known now; prepared again if something has changed.

    That takes a second after an agent's word, 6 s at first (one core of an AMD EPYC):
    one question waits, others are read by what was known before.
    """
    stamp = help_texts.stamp()
    # Only the first question of a process has nothing to be read by, and waits.
    if _kept.get("stamp") != stamp and _lock.acquire(blocking=not _kept):
        try:
            # Who waited finds it prepared by the other.
            if _kept.get("stamp") != stamp:
                _kept["knowledge"], _kept["stamp"] = _prepared(), stamp
        finally:
            _lock.release()
    known: Knowledge = _kept["knowledge"]
    return known


def warm() -> None:
    """Prepare a process in which questions are asked, before somebody waits for it.

    That takes 6 s of one core of an AMD EPYC; where nobody has asked yet, nothing is.
    """
    try:
        if Conversation.objects.exists():
            knowledge()
    except DatabaseError as error:
        log.warning("what questions are compared with waits: %s", error)


def _prepared() -> Knowledge:
    rows = help_texts.published()
    said = list(Example.objects.values_list("text", "kind", "slug"))
    examples = dict(built_in())
    examples |= {text: HELP for row in rows for text in (row.title, *row.asked)}
    # Last: an agent's word overrules what was shipped of the same text.
    examples |= {text: kind for text, kind, _ in said}
    bodies = [row.body for row in rows]
    counts = Counter(
        word.lower()
        for text in [*examples, *bodies]
        for word in typos.WORD.findall(text)
    )
    put_right = typos.corrector(counts)
    by: dict[str, dict[str, HelpText]] = {row.language: {} for row in rows}
    for row in rows:
        by[row.language][row.slug] = row
    return Knowledge(
        classifier=_learnt("kinds", examples, _belief()),
        words=Words(counts, put_right),
        put_right=put_right,
        texts=by,
        helping=_helping(rows, {text: slug for text, _, slug in said if slug}),
    )


def _helping(rows: Sequence[HelpText], said: Mapping[str, str]) -> intents.Classifier:
    """Learn which text helps, in every language at once: vectors know no borders."""
    lines = {line: row.slug for row in rows for line in (*told(row), *row.asked)}
    known = {row.slug for row in rows}
    lines |= {text: slug for text, slug in said.items() if slug in known}
    lines = lines or {HELP: ""}  # a shop without a text: nothing helps
    return _learnt("texts", lines, FITS)


def told(row: HelpText) -> list[str]:
    """Return what a help text says: its sentences, and its title."""
    return [*filter(None, SENTENCE.split(row.body)), row.title]


_fits: dict[str, tuple[Mapping[str, str], intents.Classifier]] = {}


def _learnt(
    name: str, examples: Mapping[str, str], belief: NDArray[np.float64]
) -> intents.Classifier:
    """Learn from examples, unless the last ones of this name were the same."""
    known = _fits.get(name)
    if known is None or known[0] != examples:
        texts, labels = list(examples), list(examples.values())
        before = known[1] if known else None
        found = intents.fit(texts, labels, vectors(texts), belief, before=before)
        known = _fits[name] = examples, found
    return known[1]


@cache
def built_in() -> Sequence[tuple[str, str]]:
    """Return our own examples: (text, kind)."""
    kind, found = "", []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        # The whole line: an example may begin like a section (one
        # took five others with it).
        if KIND.fullmatch(line):
            kind = line.strip("[]")
        # With the space: an example may begin with a hash, as numbers of orders do.
        elif line and not line.startswith("# "):
            found.append((line, kind))
    return found


KINDS = tuple(dict.fromkeys(kind for _, kind in built_in()))
MOST_VECTORS = 50_000
_vectors_of: dict[str, NDArray[np.float32]] = {}


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return texts' vectors; a process reckons each once."""
    plain = [spelt.plain(one) for one in texts]
    # Of 512 float32 each: 100 MB.
    if len(_vectors_of) > MOST_VECTORS:
        _vectors_of.clear()
    if not _vectors_of:
        _vectors_of.update(_shipped())
    new = [one for one in dict.fromkeys(plain) if one not in _vectors_of]
    _vectors_of.update(zip(new, sentences.encode(new), strict=True))
    return np.array([_vectors_of[one] for one in plain])


def ship() -> None:
    """Write our own examples' vectors, and how far guesses by them can be believed.

    By `manage.py encode_examples`.
    """
    texts = [spelt.plain(text) for text, _ in built_in()]
    rows = sentences.encode(texts)
    np.savez_compressed(
        SHIPPED,
        model=sentences.MODEL,
        texts="\n".join(texts),
        rows=np.rint(FINE * rows).astype(np.int8),
        belief=intents.belief_of(texts, [kind for _, kind in built_in()], rows),
    )


def _belief() -> NDArray[np.float64]:
    with np.load(SHIPPED) as kept:
        return np.asarray(kept["belief"])


def _shipped() -> dict[str, NDArray[np.float32]]:
    """Vectors of another model say nothing; a new text's are reckoned."""
    with np.load(SHIPPED) as kept:
        if str(kept["model"]) != sentences.MODEL:
            return {}
        rows = kept["rows"].astype(np.float32)
        # Rounded to eight bits, they are not quite of length one any more.
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return dict(zip(str(kept["texts"]).split("\n"), rows, strict=True))
