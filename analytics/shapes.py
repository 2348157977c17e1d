"""What the fields of events look like, and what all events share.

Amounts are what a shop may plausibly send; the checks run at the door only, since what
the log holds is trusted.
"""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Label = Annotated[str, msgspec.Meta(max_length=200)]
"""Text that may be empty. Bounded: an index holds it, and an index row 2,704 bytes."""
Skus = Annotated[tuple[Text, ...], msgspec.Meta(max_length=1000)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
MOST = Decimal(10**9)
Rate = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
ERASED = "erased"
"""What erasure leaves of a text."""


def plausible(amounts: Sequence[Decimal]) -> bool:
    """Say whether every amount is fine: a sum keeps the most decimals of its parts."""
    try:
        # Infinity less infinity and signalling NaNs raise instead of summing.
        total = sum(amounts, Decimal(0))
    except ArithmeticError:
        return False
    if not total.is_finite() or total >= MOST:
        return False
    return min(amounts) >= 0 and _decimals(total) <= 4


def spelled(number: str) -> bool:
    """Say whether a number is in plain digits: Python reads 1_000, １２ and 1e5 too."""
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", number) is not None


def _decimals(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def amount_fault(amount: Decimal) -> str | None:
    """Say what is wrong with an amount, if anything."""
    if not amount.is_finite() or amount >= MOST:
        return "Expected an amount below 1e9"
    if amount < 0:
        return "Expected an amount >= 0"
    if _decimals(amount) > 4:
        return "Expected an amount of at most 4 decimals"
    return None


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """What every type shares; the class variables describe the type itself."""

    schema: ClassVar[int] = 1
    personal: ClassVar[Mapping[str, Any]] = {}
    """Personal fields, each with what erasure puts in its place."""

    def fault(self) -> str | None:
        """Say what no type can say: why this must not enter the log, with the path.

        Asked at the door only; what the log holds is trusted, so replay stays fast.
        """
        return None
