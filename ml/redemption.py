"""Who will use a coupon of a campaign that they were sent: what is known at its start.

`build` reads orders and earlier campaigns alone; nothing at or after the start is seen.
Eight features, chosen one by one on earlier campaigns of The Complete Journey from 44:
all of them foretold later campaigns worse, and so did a forest and boosting;
estimators.redeeming is a logistic regression. Pure NumPy.
A propensity to redeem is not the effect of the campaign; see ml.response for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.meanings import NEVER, Feature
from ml.purchases import Codes, Numbers, Pairs, Purchases, pairs

HALF_LIFE = 100.0
PRIOR = 4.0
"""Campaigns at the overall rate that are mixed into a customer's own rate."""

FEATURES: Mapping[str, Feature] = {
    "received": Feature("customer", "earlier campaigns that the customer was sent"),
    "used": Feature("customer", "coupons of campaigns used before"),
    "own_rate": Feature(
        "customer",
        "share of earlier campaigns used, shrunk to the overall rate by four campaigns",
        rule="the overall rate",
    ),
    "coupon_share": Feature(
        "customer",
        "orders with a coupon of all, each halved every 100 days, shrunk to 2 %",
        0.02,
        "0.02 without",
    ),
    "coupon_recency": Feature(
        "customer", "days since an order with a coupon", NEVER, "365 for never"
    ),
    "scope_recency": Feature(
        "pair", "days since the campaign's products were bought", NEVER, "365 for never"
    ),
    "scope_coupons": Feature(
        "pair", "orders of them with a coupon, each halved every 100 days"
    ),
    "category_spend": Feature(
        "pair", "shelf value bought in their categories, last 91 days"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Campaign:
    """A campaign of the shop's own; days since 1970 UTC, half-open.

    `coupon` and `product` are parallel: which coupon is valid for which product.
    `redeemer` and `redeemed_at` are parallel too, one row a use.
    """

    name: str
    kind: str
    start: float
    end: float
    coupon: Codes
    product: Codes
    received: Codes
    redeemer: Codes
    redeemed_at: Numbers


def build(
    past: Purchases,
    campaigns: Sequence[Campaign],
    campaign: Campaign,
    *,
    customers: int,
) -> NDArray[np.float32]:
    """Return len(campaign.received) × FEATURES as of the campaign's start."""
    before = past.before(campaign.start)
    values = {
        **_told(campaigns, day=campaign.start, customers=customers),
        **_habits(before, day=campaign.start, customers=customers),
        **_scope(before, campaign, customers=customers),
    }
    table = np.column_stack([values[name] for name in FEATURES])
    return table[campaign.received].astype(np.float32)


def labels(campaign: Campaign) -> NDArray[np.int8]:
    """Say who of the addressed used a coupon before the campaign ended."""
    used = campaign.redeemer[campaign.redeemed_at < campaign.end]
    # Of who received it: a coupon that was passed on is not his.
    return np.isin(campaign.received, used).astype(np.int8)


def _told(
    campaigns: Sequence[Campaign], *, day: float, customers: int
) -> dict[str, Numbers]:
    """Count what earlier campaigns were sent and used before `day`."""
    received, redeemed, used = np.zeros((3, customers))
    sent = users = 0
    for one in campaigns:
        who = one.redeemer[one.redeemed_at < day]
        np.add.at(used, who, 1)
        if one.start >= day:
            continue
        received[one.received] += 1
        # unique: += with repeated places counts once, and a customer may use several.
        redeemed[np.unique(who)] += 1
        # Of what still runs uses are to come: it would make the overall rate too low.
        if one.end <= day:
            sent, users = sent + len(one.received), users + len(np.unique(who))
    # Ten customers at 10 % beforehand: before the first campaign nothing is known.
    overall = (users + 1) / (sent + 10)
    return {
        "received": received,
        "used": used,
        "own_rate": (redeemed + PRIOR * overall) / (received + PRIOR),
    }


def _habits(past: Purchases, *, day: float, customers: int) -> dict[str, Numbers]:
    rows = pairs(past, np.zeros(len(past), np.int32), day=day)
    halved = 0.5 ** (rows.age / HALF_LIFE)
    orders = _laid(rows, rows.total(halved), customers)
    with_coupon = _laid(rows, rows.total(halved * (rows.coupon > 0)), customers)
    recency = np.full(customers, NEVER)
    using = rows.coupon > 0
    np.minimum.at(recency, rows.customer[rows.of[using]], rows.age[using])
    return {
        "coupon_share": (with_coupon + 0.02) / (orders + 1),
        "coupon_recency": recency,
    }


def _scope(
    past: Purchases, campaign: Campaign, *, customers: int
) -> dict[str, Numbers]:
    mine = past.where(np.isin(past.product, campaign.product))
    rows = pairs(mine, np.zeros(len(mine), np.int32), day=campaign.start)
    coupons = rows.total(0.5 ** (rows.age / HALF_LIFE) * (rows.coupon > 0))
    # As they were bought: the log's categories, not today's catalogue.
    kinds = np.unique(mine.category[mine.category >= 0])
    lately = np.floor(campaign.start - past.day) < 91
    kin = past.where(lately & np.isin(past.category, kinds))
    recency = np.minimum(rows.newest(), NEVER)
    spend = np.bincount(kin.customer, kin.shelf, customers)
    return {
        "scope_recency": _laid(rows, recency, customers, NEVER),
        "scope_coupons": _laid(rows, coupons, customers),
        "category_spend": spend.astype(np.float64),
    }


def _laid(
    rows: Pairs, values: Numbers, customers: int, missing: float = 0.0
) -> Numbers:
    out = np.full(customers, missing)
    out[rows.customer] = values
    return out
