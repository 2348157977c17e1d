"""English words of ours in the language of who looks.

Rules write wordings, which remember their patterns: `said`. Much is kept or answered as
English alone: reasons of models, refusals, rows that are older than their pattern. Of
these `reread` finds the message that they were made of, among all there are.
"""

import re
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import get_language, gettext, trans_real

from analytics.wording import APART, LISTED, NAMED, Wording, joined

HOLE = re.compile(r"%\((\w+)\)[sd]|\{(\w*)\}")
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

    Only for what the platform wrote: a customer's words may look like a message too.
    """
    language = get_language()
    if not text or not language or language == settings.LANGUAGE_CODE:
        return text
    return _reread(str(text), language)


def actor(name: str) -> str:
    """Name who did something: people by their names, the platform in words."""
    ours = name in ACTORS or name.startswith(RULE)
    return reread(name) if ours else name


@lru_cache(REMEMBERED)
def _reread(text: str, language: str) -> str:
    if (known := gettext(text)) != text:
        return known
    if text.partition(": ")[0] in NAMES:
        return _by_parts(text, language)
    for message in _messages(language):
        if (values := message.values_of(text)) is not None:
            return message.filled(
                {
                    name: _reread(one, language) if " " in one or one in NAMES else one
                    for name, one in values.items()
                }
            )
    return _by_parts(text, language)


def _by_parts(text: str, language: str) -> str:
    """Say sentences, or the parts of a list, one by one, if each of them is known."""
    for parts, by in (
        (re.split(r"(?<=\.) ", text), ""),
        (text.split("; "), APART),
        (text.split(": ", 1), NAMED),
        (text.split(", "), LISTED),
    ):
        told = [_reread(one, language) for one in parts] if len(parts) > 1 else []
        if told and all(one != other for one, other in zip(told, parts, strict=True)):
            return str(said(joined(by, told))) if by else "".join(told)
    return text


class _Message(NamedTuple):
    """A message with values: the texts around them, their names, its translation."""

    texts: list[str]
    names: list[str]
    translated: str

    def values_of(self, text: str) -> dict[str, str] | None:
        """Return what stands in a text where the message has its values, or None.

        A value ends at the first place where the message could go on; the last one
        may be empty.
        """
        first, *between, last = self.texts
        until = len(text) - len(last)
        if until < len(first) or not (text.startswith(first) and text.endswith(last)):
            return None
        at, values = len(first), dict[str, str]()
        for name, after in zip(self.names, [*between, None], strict=True):
            end = until if after is None else text.find(after, at + 1, until)
            if end < at or (end == at and after is not None):
                return None
            values.setdefault(name, text[at:end])
            at = end + len(after or "")
        return values

    def filled(self, values: dict[str, str]) -> str:
        return HOLE.sub(lambda hole: values[hole[1] or hole[2]], self.translated)


@lru_cache
def _messages(language: str) -> list[_Message]:
    """Return a language's messages that have values, those of most text first."""
    catalog: Any = trans_real.translation(language)
    found = []
    for key, translated in catalog._catalog.items():
        if isinstance(key, str) and HOLE.search(key) and "\4" not in key:
            parts = HOLE.split(_plain(key))
            texts, names = parts[::3], [a or b for a, b in HOLE.findall(key)]
            letters = sum(len(LETTERS.findall(text)) for text in texts)
            if letters >= LEAST_LETTERS:
                found.append((letters, _Message(texts, names, _plain(translated))))
    return [one for _, one in sorted(found, key=lambda one: one[0], reverse=True)]


def _plain(pattern: str) -> str:
    return pattern.replace("%%", "%") if "%(" in pattern else pattern
