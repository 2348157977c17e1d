"""What is asked: kinds of questions, with what they name, and how sure that is.

What is known (examples, help texts, agents' words) is prepared once a process, and anew
when a text is published or an agent has said what was right. A text is read clause by
clause, so that two questions in one are both found.
"""

import re
from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import sentences
from promotions import extracts, help_texts, intents, passages, spelt, typos
from promotions.extracts import Named
from promotions.models import Example, HelpText

SURE = 0.65
"""A clause is answered if it is so likely understood; else a person is asked."""
SURE_TO_DECLINE = 0.7
"""What would be declined as off the topic may be a complaint: a person is asked."""
WHOLE = 0.65
"""The same for a text as a whole, whose clauses say nothing on their own."""
COVERS = 0.92
"""How sure a text as a whole must be for a clause that says nothing to belong to it."""
HELP_LEAST, HELP_ALONE = 0.45, 0.72
"""How well a help text must fit: what seems to ask for one, and whatever else."""
MOST = 3
HELP = "help"
CHATTER = ("hello", "thanks")
DOUBTED = 0.5
FILE = Path(__file__).parent / "knowledge" / "intents.txt"
SHIPPED = FILE.with_name("vectors.npz")
"""The vectors of our own examples, so that the first question need not wait."""
FINE = 500
"""Steps of a shipped vector's unit: no number of one is above a quarter."""
SENTENCE = re.compile(r"(?<=[.!?。！？；])\s*")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One of the questions of a text, and what it names.

    `text` is the help text that answers it.
    """

    kind: str
    chance: float
    clause: str
    named: Named = field(default_factory=Named)
    text: HelpText | None = None


@dataclass(frozen=True, kw_only=True)
class Understood:
    """A text's questions, and what it names; none if it is not sure.

    `unclear`: clauses beside them that ask for something else, nobody knows what.
    `likely`: what it might be, for the agent. `chance`: of the least sure.
    """

    wanted: Sequence[Wanted] = ()
    unclear: Sequence[str] = ()
    named: Named = field(default_factory=Named)
    chance: float = 0.0
    likely: Sequence[Wanted] = ()


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
    """All that questions are compared with."""

    classifier: intents.Classifier
    words: "Words"
    put_right: Callable[[str], str]
    texts: Mapping[str, Sequence[HelpText]]
    passages: Mapping[str, passages.Passages]


def understand(text: str, language: str, *, orders: Container[str] = ()) -> Understood:
    """Find what is asked; `orders` are the customer's own."""
    known = knowledge()
    parts = extracts.clauses(text) or [text]
    pieces = parts if parts == [text] else [*parts, text]
    named = [extracts.named(one, known.words, orders) for one in pieces]
    plain = [
        extracts.disguised(known.put_right(extracts.masked(one, its)), known.words)
        for one, its in zip(pieces, named, strict=True)
    ]
    meaning = sentences.encode([spelt.plain(one) for one in plain])
    guesses = known.classifier.guess(plain, meaning)
    read = [
        _wanted(*row, language, known)
        for row in zip(plain, named, guesses, meaning, strict=True)
    ]
    return _chosen(read[: len(parts)], read[-1])


def nearest(text: str, language: str, *, most: int) -> list[HelpText]:
    """Return the help texts that are nearest to a question, for an agent to choose."""
    known = knowledge()
    found = known.passages.get(language)
    if found is None:
        return []
    plain = known.put_right(text)
    meaning = sentences.encode([spelt.plain(plain)])[0]
    return [
        known.texts[language][hit.of] for hit in found.find(plain, meaning, most=most)
    ]


def _doubted(guess: intents.Guess, clause: str, named: Named) -> intents.Guess:
    """Doubt what the words say, where what is named or asked speaks against it.

    Who asks says more than hello; who names a code may ask for what it is worth.
    """
    chatty = guess.kind in CHATTER and extracts.asks(clause)
    coded = guess.kind == "offtopic" and named.codes
    return (
        replace(guess, chance=min(guess.chance, DOUBTED)) if chatty or coded else guess
    )


def _wanted(
    clause: str,
    named: Named,
    guess: intents.Guess,
    meaning: NDArray[np.float32],
    language: str,
    known: Knowledge,
) -> Wanted:
    guess = _doubted(guess, clause, named)
    found = known.passages.get(language)
    hits = found.find(clause, meaning, most=1) if found else []
    hit = hits[0] if hits else None
    if hit and hit.score >= (HELP_LEAST if guess.kind == HELP else HELP_ALONE):
        # A text that fits this well is as good as a kind that was learnt.
        sure = max(guess.chance, hit.score) if guess.kind == HELP else hit.score
        if guess.kind == HELP and named.codes:  # a text says nothing of this very code
            return Wanted(kind="code", chance=sure, clause=clause, named=named)
        if guess.kind == HELP or guess.chance < SURE:
            text = known.texts[language][hit.of]
            return Wanted(kind=HELP, chance=sure, clause=clause, named=named, text=text)
    return Wanted(kind=guess.kind, chance=guess.chance, clause=clause, named=named)


