"""What an offer is worth to the shop, customer by customer. Pure NumPy.

logit p_v = logit p0 + b_v. The lift b_v of an addressed offer comes from the shop's
own past campaigns (ml.response, observational): b_v = b · √(depth / D), where b was
seen at the mean depth D. The square root says that the tenth per cent of a discount
moves people less than the first. Our own randomised arms are to take the place of b.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from promotions.rules import Gift, Percentage, Terms, Threshold

Floats = NDArray[np.float64]


class Response(Protocol):
    """How customers answered addressed campaigns of the past.

    `lift`, from `low` to `high`: log-odds of buying in scope when addressed, seen at
    the mean discount `depth`. `use`: the share of buyers in scope who used the offer.
    """

    @property
    def lift(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def depth(self) -> float: ...
    @property
    def use(self) -> float: ...


End = Literal["lift", "low", "high"]
"""The response's estimate, or one end of its interval."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """Per customer, in money: incremental margin, and the discount at shelf prices."""

    margin: Floats
    cost: Floats


def worth(
    terms: Terms,
    p0: Floats,
    spend: Floats,
    *,
    response: Response,
    margin: float,
    end: End = "lift",
) -> Worth:
    """Return what offering `terms` to each customer brings over offering nothing.

    `p0`: P(buys in scope | no offer); `spend`: shelf value in scope when buying;
    `margin`: the scope's margin rate. Incremental margin = p_v·s·m − p_v·g·κ − p0·s·m,
    with g the reward expected to be given, and κ what a unit of reward costs the
    shop: 1 for money, 1 − m for a gift, which it bought at cost.
    """
    depth, reward, kappa = _reward(terms, spend, margin)
    lift = getattr(response, end) * np.sqrt(depth / response.depth)
    p = lifted(p0, lift)
    given = p * reward * response.use
    gain = (p - p0) * spend * margin
    return Worth(margin=gain - given * kappa, cost=given)


@dataclass(frozen=True, kw_only=True)
class Best:
    """Per customer: the menu's best variant (its place), what it brings and costs."""

    variant: NDArray[np.int64]
    margin: Floats
    cost: Floats


def best(
    menu: Mapping[str, Terms],
    p0: Floats,
    spend: Floats,
    *,
    response: Response,
    margin: float,
) -> Best:
    """Choose each customer's best variant: proposals and targeting both come here."""
    margins, costs = _priced(menu, p0, spend, response, margin)
    variant, rows = margins.argmax(axis=1), np.arange(len(p0))
    return Best(
        variant=variant, margin=margins[rows, variant], cost=costs[rows, variant]
    )


def by_lot(
    menu: Mapping[str, Terms],
    odds: Mapping[str, float],
    p0: Floats,
    spend: Floats,
    *,
    response: Response,
    margin: float,
) -> Best:
    """Price a menu of which everybody draws one by the odds.

    Whom it is for cannot depend on the draw, which comes afterwards.
    """
    margins, costs = _priced(menu, p0, spend, response, margin)
    shares = np.array([odds[label] for label in menu])
    return Best(
        variant=margins.argmax(axis=1), margin=margins @ shares, cost=costs @ shares
    )


def _priced(
    menu: Mapping[str, Terms],
    p0: Floats,
    spend: Floats,
    response: Response,
    margin: float,
) -> tuple[Floats, Floats]:
    """Return margin and cost of every variant, [customers, variants]."""
    priced = [
        worth(terms, p0, spend, response=response, margin=margin)
        for terms in menu.values()
    ]
    return (
        np.column_stack([one.margin for one in priced]),
        np.column_stack([one.cost for one in priced]),
    )


def at_end(
    menu: Mapping[str, Terms],
    chosen: Best,
    p0: Floats,
    spend: Floats,
    *,
    response: Response,
    margin: float,
    end: End,
) -> Floats:
    """Return what the chosen variants bring at one end of the response's interval."""
    margins = np.column_stack(
        [
            worth(terms, p0, spend, response=response, margin=margin, end=end).margin
            for terms in menu.values()
        ]
    )
    return np.asarray(margins[np.arange(len(p0)), chosen.variant])


def in_scope(
    probability: Floats, spend: Floats, inside: Sequence[int]
) -> tuple[Floats, Floats]:
    """Join categories into a scope, row by row: it is bought if any of them is.

    Rows are customers, columns categories, `inside` the scope's columns. Returns
    P(buys in scope) and the spend expected then.
    """
    p0 = np.asarray(1 - np.prod(1 - probability[:, inside], axis=1))
    total = (spend[:, inside] * probability[:, inside]).sum(axis=1)
    return p0, np.asarray(total / np.maximum(p0, 1e-9))


def lifted(p0: Floats, lift: float) -> Floats:
    """Return the probability whose log-odds are `lift` above those of `p0`."""
    odds = p0 / (1 - p0) * np.exp(lift)
    return np.asarray(odds / (1 + odds))


def _reward(terms: Terms, spend: Floats, margin: float) -> tuple[float, Floats, float]:
    """Return depth, reward per buyer, and the cost of a unit of reward.

    Who spends less than the threshold reaches it in proportion to how near he is; no
    stretching of baskets is counted as a gain: nothing in the log has shown it yet.
    """
    match terms:
        case Percentage(rate=rate):
            return float(rate), spend * float(rate), 1.0
        case Threshold(spend=least, amount=amount):
            reach = np.minimum(1.0, spend / float(least))
            return float(amount / least), reach * float(amount), 1.0
        case Gift(spend=least, value=value):
            reach = np.minimum(1.0, spend / float(least))
            return float(value / least), reach * float(value), 1 - margin
        case _:
            raise TypeError(f"{type(terms).__name__} is not forecast by customer")
