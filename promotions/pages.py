"""Long lists of the back office: a page of them, and what was searched for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator

LONGEST = 100
"""Characters of what is searched for."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of what was found: its rows, all there are, and the ways to the others."""

    rows: Sequence[Any]
    words: str
    total: int
    number: int
    last: int

    @property
    def before(self) -> str:
        """Return the query of the page before; empty where there is none."""
        return self._query(self.number - 1) if self.number > 1 else ""

    @property
    def after(self) -> str:
        """Return the query of the next page; empty where there is none."""
        return self._query(self.number + 1) if self.number < self.last else ""

    def _query(self, number: int) -> str:
        words = {"q": self.words} if self.words else {}
        return f"?{urlencode(words | {'page': number})}"


def words(asked: Mapping[str, str]) -> str:
    """Return what is searched for; PostgreSQL has no NUL in its texts."""
    return asked.get("q", "").replace("\0", "")[:LONGEST].strip()


def cut(rows: Any, asked: Mapping[str, str], *, most: int) -> Found:
    """Return the page that is asked for, or the nearest; `rows` are ordered."""
    some = Paginator(rows, most).get_page(asked.get("page"))
    return Found(
        rows=list(some),
        words=words(asked),
        total=some.paginator.count,
        number=some.number,
        last=some.paginator.num_pages,
    )
