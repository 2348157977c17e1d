"""What may be said of a feature's value: one table of facts for operators and shoppers.

To a shopper only what speaks for the category is said, and only what is true of nobody
else's data.
"""

import re
from dataclasses import dataclass
from math import inf
from typing import Literal

Side = Literal["high", "low", "none"]
TOPICS = (
    *("habit", "lately", "rhythm", "trend", "stock", "deals"),
    *("taste", "visits", "size", "tenure"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    """Words that are true where a feature is high, low or has no value.

    High: above the average customer's and at least `bound`; low: below and at most
    `bound`; none: it has the number that stands for "not known". Facts of one topic say
    nearly the same, so one of them is told. `shopper` is said to the customer; `needs`
    names a feature that must have a value too.
    """

    feature: str
    topic: str
    side: Side
    words: str
    bound: float
    shopper: str = ""
    needs: str = ""


OFTEN = "You often buy from {category}"
LATELY = "You bought from {category} in the last weeks"
DUE = "It may be time for {category} again"
FITS = "{category} fits what you usually buy"
HERE = "You often shop with us"


def _high(
    feature: str,
    topic: str,
    words: str,
    bound: float = -inf,
    shopper: str = "",
    needs: str = "",
) -> Fact:
    return Fact(feature, topic, "high", words, bound, shopper, needs)


def _low(
    feature: str,
    topic: str,
    words: str,
    bound: float = inf,
    shopper: str = "",
    needs: str = "",
) -> Fact:
    return Fact(feature, topic, "low", words, bound, shopper, needs)


def _none(feature: str, topic: str, words: str) -> Fact:
    return Fact(feature, topic, "none", words, 0.0)


FACTS: tuple[Fact, ...] = (
    _high(
        "orders_all", "habit", "bought more often than average", 6, OFTEN, "orders_182"
    ),
    _low("orders_all", "habit", "bought less often than average"),
    _none("orders_all", "habit", "never bought"),
    _high("orders_182", "habit", "bought often in half a year", 4, OFTEN),
    _low("orders_182", "habit", "seldom bought in half a year"),
    _none("orders_182", "habit", "not bought in half a year"),
    _high("orders_91", "habit", "bought often in three months", 3, OFTEN),
    _low("orders_91", "habit", "seldom bought in three months"),
    _none("orders_91", "habit", "not bought in three months"),
    _high("decayed_100", "habit", "bought more often than average"),
    _low("decayed_100", "habit", "bought less often than average"),
    _none("decayed_100", "habit", "never bought"),
    _high("windows_6", "habit", "bought month after month", 4, OFTEN),
    _low("windows_6", "habit", "bought in few of six months", 2),
    _none("windows_6", "habit", "bought in none of six months"),
    _high("basket_share", "habit", "in many of their orders", 0.2, OFTEN),
    _low("basket_share", "habit", "in few of their orders"),
    _none("basket_share", "habit", "in none of their orders of half a year"),
    _high("spend_share", "habit", "a larger part of their spending than average"),
    _low("spend_share", "habit", "a smaller part of their spending than average"),
    _high("spend_91", "habit", "more spent on it in three months than average"),
    _low("spend_91", "habit", "less spent on it in three months than average"),
    _high("spend_168", "habit", "more spent on it in half a year than average"),
    _low("spend_168", "habit", "less spent on it in half a year than average"),
    _high("chance", "habit", "likelier than average by visits and habit"),
    _low("chance", "habit", "less likely than average by visits and habit"),
    _high("orders_7", "lately", "bought in the last week", 1, LATELY),
    _none("orders_7", "lately", "not bought in the last week"),
    _high("orders_28", "lately", "bought in the last four weeks", 1, LATELY),
    _none("orders_28", "lately", "not bought in the last four weeks"),
    _high("orders_56", "lately", "bought in the last eight weeks", 1, LATELY),
    _none("orders_56", "lately", "not bought in the last eight weeks"),
    _high("decayed_14", "lately", "bought more often of late than average"),
    _low("decayed_14", "lately", "bought less often of late than average"),
    _high("decayed_30", "lately", "bought more often of late than average"),
    _low("decayed_30", "lately", "bought less often of late than average"),
    _low("recency", "lately", "bought in the last four weeks", 28, LATELY),
    _high("recency", "lately", "last bought more than eight weeks ago", 57),
    _none("recency", "lately", "not bought in a year"),
    _high("windows_3", "lately", "bought in most of the last three months", 2, LATELY),
    _none("windows_3", "lately", "not bought in the last three months"),
    _high("cadence", "rhythm", "overdue by their own rhythm", 1, DUE),
    _low("cadence", "rhythm", "not due yet by their own rhythm", 0.5),
    # 1000 thousandths are even odds; without a gap that lasted so long they say
    # nothing.
    _high("hazard", "rhythm", "gaps like today's ended soon", 1000, DUE, "gaps_held"),
    _low("hazard", "rhythm", "gaps like today's went on", 500, needs="gaps_held"),
    _high("gaps_held", "rhythm", "has waited longer than now before", 1),
    _high("gaps_ending", "rhythm", "gaps like today's often ended within a month", 2),
    _low("gap_mean", "rhythm", "bought every four weeks or more often", 28),
    _high("gap_mean", "rhythm", "bought eight weeks apart or more", 56),
    _low("gap_sd", "rhythm", "bought at more regular intervals than average"),
    _high("gap_sd", "rhythm", "bought at less regular intervals than average"),
    _high("trend", "trend", "bought more often than before", 0.2),
    _low("trend", "trend", "bought less often than before", -0.2),
    _high("stock", "stock", "took more than usual last time", 0.2),
    _low("stock", "stock", "took less than usual last time", -0.2),
    _high("discount_share", "deals", "bought there at higher discounts than average"),
    _low("discount_share", "deals", "bought there at lower discounts than average"),
    _high("coupon_orders", "deals", "used coupons for it", 1),
    _high("customer_discount_share", "deals", "buys at higher discounts than average"),
    _low("customer_discount_share", "deals", "buys at lower discounts than average"),
    _high("customer_coupon_orders", "deals", "used coupons", 1),
    _none("customer_coupon_orders", "deals", "no coupons used in half a year"),
    _high("affinity", "taste", "what they buy as a whole points to it", 100, FITS),
    _low("affinity", "taste", "what they buy as a whole does not point to it"),
    _high("customer_orders_7", "visits", "came several times last week", 2, HERE),
    _none("customer_orders_7", "visits", "did not come last week"),
    _high("customer_orders_28", "visits", "came often in four weeks", 4, HERE),
    _low("customer_orders_28", "visits", "came less in four weeks than average"),
    _none("customer_orders_28", "visits", "did not come in four weeks"),
    _high("customer_orders_91", "visits", "came often in three months", 12, HERE),
    _low("customer_orders_91", "visits", "came less in three months than average"),
    _none("customer_orders_91", "visits", "did not come in three months"),
    _high("customer_orders_all", "visits", "more orders ever than average"),
    _low("customer_orders_all", "visits", "fewer orders ever than average"),
    _high("visits_expected", "visits", "more visits expected than average"),
    _low("visits_expected", "visits", "fewer visits expected than average"),
    _low("customer_recency", "visits", "came within the last two weeks", 14),
    _high("customer_recency", "visits", "has not come for four weeks or more", 28),
    _low("customer_gap", "visits", "comes every week or more often", 7),
    _high("customer_gap", "visits", "comes every two weeks or less", 14),
    _high("customer_overdue", "visits", "a visit is overdue", 1),
    _low("customer_overdue", "visits", "a visit is not due yet", 0.5),
    _high("customer_trend", "visits", "comes more often than before", 0.2),
    _low("customer_trend", "visits", "comes less often than before", -0.2),
    _high("customer_breadth", "size", "buys more categories than average"),
    _low("customer_breadth", "size", "buys fewer categories than average"),
    _high("customer_spend", "size", "spends more than average"),
    _low("customer_spend", "size", "spends less than average"),
    _high("customer_tenure", "tenure", "a customer for longer than average"),
    _low("customer_tenure", "tenure", "a customer for less long than average"),
)
"""The same words of several features are told once: these share a topic."""

LEFT_OUT = frozenset(
    {
        *("category_rate_28", "category_rate_182", "category_price"),
        *("category_discount", "category_discount_7", "category_trend"),
        *("week_sin", "week_cos"),
    }
)
"""The same for all customers of a category: no reason why this one will buy."""

SAID: tuple[Fact, ...] = tuple(fact for fact in FACTS if fact.shopper)
"""What may be said to a shopper; one fact of a feature at most."""
_SAID = {fact.feature: fact for fact in SAID}


def said(feature: str, category: str) -> str | None:
    """Put a stored reason into words for the customer; None if nothing may be said."""
    fact = _SAID.get(feature)
    # Feeds such as the demo's write categories in capitals, which shout at a shopper.
    shelf = _WORD.sub(_capital, category) if category.isupper() else category
    return fact.shopper.format(category=shelf) if fact else None


_WORD = re.compile(r"[^\W\d_]+('[^\W\d_]+)?")


def _capital(word: re.Match[str]) -> str:
    return word[0].capitalize()
