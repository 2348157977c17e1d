"""English words of ours in the language of who looks.

Rules write wordings, which remember their patterns: `said`. Much is kept or answered as
English alone: reasons of models, refusals, rows that are older than their pattern. Of
these `reread` finds the message that they were made of, among all there are; a text
that can be read in two ways stays as it is. An operator may name a thing like a message
too: what people wrote is never read again (`written`). Decision 42 says why.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import get_language, gettext, trans_real

from analytics.wording import APART, LISTED, NAMED, Wording, joined

HOLE = re.compile(r"%(?:\((\w+)\))?[.0-9]*[sdf]|\{(\w*)\}")
SENTENCE = re.compile(r".+?(?:\.\s|$)", re.DOTALL)
LETTERS = re.compile(r"[^\W\d_]")
LEAST_LETTERS = 6
"""A message of fewer could be found in anything."""
REMEMBERED = 4096
RULE = "standing rule of "
ACTORS = {
    Wording("platform"),
    Wording("the nightly schedule"),
    Wording("make run"),
    Wording("simulation (simulated)"),
}
NAMES = {
    *(Wording("unknown"), Wording("propensity"), Wording("ranking")),
    *(Wording("logistic"), Wording("tree"), Wording("forest"), Wording("boosting")),
    *(Wording("frequency"), Wording("rates"), Wording("logistic ranker")),
    *(Wording("customers"), Wording("outcomes"), Wording("days"), Wording("sources")),
    *(Wording("products"), Wording("chances"), Wording("dual"), Wording("search")),
    *(Wording("naive"), Wording("seasonal naive"), Wording("smoothing")),
    *(Wording("regression"), Wording("calendar")),
}
"""Single words that are ours where they stand in a sentence: tasks, learners, folds."""
BY_RULE = Wording("standing rule of %(by)s")
MSGSPEC = (
    Wording("Expected `%(wanted)s`, got `%(got)s`"),
    Wording("Expected `%(wanted)s` >= %(least)s"),
    Wording("Expected `%(wanted)s` > %(bound)s"),
    Wording("Expected `%(wanted)s` <= %(most)s"),
    Wording("Expected `%(wanted)s` < %(bound)s"),
    Wording("Expected `%(wanted)s` of length >= %(least)s"),
    Wording("Expected `%(wanted)s` of length <= %(most)s"),
    Wording("Expected `%(wanted)s` matching regex %(pattern)s"),
    Wording("Object missing required field `%(field)s`"),
    Wording("Object contains unknown field `%(field)s`"),
    Wording("Invalid enum value %(value)s"),
    Wording("Invalid value %(value)s"),
    Wording("Invalid UUID"),
    Wording("Invalid RFC3339 encoded datetime"),
    Wording("Invalid decimal string"),
    Wording("Input data was truncated"),
    Wording("JSON is malformed: %(why)s"),
)
"""What reads events says of what it refuses, and knows in English alone."""


def said(text: Any) -> Any:
    """Translate a wording, and the wordings in it; whatever else stays as it is."""
    if not isinstance(text, Wording) or not text.pattern:
        return text
    pattern = gettext(text.pattern)
    if not text.values:
        return pattern
    return pattern % {name: said(value) for name, value in text.values.items()}


def reread(text: str) -> str:
    """Say again what was kept in English; as it is if no message of it is known.

    Only for what the platform wrote: anybody's words may look like a message too.
    """
    language = get_language()
    if not text or not language or language == settings.LANGUAGE_CODE:
        return text
    return _reread(str(text), language)


def actor(name: str) -> str:
    """Name who did something: people by their names, the platform in words."""
    return reread(name) if _is_ours(name) else name


def written(text: str, by: str) -> str:
    """Say a comment: an operator's stays as it was written, the platform's is ours."""
    return reread(text) if _is_ours(by) else text


def _is_ours(name: str) -> bool:
    return name in ACTORS or name.startswith(RULE)


# Among 609 patterns 0.6 ms for a text, 8 ms for one that is none, 0.002 when known.
@lru_cache(REMEMBERED)
def _reread(text: str, language: str) -> str:
    if (known := gettext(text)) != text:
        return known
    if sentences := _each(SENTENCE.findall(text), language):
        return "".join(sentences)
    if text.partition(": ")[0] in NAMES:
        return _by_parts(text, language)
    found: dict[str, None] = {}
    letters = 0
    for message in _messages(language):
        # Those with most text come first: one with less of it explains the text worse.
        if found and message.letters < letters:
            break
        values = message.values_of(text)
        if values == AMBIGUOUS:
            break
        if values is not None:
            letters = message.letters
            told = [_value(one, language) for one in values]
            found[message.filled(told)] = None
    return next(iter(found)) if len(found) == 1 else _by_parts(text, language)


def _value(text: str, language: str) -> str:
    return _reread(text, language) if " " in text or text in NAMES else text


def _by_parts(text: str, language: str) -> str:
    """Say the parts of a list one by one, if each of them is known."""
    for parts, by in (
        (text.split("; "), APART),
        (text.split(": ", 1), NAMED),
        (text.split(", "), LISTED),
    ):
        if told := _each(parts, language):
            return str(said(joined(by, told)))
    return text


def _each(parts: Sequence[str], language: str) -> list[str]:
    """Return what each of several parts is said as; nothing if one is not known."""
    told = [_part(one, language) for one in parts] if len(parts) > 1 else []
    known = all(one != other for one, other in zip(told, parts, strict=False))
    return told if known else []


def _part(text: str, language: str) -> str:
    """A sentence that others follow may be a message with its space, or without."""
    for one in (text, text.rstrip(), f"{text.rstrip()} "):
        if (told := _reread(one, language)) != one:
            return told
    return text


class _Message(NamedTuple):
    """A message with values: the texts around them, their names, its translation.

    Values that nothing parts are one: the first of them has it, the others are empty.
    """

    letters: int
    texts: list[str]
    names: list[str]
    translated: str

    def values_of(self, text: str) -> list[str] | None:
        """Return what stands in a text where the message has its values.

        None if it is not of this message, AMBIGUOUS if it can be read in two ways: then
        the first place where each value could end is not the last one.
        """
        values = _split(text, self.texts, last=0)
        if values is None:
            return None
        texts = [one[::-1] for one in reversed(self.texts)]
        back = _split(text[::-1], texts, first=0)
        same = back and values == [one[::-1] for one in reversed(back)]
        return values if same else AMBIGUOUS

    def filled(self, values: Sequence[str]) -> str:
        by_name = dict(zip(self.names, values, strict=True))
        numbers = count()
        return HOLE.sub(
            lambda hole: by_name.get(_name(hole, numbers), ""), self.translated
        )


AMBIGUOUS: list[str] = []


def _name(hole: re.Match[str], numbers: Iterator[int]) -> str:
    """Return a value's name: its own, or which of the nameless ones it is."""
    return hole[1] or hole[2] or str(next(numbers))


