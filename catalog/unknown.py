"""Which fields of a call's rows nobody knows, so that a misspelt one is seen. Pure.

Shops send what their exports have, so they are no fault; they are told of instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

MOST = 50
"""Fields that are named."""
LONGEST = 100
NEAR = 0.75


def fields(
    rows: Sequence[Mapping[str, Any]], known: Iterable[str], *, name: str
) -> list[dict[str, Any]]:
    """Return each unknown field with the rows that have it, the first, what it is like.

    `name` is that of the list, so that a row is named as faults are: `prices[3]`.
    """
    ours = list(known)
    named = set(ours)
    found: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for field in row.keys() - named:
            found.setdefault(field, []).append(place)
    return [
        {"field": field[:LONGEST], "rows": len(places), "first": f"{name}[{places[0]}]"}
        | _like(field, ours)
        for field, places in sorted(found.items())[:MOST]
    ]


def _like(field: str, known: Sequence[str]) -> dict[str, str]:
    near = get_close_matches(field[:LONGEST], known, 1, NEAR)
    return {"like": near[0]} if near else {}