def _chosen(parts: Sequence[Wanted], whole: Wanted) -> Understood:
    """Take the clauses that are sure, or else the text as a whole."""
    sure = [one for one in parts if one.chance >= _least(one.kind, SURE)]
    telling = [_texted(one, whole) for one in sure if one.kind not in CHATTER]
    if any(one.text or one.kind != HELP for one in telling):
        # What else seemed to ask for a text belongs to this.
        telling = [one for one in telling if one.text or one.kind != HELP]
    # Where the text as a whole asks for what was understood, it asks for nothing else.
    covered = whole.chance >= COVERS and whole.kind in {one.kind for one in telling}
    rest = parts if telling and not covered else []
    if not telling and whole.chance >= _least(whole.kind, WHOLE):
        telling = [whole]
    chosen: dict[Any, Wanted] = {}
    for one in telling or sure:
        # Two of a kind may ask for two things: the same reply is given once.
        about = one.text.slug if one.text else one.clause
        chosen.setdefault((one.kind, about), one)
    wanted = list(chosen.values())[:MOST]
    chance = min((one.chance for one in wanted), default=whole.chance)
    return Understood(
        wanted=wanted,
        unclear=[one.clause for one in rest if _is_unclear(one, wanted)],
        named=whole.named,
        chance=chance,
        likely=[*wanted, *parts, whole],
    )


def _is_unclear(one: Wanted, wanted: Sequence[Wanted]) -> bool:
    """Say whether a clause asks for something that none of the questions is."""
    known = {other.kind for other in wanted} | {*CHATTER}
    unsure = one.chance < _least(one.kind, SURE)
    return unsure and one.kind not in known and extracts.asks(one.clause)


def _texted(one: Wanted, whole: Wanted) -> Wanted:
    """A clause that finds no help text has that of the text as a whole, if any."""
    found = one.kind == HELP and one.text is None and whole.text
    return replace(one, text=found) if found else one


def _least(kind: str, usual: float) -> float:
    return SURE_TO_DECLINE if kind == "offtopic" else usual


_lock = Lock()
_kept: dict[str, Any] = {}


def knowledge() -> Knowledge:
    """Return what is known now; prepared again if something has changed.

    That takes seconds: one question waits, others are read by what was known before.
    """
    stamp = help_texts.stamp()
    if _kept.get("stamp") != stamp and _lock.acquire(blocking=not _kept):
        try:
            if _kept.get("stamp") != stamp:
                _kept["knowledge"], _kept["stamp"] = _prepared(), stamp
        finally:
            _lock.release()
    known: Knowledge = _kept["knowledge"]
    return known


def _prepared() -> Knowledge:
    rows = help_texts.published()
    said = list(Example.objects.values_list("text", "kind", "slug"))
    examples = dict(built_in())
    examples |= {text: HELP for row in rows for text in (row.title, *row.asked)}
    examples |= {text: kind for text, kind, _ in said}
    texts, labels = list(examples), list(examples.values())
    counts = Counter(
        word.lower()
        for text in [*texts, *(row.body for row in rows)]
        for word in typos.WORD.findall(text)
    )
    languages = {row.language for row in rows}
    by = {one: [row for row in rows if row.language == one] for one in languages}
    more: dict[str, list[str]] = {}
    for text, _, slug in said:
        more.setdefault(slug, []).append(text)
    put_right = typos.corrector(counts)
    return Knowledge(
        classifier=intents.fit(texts, labels, _vectors(texts), _belief()),
        words=Words(counts, put_right),
        put_right=put_right,
        texts=by,
        passages={one: _indexed(mine, more) for one, mine in by.items()},
    )


def _indexed(
    rows: Sequence[HelpText], more: Mapping[str, Sequence[str]]
) -> passages.Passages:
    """Every language's examples lead to a text: vectors know no borders."""
    entries = [
        passages.Entry(of=place, text=text)
        for place, row in enumerate(rows)
        for text in (
            row.title,
            *row.asked,
            *filter(None, SENTENCE.split(row.body)),
            *more.get(row.slug, ()),
        )
    ]
    return passages.index(entries, _vectors([one.text for one in entries]))


@cache
def built_in() -> Sequence[tuple[str, str]]:
    """Return our own examples: (text, kind)."""
    kind, found = "", []
    for line in FILE.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((line, kind))
    return found


KINDS = tuple(dict.fromkeys(kind for _, kind in built_in()))
_vectors_of: dict[str, NDArray[np.float32]] = {}


def _vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return texts' vectors; a process reckons each once."""
    plain = [spelt.plain(one) for one in texts]
    if not _vectors_of:
        _vectors_of.update(_shipped())
    new = [one for one in dict.fromkeys(plain) if one not in _vectors_of]
    if len(_vectors_of) > 50_000:
        _vectors_of.clear()
        new = list(dict.fromkeys(plain))
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
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return dict(zip(str(kept["texts"]).split("\n"), rows, strict=True))
