"""Values of foreign wires as ours: numbers may come as text, and text as numbers."""

import math
from decimal import Decimal, InvalidOperation
from typing import Any

from analytics.sent import Refused
from analytics.shapes import MOST
from analytics.wording import Wording

Scalar = Any
"""What may come as text, number or truth. Anything else is refused when it is read,
not before: what an event does not need must not spoil it."""
FINEST = Decimal("0.0001")


def plain(value: Scalar, path: str) -> Scalar:
    """Return a value that is no object and no list.

    :raises Refused: it is one.
    """
    if isinstance(value, (dict, list)):
        raise Refused(Wording("Expected a text or a number"), path)
    return value


def text(value: Scalar, path: str, *, least: int = 0) -> str:
    """Return a label of at most 200 characters; nothing is an empty one.

    :raises Refused: it is longer, or shorter than `least`.
    """
    found = "" if value is None else str(plain(value, path)).strip()
    if len(found) > 200:
        raise Refused(Wording("Expected text of at most 200 characters"), path)
    if len(found) < least:
        raise Refused(Wording("Expected a text that is not empty"), path)
    return found


def amount(value: Scalar, path: str) -> Decimal | None:
    """Return an amount of money; nothing is None.

    A float is read as it was written, and its noise (1.1 * 3) is rounded off.

    :raises Refused: it is no number.
    """
    if value is None or value == "":
        return None
    try:
        # By way of text: Decimal(0.1) has 55 digits.
        found = Decimal(str(plain(value, path)).strip())
        if not found.is_finite() or abs(found) >= MOST:
            raise Refused(Wording("Expected an amount below 1e9"), path)
        # Only floats: a text with five decimals is a fault that the door must tell.
        return found.quantize(FINEST).normalize() if _noisy(value, found) else found
    except InvalidOperation as error:
        raise Refused(
            Wording("Expected an amount, got %(value)s", value=f"{value!r}"), path
        ) from error


def _noisy(value: Scalar, found: Decimal) -> bool:
    digits = found.as_tuple().exponent
    return isinstance(value, float) and isinstance(digits, int) and digits < -4


def count(value: Scalar, path: str, *, default: int = 1) -> int:
    """Return a whole number up to 1,000,000; nothing is the default, a part counts.

    :raises Refused: it is no number, or out of bounds.
    """
    found = number(value, path)
    if found is None:
        return default
    if not 0 <= found <= 1_000_000:
        raise Refused(Wording("Expected a number from 0 to 1,000,000"), path)
    return math.ceil(found)


def number(value: Scalar, path: str) -> float | None:
    """Return a number; nothing is None.

    :raises Refused: it is none.
    """
    if value is None or value == "":
        return None
    try:
        return float(plain(value, path))
    except (ValueError, OverflowError) as error:
        raise Refused(
            Wording("Expected a number, got %(value)s", value=f"{value!r}"), path
        ) from error
