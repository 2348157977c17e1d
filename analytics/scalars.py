"""Values of foreign wires as ours: numbers may come as text, and text as numbers."""

from decimal import Decimal, InvalidOperation

from analytics.sent import Refused

Scalar = str | int | float | bool | None


def text(value: Scalar, path: str, *, least: int = 0) -> str:
    """Return a label of at most 200 characters; nothing is an empty one.

    :raises Refused: it is longer, or shorter than `least`.
    """
    found = "" if value is None else str(value).strip()
    if len(found) > 200:
        raise Refused("Expected text of at most 200 characters", path)
    if len(found) < least:
        raise Refused("Expected a text that is not empty", path)
    return found


def amount(value: Scalar, path: str) -> Decimal | None:
    """Return an amount of money; nothing is None. A float is read as it was written.

    :raises Refused: it is no number.
    """
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value).strip())
    except InvalidOperation as error:
        raise Refused(f"Expected an amount, got {value!r}", path) from error


def count(value: Scalar, path: str, *, default: int = 1) -> int:
    """Return a whole number from 0 to 1,000,000; nothing is the default.

    :raises Refused: it is none.
    """
    if value is None or value == "":
        return default
    try:
        found = float(value)
    except ValueError as error:
        raise Refused(f"Expected a whole number, got {value!r}", path) from error
    if not 0 <= found <= 1_000_000 or found != int(found):
        raise Refused("Expected a whole number from 0 to 1,000,000", path)
    return int(found)


def number(value: Scalar, path: str) -> float | None:
    """Return a number; nothing is None.

    :raises Refused: it is none.
    """
    if value is None or value == "":
        return None
    try:
        return float(value)
    except ValueError as error:
        raise Refused(f"Expected a number, got {value!r}", path) from error
