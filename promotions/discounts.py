"""What terms are worth on a basket. Pure; all money is whole minor units (cents).

One evaluator prices a basket everywhere: API, admin preview, backtest, batch. The
parts always add up to the whole: an amount is split over lines by the largest
remainder. No line goes below its floor; what was promised as an amount is given whole
or not at all, a rate is cut at the floor.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from promotions.rules import (
    Amount,
    Bundle,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Rule,
    Shipping,
    Slot,
    Terms,
    Threshold,
    Tier,
)

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


def apply(
    terms: Terms, left: Left, inside: Sequence[int], coins: Coins, rule: Rule
) -> Applied | Missed:
    """Return what `terms` give on the lines `inside` their scope."""
    outcome = _given(terms, left, inside, coins)
    if isinstance(outcome, Missed) or not rule.caps:
        return outcome
    outcome = _capped(outcome, rule, coins)
    # What gives nothing must not use the strategy up.
    return outcome if outcome.worth > 0 else FLOOR


def _given(
    terms: Terms, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    if isinstance(terms, Shipping):
        return _shipping(terms, left, coins) if inside else NOTHING
    amount = left.amount
    # A plain loop, as in `_cut`: these and slots take a fifth off a cart of 500.
    for i in inside:
        if amount[i]:
            return GIVE[type(terms)](terms, left, inside, coins)
    return NOTHING


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


def _percentage(
    terms: Percentage, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    rate, amount = terms.rate, left.amount
    if terms.each == "line":
        return _cut({i: coins.share(amount[i], rate) for i in inside}, left)
    amounts = {i: amount[i] for i in inside}
    return _cut(split(coins.share(sum(amounts.values()), rate), amounts), left)


def _amount(
    terms: Amount, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    amount = coins.of(terms.amount)
    if terms.each == "order":
        return _whole(amount, {i: left.amount[i] for i in inside}, left)
    wanted = {}
    for i in inside:
        times = left.lines[i].quantity if terms.each == "unit" else 1
        wanted[i] = min(amount * times, left.amount[i])
    return _cut(wanted, left)


def _fixed_price(
    terms: FixedPrice, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    price = coins.of(terms.price)
    wanted = {i: left.amount[i] - price * left.lines[i].quantity for i in inside}
    dearer = {i: off for i, off in wanted.items() if off > 0}
    return _cut(dearer, left) if dearer else Missed(reason="cheaper_already")


def _threshold(
    terms: Threshold, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    shares = {i: left.amount[i] for i in inside}
    spent, units = sum(shares.values()), sum(left.lines[i].quantity for i in inside)
    more: More | None = None
    outcome: Applied | Missed = FLOOR
    # The highest first: `more` is then what the one above the given one lacks. One that
    # the floor forbids gives way to the next.
    for tier in reversed(terms.tiers):
        lacking = More(
            spend=max(0, coins.of(tier.spend) - spent),
            quantity=max(0, tier.quantity - units),
            tier=tier,
        )
        if lacking.spend or lacking.quantity:
            more, outcome = lacking, Missed(reason="below_threshold", more=lacking)
        else:
            outcome = _tier(tier, shares, left, coins)
        if isinstance(outcome, Applied):
            return replace(outcome, next=more)
    return outcome


def _tier(
    tier: Tier, shares: Mapping[int, int], left: Left, coins: Coins
) -> Applied | Missed:
    if tier.rate:
        amount = coins.share(sum(shares.values()), tier.rate)
        return _cut(split(amount, shares), left)
    return _whole(coins.of(tier.amount), shares, left)


def _multibuy(
    terms: Multibuy, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    pools: dict[str, list[int]] = {}
    for i in inside:
        pools.setdefault(left.lines[i].sku if terms.same_sku else "", []).append(i)
    times = terms.times or 10**9
    wanted: dict[int, int] = {}
    # Where `times` is short, the dearest goods are the ones reduced.
    for pool in sorted(pools.values(), key=lambda pool: -_unit(left, pool[0])):
        units = sum(left.lines[i].quantity for i in pool)
        groups = min(units // terms.take, times)
        times -= groups
        for i, reduced in _reduced(terms, pool, left, groups):
            quantity = left.lines[i].quantity
            # A unit of what is left of a line need be no whole coins: rounded once,
            # here.
            wanted[i] = coins.share(left.amount[i] * reduced, terms.rate, quantity)
    if not wanted:
        units = max(
            sum(left.lines[i].quantity for i in pool) for pool in pools.values()
        )
        more = More(quantity=terms.take - units)
        return Missed(reason="too_few_units", more=more)
    return _cut(wanted, left)


def _reduced(
    terms: Multibuy, pool: Sequence[int], left: Left, groups: int
) -> Iterable[tuple[int, int]]:
    """Yield how many units of each line are reduced, the dearest units first."""
    last, at = groups * terms.take, 0
    for i in sorted(pool, key=lambda i: (-_unit(left, i), i)):
        until = min(at + left.lines[i].quantity, last)
        reduced = _cheapest(terms, until) - _cheapest(terms, at)
        if reduced > 0:
            yield i, reduced
        at = until


def _cheapest(terms: Multibuy, units: int) -> int:
    """Count the reduced ones among the first units, in groups of `take`."""
    groups, rest = divmod(units, terms.take)
    # Of a group that is begun, the first take − reduced are paid in full.
    return groups * terms.reduced + max(0, rest - (terms.take - terms.reduced))


def _bundle(
    terms: Bundle, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    """Sell as many sets as save something; each further set saves less."""
    pools = _slots(terms.slots, left, inside)
    counts = [sum(left.lines[i].quantity for i in pool) for pool in pools]
    sets = min(
        count // slot.quantity for count, slot in zip(counts, terms.slots, strict=True)
    )
    if sets == 0:
        lacking = (
            max(0, slot.quantity - count)
            for count, slot in zip(counts, terms.slots, strict=True)
        )
        return Missed(reason="bundle_incomplete", more=More(quantity=sum(lacking)))
    price = coins.of(terms.price)
    low, high = 0, min(sets, terms.times or sets)
    # Found by halving, since each further set saves less than the one before.
    while low < high:
        middle = (low + high + 1) // 2
        saves = _picked(terms, pools, left, middle)
        before = _picked(terms, pools, left, middle - 1)
        if sum(saves.values()) - sum(before.values()) > price:
            low = middle
        else:
            high = middle - 1
    # Floors may not allow as many as would save.
    for number in range(low, 0, -1):
        picked = _picked(terms, pools, left, number)
        off = sum(picked.values()) - number * price
        outcome = _whole(off, picked, left)
        if isinstance(outcome, Applied):
            return outcome
    return FLOOR if low else Missed(reason="cheaper_already")


def _slots(slots: Sequence[Slot], left: Left, inside: Sequence[int]) -> list[list[int]]:
    """Return each slot's lines: a line fills the first that names its sku, or kind."""
    pools: list[list[int]] = [[] for _ in slots]
    for i in inside:
        line = left.lines[i]
        by_sku = [n for n, slot in enumerate(slots) if line.sku in slot.skus]
        by_kind = [
            n for n, slot in enumerate(slots) if line.category in slot.categories
        ]
        for n in (by_sku or by_kind)[:1]:
            pools[n].append(i)
    return pools


