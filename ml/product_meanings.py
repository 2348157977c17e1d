"""Every feature of the ranker of products: level, meaning and missing rule.

In the order of baskets.FEATURES. A pair is a customer and a product, or its category.
"""

from collections.abc import Mapping

from ml.meanings import Feature


def _pair(meaning: str, missing: float = 0.0, rule: str = "0 without") -> Feature:
    return Feature("pair", meaning, missing, rule)


# log(1 + 400 days), as in baskets.MISSING.
_NEVER = (5.993961, "as 400 days for never")
_FIVE = (5.0, "5 for never")
_GAP = (5.0, "5 under two orders")
PRODUCTS: Mapping[str, Feature] = {
    "orders": _pair("log of 1 + orders with the product, ever"),
    "orders_28": _pair("log of 1 + orders with it, last 28 days"),
    "orders_91": _pair("log of 1 + orders with it, last 91 days"),
    "fresh_15": _pair("log of 1 + 4 × orders with it, each halved every 15 days"),
    "fresh_40": _pair("log of 1 + 2 × orders with it, each halved every 40 days"),
    "fresh_100": _pair("log of 1 + orders with it, each halved every 100 days"),
    "share": _pair("log of the share of visits with it, + 0.01"),
    "share_fresh": _pair("the same, all halved every 100 days"),
    "share_fresh_30": _pair("the same, all halved every 30 days"),
    "share_since": _pair(
        "log of the share of visits with it since it was first bought"
    ),
    "recency": _pair("log of 1 + days since it was last bought", *_NEVER),
    "visits_since": _pair("log of 1 + visits since it was last bought", *_FIVE),
    "gap": _pair("log of 1 + mean days between its orders", *_GAP),
    "due": _pair(
        "log of 1 + days since it was bought over their mean gap, at most 6",
        rule="0 under two orders",
    ),
    "due_off": _pair(
        "how far these days are from the mean gap, in logs",
        rule="2 after one order, 0 for never",
    ),
    "once": _pair("1: bought exactly once"),
    "never": _pair("1: never bought", rule="always known"),
    "last_visit": _pair("1: bought at the last visit"),
    "last_three": _pair("orders with it at the last three visits"),
    "weekday": _pair(
        "share of its orders on about this day of the week, + 1 over + 3.5"
    ),
    "quantity": _pair("log of its mean quantity"),
    "discount": _pair("discounts / shelf value of it, ever"),
    "to_best": _pair("root of fresh_100's orders over those of the customer's first"),
    "to_best_30": _pair("the same of fresh_40"),
    "rank": _pair("log of 1 + its rank by share_fresh", rule="always known"),
    "rank_30": _pair("log of 1 + its rank by share_fresh_30", rule="always known"),
    "category_fresh": _pair(
        "log of 1 + 2 × orders with its category, each halved every 40 days"
    ),
    "category_recency": _pair(
        "log of 1 + days since its category was last bought", *_NEVER
    ),
    "category_due": _pair("due, of its category", rule="0 under two orders"),
    "category_share": _pair(
        "orders with it / those with its category, + ½ over + 1", rule="always known"
    ),
    "sister_newer": _pair("1: another product of its category was bought since"),
    "popular": Feature(
        "category",
        "log of the share of the shop's 56-day orders with the product",
        rule="always known",
    ),
    "kept": Feature(
        "category",
        "log of how often a buyer's next visits repeat it",
        rule="always known",
    ),
    "near": _pair(
        "log of how much the customers most alike buy it", rule="-9.2 without"
    ),
    "near_to_best": _pair("root of that, before the log, over the customer's first"),
    "near_rank": _pair("log of 1 + its rank by near", rule="always known"),
    "visits": Feature("customer", "log of 1 + visits"),
    "since_visit": Feature(
        "customer", "log of 1 + days since the last visit", 4.110874, "as 60 days"
    ),
    "visit_gap": Feature(
        "customer", "log of 1 + mean days between visits", 2.70805, "as 14 days"
    ),
    "basket": Feature("customer", "log of 1 + products a visit"),
    "overslept": Feature(
        "customer",
        "log of 1 + days since the last visit over their mean gap, at most 10",
        rule="as 60 days over 14",
    ),
    "blend": _pair(
        "log of 0.7 × own orders, halved every 100 days, + 0.3 × near",
        rule="-9.2 without",
    ),
    "blend_rank": _pair("log of 1 + its rank by blend", rule="always known"),
}
