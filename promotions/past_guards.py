"""Guards that look back: at past baskets, and at each product's lowest price. Pure.

A worker tries a strategy on past orders within minutes (promotions.backtest); until
then its guard fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from analytics.wording import Wording
from promotions.depths import ALL
from promotions.guards import Guard


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


def untried() -> Guard:
    """What stands there until a worker has tried the strategy."""
    return Guard(
        name=Wording("past baskets"),
        passed=False,
        detail=Wording("a worker is trying it on past orders; look again in a minute"),
    )


def tried(found: Tried, least_margin: Decimal) -> Guard:
    """Whether the worst past basket keeps the shop's least margin."""
    if not found.baskets:
        detail = Wording("there are no past orders to try it on")
        return Guard(name=Wording("past baskets"), passed=True, detail=detail)
    return Guard(
        name=Wording("past baskets"),
        passed=not found.touched or found.kept >= least_margin,
        detail=Wording(
            "it applies to %(touched)s of %(baskets)s past orders; at worst %(worst)s "
            "is given away together with what is live, and %(kept)s margin kept; the "
            "shop's floor, for all discounts on a basket, is %(floor)s",
            touched=f"{found.touched:,}",
            baskets=f"{found.baskets:,}",
            worst=f"{found.worst:.1%}",
            kept=f"{found.kept:.1%}",
            floor=f"{least_margin:.1%}",
        ),
    )


def reference(deep: Decimal, prices: Sequence[tuple[str, Decimal, Decimal]]) -> Guard:
    """Whether a reduction goes below each product's lowest price of 30 days.

    `prices` are (sku, price now, reference price); `deep` is the share taken off. One
    that does not is no reduction: Directive 98/6/EC, article 6a.
    """
    # `now > lowest`: whatever is taken off a product at its
    # lowest price is a reduction.
    sham = [sku for sku, now, lowest in prices if now > lowest <= now * (ALL - deep)]
    return Guard(
        name=Wording("reference price"),
        passed=not sham,
        detail=Wording(
            "%(sham)s of %(all)s products would still cost as much as their lowest "
            "price of the last 30 days, or more%(named)s",
            sham=f"{len(sham):,}",
            all=f"{len(prices):,}",
            named=f": {', '.join(sham[:3])}" if sham else "",
        ),
    )
