"""May this strategy exist, and how large: guards that a proposal must show. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from promotions.rules import Gift, Percentage, Terms, Threshold


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One check of a proposal, in words an operator can judge."""

    name: str
    passed: bool
    detail: str


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
    deepest = max(map(depth, menu.values()))
    left = margin - deepest
    return [
        Guard(
            name="margin floor",
            passed=left >= least_margin,
            detail=f"deepest variant {deepest:.1%} leaves {left:.1%} of the "
            f"{margin:.1%} margin; the floor is {least_margin:.1%}",
        ),
        Guard(
            name="budget",
            passed=cost <= budget,
            detail=f"expected cost {cost:.2f} within the budget of {budget:.2f}",
        ),
        Guard(
            name="reach",
            passed=reach > 0,
            detail=f"{reach:,} customers would get an offer",
        ),
    ]


def passed(checks: Iterable[Guard]) -> bool:
    """Return whether every guard holds."""
    return all(check.passed for check in checks)


def stored(checks: Iterable[Guard]) -> list[dict[str, object]]:
    """Return the guards as plain values for a JSON column."""
    return [asdict(check) for check in checks]


def depth(terms: Terms) -> Decimal:
    """Return the largest share of the spend in scope that the terms give away."""
    match terms:
        case Percentage(rate=rate):
            return rate
        case Threshold(spend=spend, amount=amount):
            return amount / spend
        case Gift(spend=spend, value=value):
            return value / spend
        case _:
            raise TypeError(f"{type(terms).__name__} has no depth of its own")
