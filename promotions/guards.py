"""May this strategy exist, and how large: guards that a proposal must show. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from analytics.wording import APART, LISTED, Wording, joined, kept
from promotions.depths import depth
from promotions.rules import Rule, Terms

# Of units beyond: the sentence below says 0 of less.
HALF_A_UNIT = 0.5


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
    # Without a price: what the platform proposes (percentages, thresholds, gifts) goes
    # by rates and spends, see `depth`.
    usual = Usual(products=1, price=Decimal(0), margin=margin)
    return [
        floor(menu.values(), Rule(), least_margin, usual),
        Guard(
            name=Wording("budget"),
            passed=cost <= budget,
            detail=Wording(
                "expected cost %(cost)s within the budget of %(budget)s",
                cost=f"{cost:.2f}",
                budget=f"{budget:.2f}",
            ),
        ),
        reached(reach),
    ]


def reached(customers: int) -> Guard:
    """Whether a personal offer is expected to move anybody."""
    return Guard(
        name=Wording("reach"),
        passed=customers > 0,
        detail=Wording(
            "%(number)s customers would get an offer", number=f"{customers:,}"
        ),
    )


def floor(
    menu: Iterable[Terms], rule: Rule, least_margin: Decimal, usual: Usual
) -> Guard:
    """Whether the deepest variant leaves the least margin, at the usual price."""
    least = rule.conditions.least_amount
    deepest = max(depth(terms, price=usual.price, least=least) for terms in menu)
    left = usual.margin - deepest
    return Guard(
        name=Wording("margin floor"),
        passed=left >= least_margin,
        detail=Wording(
            "deepest variant %(deepest)s leaves %(left)s of the %(margin)s margin; "
            "its own floor, for each line, is %(floor)s",
            deepest=f"{deepest:.1%}",
            left=f"{left:.1%}",
            margin=f"{usual.margin:.1%}",
            floor=f"{least_margin:.1%}",
        ),
    )


def scope(usual: Usual) -> Guard:
    """Whether the shop sells anything that the strategy is about."""
    return Guard(
        name=Wording("scope"),
        passed=usual.products > 0,
        detail=Wording(
            "%(number)s products on sale are in scope", number=f"{usual.products:,}"
        ),
    )


def period(starts_at: datetime, ends_at: datetime, at: datetime) -> Guard:
    """Whether the campaign is not over."""
    return Guard(
        name=Wording("period"),
        passed=at < ends_at,
        detail=Wording(
            "the campaign runs from %(since)s up to, but not including, %(until)s UTC",
            since=f"{starts_at:%Y-%m-%d %H:%M}",
            until=f"{ends_at:%Y-%m-%d %H:%M}",
        ),
    )


def money(budget: Decimal, left: Decimal, currency: str) -> Guard:
    """Whether there is a budget, and money for it: its own, or less in its campaign."""
    told = {
        "budget": f"{budget:.2f}",
        "currency": currency,
        "left": f"{left:.2f}",
    }
    whole = Wording("all of its budget of %(budget)s %(currency)s can be spent", **told)
    less = Wording(
        "of its budget of %(budget)s %(currency)s only %(left)s can be spent: the rest "
        "is spent or reserved, or its campaign has no more",
        **told,
    )
    return Guard(
        name=Wording("money"),
        passed=budget > 0 and left > 0,
        detail=whole if left >= budget else less,
    )


def group(rule: Rule, others: Sequence[tuple[str, str]]) -> Guard:
    """Whether live strategies of the group, as (title, mode), go by the same mode."""
    if not rule.group:
        detail = Wording("it is in no group")
        return Guard(name=Wording("group"), passed=True, detail=detail)
    other = [
        Wording("“%(title)s” says %(mode)s", title=title, mode=mode)
        for title, mode in others
        if mode != rule.mode
    ]
    agree = Wording("%(number)s live ones of the group agree", number=len(others))
    said = joined(LISTED, other[:3]) if other else agree
    return Guard(
        name=Wording("group"),
        passed=not other,
        detail=Wording(
            "group “%(group)s”, mode %(mode)s: %(said)s",
            group=rule.group,
            mode=rule.mode,
            said=said,
        ),
    )


def gift(gifts: Sequence[tuple[str, Decimal, Decimal | None]], currency: str) -> Guard:
    """Whether gifts are on sale, and budgets and floors count what they are worth.

    `gifts` are (sku, declared value, shelf price); without a price it is not on sale.
    """
    wrong = [
        Wording("%(sku)s is not on sale in %(currency)s", sku=sku, currency=currency)
        if price is None
        else Wording(
            "%(sku)s costs %(price)s %(currency)s, more than its value of %(value)s",
            sku=sku,
            price=f"{price:.2f}",
            currency=currency,
            value=f"{value:.2f}",
        )
        for sku, value, price in gifts
        if price is None or value < price
    ]
    return Guard(
        name=Wording("gift"),
        passed=not wrong,
        detail=joined(APART, wrong[:3])
        if wrong
        else Wording("gifts are on sale at their value or below"),
    )


MISSED = 0.2
"""The share of units that may be asked for in vain: of many goods some are sold out."""


def stock(
    *,
    products: int,
    known: int,
    days: float,
    wanted: float,
    extra: float | None,
    there: int,
    incoming: int,
    missing: float,
    stale: timedelta | None = None,
) -> Guard:
    """Whether what is there and under way lasts until an order of today arrives.

    Not so if a product's stock is asked for in vain, as it is of goods that are sold
    out: more than MISSED of all units, however much there is of others.

    What sells nothing beyond may go on: a rise of prices, say, helps what is short.
    `known` of the `products` have a stock that the shop sends; `wanted` units of those
    are expected to be asked for within `days`, `extra` of them for the promotion.
    `stale`: so old are the forecasts of demand, which says nothing then.
    """
    if not known:
        detail = Wording("the shop sends no stock of these goods: nothing is known")
        return Guard(name=Wording("stock"), passed=True, detail=detail)
    if stale:
        detail = Wording(
            "demand was forecast %(days)s days ago, which is too old: nothing is known",
            days=stale.days,
        )
        return Guard(name=Wording("stock"), passed=True, detail=detail)
    # The sum alone would let what there is of one product stand in for another.
    lacks = max(wanted - there - incoming, missing if missing > MISSED * wanted else 0)
    enough = lacks <= 0 or (extra is not None and extra < HALF_A_UNIT)
    extras = Wording("unknown") if extra is None else f"{extra:,.0f}"
    detail = Wording(
        "%(wanted)s units are expected to be asked for in %(days)s days, %(extra)s of "
        "them for the promotion; %(there)s are there and %(incoming)s under way "
        "(%(known)s of %(products)s products are counted)",
        wanted=f"{wanted:,.0f}",
        days=f"{days:.0f}",
        extra=extras,
        there=f"{there:,}",
        incoming=f"{incoming:,}",
        known=f"{known:,}",
        products=f"{products:,}",
    )
    if not enough:
        detail = Wording(
            "%(detail)s: order %(missing)s first",
            detail=detail,
            missing=f"{max(lacks, missing):,.0f}",
        )
    return Guard(name=Wording("stock"), passed=enough, detail=detail)


def passed(checks: Iterable[Guard]) -> bool:
    """Return whether every guard holds."""
    return all(check.passed for check in checks)


def stored(checks: Iterable[Guard]) -> list[dict[str, object]]:
    """Return the guards as plain values for a JSON column; `said`: see wording.kept."""
    return [asdict(check) | {"said": kept(check.detail)} for check in checks]
