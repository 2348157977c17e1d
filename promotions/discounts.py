"""What terms are worth on a basket. Pure; all money is whole minor units (cents).

One evaluator prices a basket everywhere: API, admin preview, backtest, batch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from promotions.coins import (
    FLOOR,
    NOTHING,
    Applied,
    Coins,
    Left,
    Missed,
    More,
    cut,
    in_full,
    split,
)
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
    # A plain loop, as in `cut`: these and slots take a fifth off a cart of 500.
    for i in inside:
        if amount[i]:
            return GIVE[type(terms)](terms, left, inside, coins)
    return NOTHING


def _percentage(
    terms: Percentage, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    rate, amount = terms.rate, left.amount
    if terms.each == "line":
        return cut({i: coins.share(amount[i], rate) for i in inside}, left)
    amounts = {i: amount[i] for i in inside}
    return cut(split(coins.share(sum(amounts.values()), rate), amounts), left)


def _amount(
    terms: Amount, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    amount = coins.of(terms.amount)
    if terms.each == "order":
        return in_full(amount, {i: left.amount[i] for i in inside}, left)
    wanted = {}
    for i in inside:
        times = left.lines[i].quantity if terms.each == "unit" else 1
        wanted[i] = min(amount * times, left.amount[i])
    return cut(wanted, left)


def _fixed_price(
    terms: FixedPrice, left: Left, inside: Sequence[int], coins: Coins
) -> Applied | Missed:
    price = coins.of(terms.price)
    wanted = {i: left.amount[i] - price * left.lines[i].quantity for i in inside}
    dearer = {i: off for i, off in wanted.items() if off > 0}
    return cut(dearer, left) if dearer else Missed(reason="cheaper_already")


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
        return cut(split(amount, shares), left)
    return in_full(coins.of(tier.amount), shares, left)


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
    return cut(wanted, left)


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
        outcome = in_full(off, picked, left)
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


def _capped(outcome: Applied, rule: Rule, coins: Coins) -> Applied:
    """Keep to what a line, and an order, may get of the strategy at most.

    An order's cap is on all that it gets, shipping too; a gift is given whole or not.
    """
    if rule.most_per_line is not None:
        most = coins.of(rule.most_per_line)
        kept = {i: min(part, most) for i, part in outcome.lines.items()}
        outcome = replace(outcome, lines={i: p for i, p in kept.items() if p})
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
