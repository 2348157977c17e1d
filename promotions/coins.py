"""A basket in whole coins: its lines, what is left of them, what is given. Pure.

The parts always add up to the whole: an amount is split over lines by the largest
remainder. No line goes below its floor: what is told as an amount is given whole or not
at all, a rate is cut at the floor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from promotions.rules import Tier

Rounding = Literal["down", "half_up", "half_even"]
"""How a rate's fraction of a cent is rounded. Down never gives more than was said."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A cart's line at the shelf price, `price` a unit, in coins."""

    sku: str
    category: str
    quantity: int
    price: int
    brand: str = ""

    @property
    def amount(self) -> int:
        return self.price * self.quantity


@dataclass(frozen=True, kw_only=True, slots=True)
class Coins:
    """A currency's minor unit, as 0.01, and how the shop rounds."""

    unit: Decimal
    rounding: Rounding = "down"

    def of(self, amount: Decimal) -> int:
        """Return a whole number of coins: amounts of rules are whole already."""
        return int(amount / self.unit)

    def share(self, amount: int, rate: Decimal, parts: int = 1) -> int:
        """Return `rate` of `amount` / `parts`, rounded."""
        # Whole numbers all the way: no float comes near money.
        top, bottom = rate.as_integer_ratio()
        return rounded(amount * top, bottom * parts, self.rounding)


@dataclass(kw_only=True, slots=True)
class Left:
    """What earlier strategies have left of a basket for the next one to work on.

    `amount` is, line by line, that on which rates are taken; `room` what may still be
    taken from the line; `shipping` its cost; `spare` what gifts may still be worth.
    """

    lines: Sequence[Line]
    amount: Sequence[int]
    room: Sequence[int]
    shipping: int = 0
    spare: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class More:
    """What is missing: money, or units, and what it would bring."""

    spend: int = 0
    quantity: int = 0
    tier: Tier | None = None


@dataclass(kw_only=True, slots=True)
class Applied:
    """What terms do to a basket: lines' discounts by index, shipping, a gift.

    `worth` is all that the customer gets, and that budgets pay.
    """

    lines: Mapping[int, int] = field(default_factory=dict)
    shipping: int = 0
    gift: str | None = None
    gift_value: int = 0
    next: More | None = None
    worth: int = field(init=False)

    def __post_init__(self) -> None:
        self.worth = sum(self.lines.values()) + self.shipping + self.gift_value

    @property
    def discount(self) -> int:
        """Money off the lines; shipping and a gift's value are not part of it."""
        return sum(self.lines.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """Terms that do not apply, why, and what is missing if anything is.

    `beaten` are those that would apply by themselves: others are given instead.
    """

    reason: str
    more: More | None = None
    beaten: bool = False


FLOOR = Missed(reason="margin_floor")
NOTHING = Missed(reason="nothing_in_scope")


def split(amount: int, shares: Mapping[int, int]) -> dict[int, int]:
    """Divide an amount in proportion to the shares; the parts add up to it exactly.

    Largest remainder (Hamilton): everybody gets the share rounded down, then the coins
    left over go to the largest remainders. Shares that are all 0 get nothing.
    """
    whole = sum(shares.values())
    if whole == 0:
        return dict.fromkeys(shares, 0)
    parts = {i: amount * share // whole for i, share in shares.items()}
    left = amount - sum(parts.values())
    if left:
        rest = {i: -(amount * share % whole) for i, share in shares.items()}
        # Ties by place: a qualification and its order must agree to the cent.
        for i in sorted(shares, key=lambda i: (rest[i], i))[:left]:
            parts[i] += 1
    return parts


def rounded(top: int, bottom: int, rounding: Rounding) -> int:
    """Return top / bottom, both at least 0, as a whole number."""
    whole, rest = divmod(top, bottom)
    if rounding == "down" or 2 * rest < bottom:
        return whole
    if 2 * rest == bottom and rounding == "half_even":
        return whole + whole % 2
    return whole + 1


def cut(wanted: Mapping[int, int], left: Left) -> Applied | Missed:
    """Cut every line's discount at what the line can still give."""
    room, given = left.room, {}
    for i, part in wanted.items():
        part = min(part, room[i])
        if part > 0:
            given[i] = part
    return Applied(lines=given) if given else FLOOR


def in_full(amount: int, shares: Mapping[int, int], left: Left) -> Applied | Missed:
    """Give an amount whole, or not at all; what one line cannot take, others do."""
    amount = min(amount, sum(shares.values()))
    room = {i: min(left.room[i], share) for i, share in shares.items()}
    if amount == 0 or amount > sum(room.values()):
        return FLOOR
    parts = split(amount, shares)
    given = {i: min(part, room[i]) for i, part in parts.items()}
    rest = amount - sum(given.values())
    # In proportion to what lines can still take, which is enough: none gets more.
    for i, part in split(rest, {i: room[i] - given[i] for i in given}).items():
        given[i] += part
    return Applied(lines={i: part for i, part in given.items() if part > 0})
