"""May this strategy exist, and how large: guards that a proposal must show. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from promotions.rules import (
    Amount,
    Bundle,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Rule,
    Terms,
    Threshold,
    Tier,
)

ALL = Decimal(1)


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One check of a proposal, in words an operator can judge."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, kw_only=True)
class Usual:
    """The products in a strategy's scope: how many, their mean price and margin."""

    products: int
    price: Decimal
    margin: Decimal


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What a strategy did on past baskets, together with what is live.

    `worst` is the largest share of a basket given away, and `kept` the margin that was
    left there, as a share of what was paid.
    """

    baskets: int
    touched: int
    worst: Decimal
    kept: Decimal


def guards(
    *,
    menu: Mapping[str, Terms],
    least_margin: Decimal,
    margin: Decimal,
    budget: Decimal,
    cost: Decimal,
    reach: int,
) -> list[Guard]:
    """Return every guard with its verdict; `margin` is the scope's average rate."""
    usual = Usual(products=1, price=Decimal(0), margin=margin)
    return [
        floor(menu.values(), Rule(), least_margin, usual),
        Guard(
            name="budget",
            passed=cost <= budget,
            detail=f"expected cost {cost:.2f} within the budget of {budget:.2f}",
        ),
        reached(reach),
    ]


def reached(customers: int) -> Guard:
    """Whether a personal offer is expected to move anybody."""
    return Guard(
        name="reach",
        passed=customers > 0,
        detail=f"{customers:,} customers would get an offer",
    )


def floor(
    menu: Iterable[Terms], rule: Rule, least_margin: Decimal, usual: Usual
) -> Guard:
    """Whether the deepest variant leaves the least margin, at the usual price."""
    least = rule.conditions.least_amount
    deepest = max(depth(terms, price=usual.price, least=least) for terms in menu)
    left = usual.margin - deepest
    return Guard(
        name="margin floor",
        passed=left >= least_margin,
        detail=f"deepest variant {deepest:.1%} leaves {left:.1%} of the "
        f"{usual.margin:.1%} margin; the floor is {least_margin:.1%}",
    )


def scope(usual: Usual) -> Guard:
    """Whether the shop sells anything that the strategy is about."""
    return Guard(
        name="scope",
        passed=usual.products > 0,
        detail=f"{usual.products:,} products on sale are in scope",
    )


def period(starts_at: datetime, ends_at: datetime, at: datetime) -> Guard:
    """Whether the campaign is not over."""
    return Guard(
        name="period",
        passed=at < ends_at,
        detail=f"the campaign runs from {starts_at:%Y-%m-%d %H:%M} up to, but not "
        f"including, {ends_at:%Y-%m-%d %H:%M} UTC",
    )


def money(budget: Decimal, left: Decimal, currency: str) -> Guard:
    """Whether there is a budget, and money in the campaign for it."""
    return Guard(
        name="money",
        passed=budget > 0 and left > 0,
        detail=f"its budget is {budget:.2f} {currency}; with what its campaign has "
        f"left, {left:.2f} can be spent",
    )


def group(rule: Rule, others: Sequence[tuple[str, str]]) -> Guard:
    """Whether live strategies of the group, as (title, mode), go by the same mode."""
    if not rule.group:
        return Guard(name="group", passed=True, detail="it is in no group")
    other = [f"“{title}” says {mode}" for title, mode in others if mode != rule.mode]
    said = ", ".join(other[:3]) or f"{len(others)} live ones of the group agree"
    return Guard(
        name="group",
        passed=not other,
        detail=f"group “{rule.group}”, mode {rule.mode}: {said}",
    )


def gift(gifts: Sequence[tuple[str, Decimal, Decimal | None]], currency: str) -> Guard:
    """Whether gifts are on sale, and budgets and floors count what they are worth.

    `gifts` are (sku, declared value, shelf price); without a price it is not on sale.
    """
    wrong = [
        f"{sku} is not on sale in {currency}"
        if price is None
        else f"{sku} costs {price:.2f} {currency}, more than its value of {value:.2f}"
        for sku, value, price in gifts
        if price is None or value < price
    ]
    return Guard(
        name="gift",
        passed=not wrong,
        detail="; ".join(wrong[:3]) or "gifts are on sale at their value or below",
    )


def untried() -> Guard:
    """What stands there until a worker has tried the strategy."""
    return Guard(
        name="past baskets",
        passed=False,
        detail="a worker is trying it on past orders; look again in a minute",
    )


def tried(found: Tried, least_margin: Decimal) -> Guard:
    """Whether the worst past basket keeps the shop's least margin."""
    if not found.baskets:
        detail = "there are no past orders to try it on"
        return Guard(name="past baskets", passed=True, detail=detail)
    return Guard(
        name="past baskets",
        passed=not found.touched or found.kept >= least_margin,
        detail=f"it applies to {found.touched:,} of {found.baskets:,} past orders; at "
        f"worst {found.worst:.1%} is given away together with what is live, and "
        f"{found.kept:.1%} margin kept; the floor is {least_margin:.1%}",
    )


def reference(deep: Decimal, prices: Sequence[tuple[str, Decimal, Decimal]]) -> Guard:
    """Whether a reduction goes below each product's lowest price of 30 days.

    `prices` are (sku, price now, reference price); `deep` is the share taken off. One
    that does not is no reduction: Directive 98/6/EC, article 6a.
    """
    sham = [sku for sku, now, lowest in prices if now > lowest <= now * (ALL - deep)]
    named = f": {', '.join(sham[:3])}" if sham else ""
    return Guard(
        name="reference price",
        passed=not sham,
        detail=f"{len(sham):,} of {len(prices):,} products would still cost as much as "
        f"their lowest price of the last 30 days, or more{named}",
    )


def passed(checks: Iterable[Guard]) -> bool:
    """Return whether every guard holds."""
    return all(check.passed for check in checks)


def stored(checks: Iterable[Guard]) -> list[dict[str, object]]:
    """Return the guards as plain values for a JSON column."""
    return [asdict(check) for check in checks]


def depth(
    terms: Terms, *, price: Decimal = Decimal(0), least: Decimal = Decimal(0)
) -> Decimal:
    """Return the largest share of the goods' value that the terms give away, 0 to 1.

    Where that depends on what is bought, it is of units at the usual `price`, or of a
    basket of the `least` amount; shipping costs no goods.
    """
    match terms:
        case Percentage(rate=rate):
            return rate
        case Amount(amount=amount, each=each):
            return _share(amount, max(least, price) if each == "order" else price)
        case Threshold(tiers=tiers):
            return max(_tier_depth(tier, price) for tier in tiers)
        case Multibuy(take=take, reduced=reduced, rate=rate):
            return reduced * rate / take
        case Gift(spend=spend, value=value):
            return _share(value, spend)
        case FixedPrice(price=fixed):
            return _below(fixed, price)
        case Bundle(slots=slots, price=fixed):
            return _below(fixed, price * sum(slot.quantity for slot in slots))
        case _:
            return Decimal(0)


def _below(fixed: Decimal, usual: Decimal) -> Decimal:
    return ALL - _share(fixed, usual) if usual else Decimal(0)


def _tier_depth(tier: Tier, price: Decimal) -> Decimal:
    return tier.rate or _share(tier.amount, max(tier.spend, tier.quantity * price))


def _share(part: Decimal, whole: Decimal) -> Decimal:
    """Return part / whole, at most all; all of nothing."""
    return min(ALL, part / whole) if whole > 0 else ALL
