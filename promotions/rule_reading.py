"""Read rules, menus and limits as stored or sent. Pure.

Amounts come as text and as numbers, but in plain digits only: whatever else a Decimal
reads (1_000, １２) is refused.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from analytics import shapes
from promotions.rules import Limit, Limits, Name, Rule, Terms


def converted(given: object, kind: Any) -> Any:
    """Read plain values as a type made of these.

    :raises msgspec.ValidationError: they are none; the message names the place.
    """
    # Not strict: amounts come as text and as numbers. What Decimal reads beyond plain
    # digits (1_000, １２) is refused below.
    value = msgspec.convert(given, kind, strict=False)
    if at := next(_misspelt(value, given, "$"), None):
        raise msgspec.ValidationError(f"Expected plain digits - at `{at}`")
    return value


def decoded_menu(menu: object) -> dict[str, Terms]:
    """Read a menu as stored or sent: label -> terms.

    :raises msgspec.ValidationError: it is not one; the message names the place.
    """
    found: dict[str, Terms] = converted(menu, dict[Name, Terms])
    return found


def decoded_rule(rule: object) -> Rule:
    """Read a rule as stored or sent; `{}` is the rule that asks nothing.

    :raises msgspec.ValidationError: it is not one; the message names the place.
    """
    found: Rule = converted(rule, Rule)
    return found


def decoded_limits(limits: object) -> tuple[Limit, ...]:
    """Read a campaign's limits.

    :raises msgspec.ValidationError: they are none; the message names the place.
    """
    found: tuple[Limit, ...] = converted(limits, Limits)
    return found


def _misspelt(value: Any, given: Any, at: str) -> Iterator[str]:
    """Find the amounts that a Decimal reads, and a person would not."""
    if isinstance(value, Decimal) and isinstance(given, str):
        if not shapes.spelled(given):
            yield at
    else:
        for name, one, its in _parts(value, given):
            yield from _misspelt(one, its, at + name)


def _parts(value: Any, given: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the parts of what was read: path, part, and what it was read from."""
    match value:
        case tuple():
            for number, (one, its) in enumerate(zip(value, given, strict=True)):
                yield f"[{number}]", one, its
        case dict():
            # msgspec keeps the order of a dict.
            for (name, its), one in zip(given.items(), value.values(), strict=True):
                yield f".{name}", one, its
        case msgspec.Struct():
            # Fields that were not sent have their
            # defaults, which were not spelt by anybody.
            for name in filter(given.__contains__, value.__struct_fields__):
                yield f".{name}", getattr(value, name), given[name]
        case _:
            pass
