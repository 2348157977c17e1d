"""What a product's price may become: steps, endings, ceilings, families. Pure.

All shares are of one. What a rule asks, and the price of today does not keep, is not
asked at once: no change is forced, but none may lead further away.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise, product

from catalog import pricing

MOST = 80
"""Candidates of a product: a finer choice earns nothing."""
ALL = Decimal(1)
ROUNDING = Decimal("1e-9")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What prices of a category may become; see catalog.models.PricingRule."""

    ending: str = "9"
    least_margin: Decimal = Decimal("0.05")
    most_above: Decimal = Decimal("0.20")
    most_up: Decimal = Decimal("0.10")
    most_down: Decimal = Decimal("0.20")
    least_days: int = 7
    families: bool = True
    above_competitors: Decimal | None = None
    progressive: bool = False


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A product as the rules see it: what it costs now, and what bounds that.

    `floor` see pricing.floor; `listed` what the shop lists; `cheapest` the lowest price
    of a competitor, if one is known; `frozen`: it may not change now.
    """

    price: Decimal
    floor: Decimal
    listed: Decimal
    currency: str
    cheapest: Decimal | None = None
    frozen: bool = False


def ending_fault(ending: str) -> str | None:
    """Say why a text names no endings of prices, if so."""
    for token in ending.split():
        digits = token.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit()) or token.endswith("."):
            return f"“{token}” is neither an ending, as .99 or 9, nor a step, as 0.05."
        if not token.startswith(".") and "." in token and not Decimal(token):
            return "A step is more than nothing."
    return None


def bounds(shelf: Shelf, rules: Rules) -> tuple[Decimal, Decimal]:
    """Return the lowest and the highest price that one change may lead to."""
    now = shelf.price
    low = max(shelf.floor, now * (ALL - rules.most_down))
    high = min(now * (ALL + rules.most_up), shelf.listed * (ALL + rules.most_above))
    if rules.above_competitors is not None and shelf.cheapest is not None:
        high = min(high, shelf.cheapest * (ALL + rules.above_competitors))
    # Rounded inwards below, since a coin more would be beyond the bound.
    coin = pricing.minor_unit(shelf.currency)
    return (
        min(now, low).quantize(coin, ROUND_CEILING),
        max(now, high).quantize(coin, ROUND_FLOOR),
    )


def candidates(shelf: Shelf, rules: Rules) -> list[Decimal]:
    """Return all prices that the rules allow, ascending; today's is always one."""
    if shelf.frozen:
        return [shelf.price]
    low, high = bounds(shelf, rules)
    found = sorted({*_ending(low, high, rules.ending, shelf.currency), shelf.price})
    if len(found) <= MOST:
        return found
    # Evenly over all of them, both ends included.
    step = (len(found) - 1) / (MOST - 1)
    thinned = {found[round(i * step)] for i in range(MOST)}
    return sorted({*thinned, shelf.price})


def _ending(
    low: Decimal, high: Decimal, ending: str, currency: str
) -> Iterator[Decimal]:
    coin = pricing.minor_unit(currency)
    # Exact: both are whole coins.
    first, last = int(low / coin), int(high / coin)
    for token in ending.split() or [str(coin)]:
        left, every = _pattern(token, coin)
        # The first number of coins from `first` on that leaves `left` by `every`.
        start = first + (left - first) % every
        # Of a wide range some 5,000, a whole number of `every` apart: all end so.
        step = every * max(1, (last - first) // (5000 * every))
        for minor in range(start, last + 1, step):
            yield minor * coin


def _pattern(token: str, coin: Decimal) -> tuple[int, int]:
    """Return (remainder, every) in coins: prices end so, as .99 and 9; or a step."""
    if "." in token and not token.startswith("."):
        return 0, max(1, int(Decimal(token) / coin))
    digits = token.lstrip(".")
    return int(digits), int(10 ** len(digits))


@dataclass(frozen=True, kw_only=True)
class Member:
    """A product of a family: how much is in it (None: unknown), and its price now."""

    sku: str
    amount: Decimal | None
    unit: str
    price: Decimal


def chains(members: Sequence[Member]) -> list[list[list[str]]]:
    """Return a family's chains: groups of equal packs, the smallest first.

    Products of a group cost alike. Where they do not today, `stuck` names them.
    """
    units: dict[str, dict[Decimal | None, list[str]]] = {}
    for one in members:
        units.setdefault(one.unit, {}).setdefault(one.amount, []).append(one.sku)
    return [
        [groups[amount] for amount in sorted(groups, key=lambda a: a or Decimal(0))]
        for _, groups in sorted(units.items())
    ]


def stuck(members: Sequence[Member]) -> set[str]:
    """Return products of equal packs that cost differently today: they do not move."""
    prices: dict[tuple[str, Decimal | None], set[Decimal]] = {}
    for one in members:
        prices.setdefault((one.unit, one.amount), set()).add(one.price)
    return {one.sku for one in members if len(prices[one.unit, one.amount]) > 1}


def broken(
    small: tuple[Decimal, Decimal | None], big: tuple[Decimal, Decimal | None]
) -> tuple[Decimal, Decimal]:
    """Return by how much a bigger pack, (price, amount), is too cheap; and too dear.

    Too cheap: it costs less than the smaller. Too dear: more by unit than the smaller.
    """
    (price, amount), (bigger, more) = small, big
    cheap = max(Decimal(0), price - bigger)
    if not amount or not more:
        return cheap, Decimal(0)
    return cheap, max(Decimal(0), bigger - price * more / amount)


def family_fault(
    members: Sequence[Member], prices: Mapping[str, Decimal]
) -> str | None:
    """Say which products of a family break its order more than they do today."""
    amount = {one.sku: one.amount for one in members}
    now = {one.sku: one.price for one in members}
    left_alone = stuck(members)
    for chain in chains(members):
        for group in chain:
            if len({prices[sku] for sku in group}) > 1 and not left_alone & {*group}:
                return f"{', '.join(group)} no longer cost alike"
        for smaller, bigger in pairwise(chain):
            for a, b in product(smaller, bigger):
                was = broken((now[a], amount[a]), (now[b], amount[b]))
                new = broken((prices[a], amount[a]), (prices[b], amount[b]))
                # price · more / amount is a quotient that may not end.
                if new[0] > was[0] or new[1] > was[1] + ROUNDING:
                    return f"{a} and {b} are out of order"
    return None
