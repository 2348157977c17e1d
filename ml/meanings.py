"""Every feature's level, meaning and missing rule, in the order of the columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["pair", "customer", "category", "calendar"]
# A model of another version is refused (propensity.Outdated), never scored by guess.
FEATURES_VERSION = 2
NEVER = 365.0
"""Days: stands for "not yet" in recencies and gaps, and caps them."""


@dataclass(frozen=True, slots=True)
class Feature:
    """`missing` is the number that stands for "not known", `rule` says so in words."""

    level: Level
    meaning: str
    missing: float = 0.0
    rule: str = "0 without"


_NEVER = (NEVER, "365 for never")
_GAP = (NEVER, "365 under two orders")
FEATURES: Mapping[str, Feature] = {
    "orders_7": Feature("pair", "orders with the category, last 7 days"),
    "orders_28": Feature("pair", "orders with the category, last 28 days"),
    "orders_56": Feature("pair", "orders with the category, last 56 days"),
    "orders_91": Feature("pair", "orders with the category, last 91 days"),
    "orders_182": Feature("pair", "orders with the category, last 182 days"),
    "orders_all": Feature("pair", "orders with the category, ever"),
    "decayed_14": Feature(
        "pair", "orders with the category, each halved every 14 days"
    ),
    "decayed_30": Feature(
        "pair", "orders with the category, each halved every 30 days"
    ),
    "decayed_100": Feature(
        "pair", "orders with the category, each halved every 100 days"
    ),
    "recency": Feature("pair", "days since the category was last bought", *_NEVER),
    "gap_mean": Feature("pair", "mean days between its orders", *_GAP),
    "gap_sd": Feature(
        "pair", "standard deviation of those gaps", NEVER, "365 under three orders"
    ),
    "cadence": Feature(
        "pair",
        "recency / gap_mean, at most 10: above 1 it is overdue",
        1.0,
        "1 for never",
    ),
    "windows_3": Feature(
        "pair", "of the last 3 windows of 28 days, those with a purchase"
    ),
    "windows_6": Feature(
        "pair", "of the last 6 windows of 28 days, those with a purchase"
    ),
    "spend_91": Feature("pair", "shelf value bought in the category, last 91 days"),
    "spend_168": Feature("pair", "shelf value bought in the category, last 168 days"),
    "discount_share": Feature(
        "pair", "discounts / shelf value in the category, 182 days"
    ),
    "coupon_orders": Feature("pair", "its orders with a coupon, last 182 days"),
    "basket_share": Feature(
        "pair", "share of the customer's 182-day orders that hold it"
    ),
    "spend_share": Feature("pair", "share of the customer's 168-day shelf value"),
    "trend": Feature("pair", "log of its 56-day pace over its 182-day pace, both +½"),
    "stock": Feature(
        "pair", "log of the newest order's quantity over the mean, both +½"
    ),
    "gaps_held": Feature("pair", "earlier gaps that were longer than today's recency"),
    "gaps_ending": Feature("pair", "those of them that ended within 28 more days"),
    # 1000 · p / (1 − p) of 0.0001, the least chance of features._compared, and below of
    # 0.002 (context.LEAST_CHANCE). Six digits do: reasons compares them as float32.
    "chance": Feature(
        "pair",
        "odds (in thousandths) of a purchase in the visits expected",
        0.100010,
        "the odds of 0.01 %",
    ),
    "hazard": Feature(
        "pair",
        "odds (in thousandths) that a gap like today's ends within 28 days",
        0.100010,
        "as chance",
    ),
    "affinity": Feature(
        "pair",
        "odds (in thousandths) foretold from all the customer's categories",
        2.004008,
        "the odds of 0.2 %",
    ),
    "customer_orders_7": Feature("customer", "the customer's orders, last 7 days"),
    "customer_orders_28": Feature("customer", "the customer's orders, last 28 days"),
    "customer_orders_91": Feature("customer", "the customer's orders, last 91 days"),
    "customer_orders_all": Feature("customer", "the customer's orders, ever"),
    "customer_recency": Feature("customer", "days since the last order", *_NEVER),
    "customer_gap": Feature("customer", "mean days between orders", *_GAP),
    "customer_overdue": Feature(
        "customer", "customer_recency / customer_gap, at most 10", 1.0, "1 for never"
    ),
    "visits_expected": Feature("customer", "log(1 + orders expected in 28 days)"),
    "customer_breadth": Feature("customer", "categories bought, last 91 days"),
    "customer_spend": Feature("customer", "shelf value bought, last 91 days"),
    "customer_discount_share": Feature("customer", "discounts / shelf value, 182 days"),
    "customer_coupon_orders": Feature(
        "customer", "orders with a coupon, last 182 days"
    ),
    "customer_tenure": Feature("customer", "days since the first order, at most 365"),
    "customer_trend": Feature(
        "customer", "log of the 28-day pace over the 91-day pace, both +½"
    ),
    "category_rate_28": Feature(
        "category", "share of active customers who bought it in 28 days"
    ),
    "category_rate_182": Feature(
        "category", "share of active customers who bought it in 182 days"
    ),
    "category_price": Feature("category", "shelf value of a unit, last 182 days"),
    "category_discount": Feature("category", "discounts / shelf value, last 28 days"),
    "category_discount_7": Feature(
        "category", "shelf discounts / shelf value, last 7 days"
    ),
    "category_trend": Feature(
        "category", "log of its orders' 28-day pace over the 182-day pace"
    ),
    "week_sin": Feature(
        "calendar",
        "the season: sine of the share of the year gone",
        0.0,
        "always known",
    ),
    "week_cos": Feature(
        "calendar",
        "the season: cosine of the share of the year gone",
        0.0,
        "always known",
    ),
}
