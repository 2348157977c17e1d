"""The best legal combination of offers on one basket. Pure and exact.

Two offers never discount the same line, so no stack can pass a line's margin floor.
Every subset of the candidates is tried; `MOST` of them keeps that below 1,024 subsets.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import TypeVar

from promotions.discounts import Applied

Key = TypeVar("Key")
MOST = 10


def best(candidates: Mapping[Key, Applied], room: Decimal) -> list[Key]:
    """Return the candidates that together save the customer most.

    `room` is what the whole basket can give before its floors: gifts are paid out of
    what the discounts leave of it. More than `MOST` candidates: the dearest count.
    """
    keys = sorted(candidates, key=lambda key: -_worth(candidates[key]))[:MOST]
    legal = (
        subset
        for size in range(len(keys), 0, -1)
        for subset in combinations(keys, size)
        if _legal([candidates[key] for key in subset], room)
    )
    best_first = sorted(legal, key=lambda s: -sum(_worth(candidates[k]) for k in s))
    return list(best_first[0]) if best_first else []


def _worth(applied: Applied) -> Decimal:
    return applied.discount + applied.gift_value


def _legal(stack: Sequence[Applied], room: Decimal) -> bool:
    lines = [line for applied in stack for line in applied.lines]
    return len(lines) == len(set(lines)) and sum(map(_worth, stack)) <= room
