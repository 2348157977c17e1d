"""What is asked: kinds of questions, with what they name, and how sure that is.

A text is read clause by clause, so that two questions in one are both found; what it
is compared with is in promotions.lessons.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ml import sentences
from promotions import extracts, intents, spelt
from promotions.extracts import Named
from promotions.lessons import HELP, knowledge
from promotions.models import HelpText

# With these limits 98.0 % of a stranger's 150 questions, asked once, were right or
# handed over, and 85.9 % of those that can be answered were.
SURE = 0.65
"""A clause, or a text whose clauses say nothing on their own, is answered if it is so
likely understood; else a person is asked."""
SURE_TO_DECLINE = 0.8
"""What would be declined may be a complaint, or their own data: a person is asked."""
COVERS = 0.92
"""How sure a text as a whole must be for a clause that says nothing to belong to it."""
SAME = 0.85
"""How near the nearest line of a help text must be to count whatever else is likely."""
MOST = 3
CHATTER = ("hello", "thanks")
DECLINED = ("offtopic", "others", "coming")
DOUBTED = 0.5


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

    `unclear`: a clause beside them asks for something else, nobody knows what.
    `likely`: what it might be, for the agent. `chance`: of the least sure.
    """

    wanted: Sequence[Wanted] = ()
    unclear: bool = False
    named: Named = field(default_factory=Named)
    chance: float = 0.0
    likely: Sequence[Wanted] = ()


def understand(text: str, language: str, *, orders: Container[str] = ()) -> Understood:
    """Find what is asked; `orders` are the customer's own."""
    if not extracts.says(text):
        return Understood()
    known = knowledge()
    parts = extracts.clauses(text) or [text]
    # The whole text comes last: of a single clause it is that clause, and is read once.
    pieces = parts if parts == [text] else [*parts, text]
    # Before misspelt words are put right: a code must not become a word.
    named = [extracts.named(one, known.words, orders) for one in pieces]
    plain = [
        extracts.disguised(known.put_right(extracts.masked(one, its)), known.words)
        for one, its in zip(pieces, named, strict=True)
    ]
    meaning = sentences.encode([spelt.plain(one) for one in plain])
    guesses = known.classifier.guess(plain, meaning)
    hits = known.helping.guess(plain, meaning)
    texts = known.texts.get(language, {})
    rows = zip(plain, named, guesses, hits, strict=True)
    read = [_wanted(*row, texts) for row in rows]
    return _chosen(read[: len(parts)], read[-1])


def nearest(text: str, language: str, *, most: int) -> list[HelpText]:
    """Return the help texts that are nearest to a question, for an agent to choose."""
    known = knowledge()
    plain = known.put_right(text)
    slugs = known.helping.ranked(plain, sentences.encode([spelt.plain(plain)])[0])
    texts = known.texts.get(language, {})
    return [texts[slug] for slug in slugs if slug in texts][:most]


def _doubted(guess: intents.Guess, clause: str, named: Named) -> intents.Guess:
    """Doubt what the words say, where what is named or asked speaks against it.

    Who asks says more than hello; who names a code may ask for what it is worth.
    """
    # DOUBTED is below SURE, so the clause alone is not answered.
    chatty = guess.kind in CHATTER and extracts.asks(clause)
    coded = guess.kind == "offtopic" and named.codes
    most = DOUBTED if chatty or coded else 1.0
    return replace(guess, chance=min(guess.chance, most))


def _wanted(
    clause: str,
    named: Named,
    guess: intents.Guess,
    hit: intents.Guess,
    texts: Mapping[str, HelpText],
) -> Wanted:
    """Say what a clause asks for; `hit` is the help text that fits best."""
    guess = _doubted(guess, clause, named)
    wanted = Wanted(kind=guess.kind, chance=guess.chance, clause=clause, named=named)
    text = texts.get(hit.kind)
    if guess.kind == HELP and named.codes:  # a text says nothing of this very code
        return replace(wanted, kind="code")
    if guess.kind == HELP:
        # Both must be right: that it asks for a text, and which.
        chance = guess.chance * hit.chance if text else guess.chance
        return replace(wanted, chance=chance, text=text)
    # Only where no kind is sure: nearness alone must not overrule a kind.
    if text and guess.chance < SURE and hit.near >= SAME:
        return replace(wanted, kind=HELP, chance=hit.chance, text=text)
    if guess.kind == "missing" and named.codes:  # what this very code asks for
        return replace(wanted, kind="code")
    return wanted


def _chosen(parts: Sequence[Wanted], whole: Wanted) -> Understood:
    """Take the clauses that are sure, or else the text as a whole."""
    sure = [one for one in parts if _is_sure(one)]
    telling = [_texted(one, whole) for one in sure if one.kind not in CHATTER]
    if any(one.text or one.kind != HELP for one in telling):
        # What else seemed to ask for a text belongs to this.
        telling = [one for one in telling if one.text or one.kind != HELP]
    # Where the text as a whole asks for what was understood, it asks for nothing else.
    covered = whole.chance >= COVERS and whole.kind in {one.kind for one in telling}
    # What is unclear is looked for beside what is sure only: else all goes to a person.
    rest = parts if telling and not covered else []
    if not telling and _is_sure(whole):
        telling = [whole]
    chosen: dict[Any, Wanted] = {}
    for one in telling or sure:
        # Two of a kind may ask for two things: the same reply is given once.
        about = one.text.slug if one.text else one.clause
        chosen.setdefault((one.kind, about), one)
    wanted = list(chosen.values())[:MOST]
    # As sure as its least sure part.
    chance = min((one.chance for one in wanted), default=whole.chance)
    return Understood(
        wanted=wanted,
        unclear=any(_is_unclear(one, wanted) for one in rest),
        named=whole.named,
        chance=chance,
        likely=[*wanted, *parts, whole],
    )


def _is_unclear(one: Wanted, wanted: Sequence[Wanted]) -> bool:
    """Say whether a clause asks for something that none of the questions is."""
    known = {other.kind for other in wanted} | {*CHATTER}
    return not _is_sure(one) and one.kind not in known and extracts.asks(one.clause)


def _texted(one: Wanted, whole: Wanted) -> Wanted:
    """A clause that finds no help text has that of the text as a whole, if any."""
    found = one.kind == HELP and one.text is None and whole.text
    return replace(one, text=found) if found else one


def _is_sure(one: Wanted) -> bool:
    return one.chance >= (SURE_TO_DECLINE if one.kind in DECLINED else SURE)