def _split(
    text: str, texts: Sequence[str], *, first: int = 1, last: int = 1
) -> list[str] | None:
    """Return what stands between texts, each as short as can be, or None.

    `first` and `last` are the fewest letters of those values; of the others it is one.
    """
    begins, *between, ends = texts
    at, until = len(begins), len(text) - len(ends)
    if until < at or not (text.startswith(begins) and text.endswith(ends)):
        return None
    values, least = [], first
    for after in between:
        end = text.find(after, at + least, until)
        if end < 0:
            return None
        values.append(text[at:end])
        at, least = end + len(after), 1
    if until - at < (min(first, last) if not between else last):
        return None
    return [*values, text[at:until]]


@lru_cache
def _messages(language: str) -> list[_Message]:
    """Return a language's messages that have values, those of most text first."""
    catalog: Any = trans_real.translation(language)
    found = [
        _message(key, translated)
        for key, translated in catalog._catalog.items()
        # gettext puts \4 between a context and its message.
        if isinstance(key, str) and HOLE.search(key) and "\4" not in key
    ]
    known = [one for one in found if one.letters >= LEAST_LETTERS]
    return sorted(known, key=lambda one: one.letters, reverse=True)


def _message(pattern: str, translated: str) -> _Message:
    plain, numbers = _plain(pattern), count()
    texts, names, at = [""], list[str](), 0
    for hole in HOLE.finditer(plain):
        name, text = _name(hole, numbers), plain[at : hole.start()]
        if text or not names:
            texts[-1:] = [text, ""]
            names.append(name)
        at = hole.end()
    texts[-1] = plain[at:]
    letters = sum(len(LETTERS.findall(text)) for text in texts)
    return _Message(letters, texts, names, _plain(translated))


def _plain(pattern: str) -> str:
    formatted = any(hole[0].startswith("%") for hole in HOLE.finditer(pattern))
    return pattern.replace("%%", "%") if formatted else pattern