def _picked(
    terms: Bundle, pools: Sequence[Sequence[int]], left: Left, sets: int
) -> dict[int, int]:
    """Return what the units of so many sets cost, by line: the dearest that fit."""
    picked: dict[int, int] = {}
    for slot, pool in zip(terms.slots, pools, strict=True):
        wanted = slot.quantity * sets
        for i in sorted(pool, key=lambda i: (-_unit(left, i), i)):
            units = min(wanted, left.lines[i].quantity)
            wanted -= units
            if units:
                picked[i] = left.amount[i] * units // left.lines[i].quantity
    return picked


def _gift(
    terms: Gift, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    spent = sum(left.amount[i] for i in inside)
    spend, value = coins.of(terms.spend), coins.of(terms.value)
    if spent < spend:
        return Missed(reason="below_threshold", more=More(spend=spend - spent))
    if value > left.spare:
        return FLOOR
    return Applied(gift=terms.sku, gift_value=value)


def _shipping(terms: Shipping, left: Left, coins: Coins) -> Applied | Missed:
    if left.shipping == 0:
        return Missed(reason="nothing_to_ship")
    if terms.price is not None:
        off = left.shipping - coins.of(terms.price)
        return Applied(shipping=off) if off > 0 else Missed(reason="cheaper_already")
    off = min(left.shipping, coins.share(left.shipping, terms.rate))
    return Applied(shipping=off) if off else FLOOR


def _cut(wanted: Mapping[int, int], left: Left) -> Applied | Missed:
    """Cut every line's discount at what the line can still give."""
    room, given = left.room, {}
    for i, part in wanted.items():
        part = min(part, room[i])
        if part > 0:
            given[i] = part
    return Applied(lines=given) if given else FLOOR


def _whole(amount: int, shares: Mapping[int, int], left: Left) -> Applied | Missed:
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


def _capped(outcome: Applied, rule: Rule, coins: Coins) -> Applied:
    """Keep to what a line, and an order, may get of the strategy at most.

    An order's cap is on all that it gets, shipping too; a gift is given whole or not.
    """
    if rule.most_per_line is not None:
        most = coins.of(rule.most_per_line)
        cut = {i: min(part, most) for i, part in outcome.lines.items()}
        outcome = replace(outcome, lines={i: p for i, p in cut.items() if p})
    if rule.most_per_order is not None:
        most = coins.of(rule.most_per_order)
        if outcome.gift_value > most:
            return Applied()
        if outcome.discount > most:
            parts = split(most, outcome.lines)
            outcome = replace(outcome, lines={i: p for i, p in parts.items() if p})
        if outcome.shipping > most - outcome.discount:
            outcome = replace(outcome, shipping=most - outcome.discount)
    return outcome


def _unit(left: Left, i: int) -> Fraction:
    # Exact, so that equal prices tie.
    return Fraction(left.amount[i], left.lines[i].quantity)


GIVE: Mapping[type[Terms], Callable[..., Applied | Missed]] = {
    Percentage: _percentage,
    Amount: _amount,
    FixedPrice: _fixed_price,
    Threshold: _threshold,
    Multibuy: _multibuy,
    Bundle: _bundle,
    Gift: _gift,
}
"""How each kind is given on lines in scope; shipping is on none."""
