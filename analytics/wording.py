"""English text that can be said in another language later. Pure.

Rules write sentences, and know no language but English: it is what the API answers and
the log keeps. A `Wording` is such a sentence that remembers its pattern and values, so
that the back office can say it otherwise (analytics.languages.said). It is a `str`, but
msgspec takes no heirs of it: what goes there is made plain with `str()`.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any


class Wording(str):
    """A pattern with its values filled in; values may be wordings themselves.

    `Wording("%(n)s uses", n=3)`; without values, a "%" of the pattern is just itself.
    """

    pattern: str
    values: dict[str, Any]

    def __new__(cls, pattern: str, **values: Any) -> "Wording":
        made = super().__new__(cls, pattern % values if values else pattern)
        made.pattern, made.values = pattern, values
        return made


LISTED = Wording("%(left)s, %(right)s")
APART = Wording("%(left)s; %(right)s")
AND = Wording("%(left)s and %(right)s")
NAMED = Wording("%(left)s: %(right)s")
OR = Wording("%(left)s, or %(right)s")


def joined(by: str, parts: Sequence[str]) -> str:
    """Join texts, at least one, by LISTED, APART, NAMED, AND or OR."""
    return reduce(lambda left, right: Wording(by, left=left, right=right), parts)


def kept(text: str) -> Any:
    """Return a wording as plain values for a JSON column; other text as it is."""
    if not isinstance(text, Wording):
        return text
    values = {
        name: kept(value) if isinstance(value, str) else str(value)
        for name, value in text.values.items()
    }
    return [str(text.pattern), values]


def revived(written: Any) -> str:
    """Return what `kept` was given."""
    if isinstance(written, str):
        return written
    pattern, values = written
    return Wording(pattern, **{name: revived(one) for name, one in values.items()})
