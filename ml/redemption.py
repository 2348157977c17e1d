"""Who will use a coupon of a campaign that they were sent.

`build` lays out what is known of each addressed customer when the campaign starts, from
orders and earlier campaigns alone; nothing at or after its start is seen. Pure NumPy;
ml.campaigns reads the campaigns from the log. The model is a logistic regression: on
The Complete Journey's 27 campaigns forests and boosting were worse.
A propensity to redeem is not the effect of the campaign; see ml.response for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.meanings import NEVER
from ml.purchases import Codes, Numbers, Pairs, Purchases, pairs

PRIOR = 4.0
"""Campaigns at the overall rate that are mixed into a customer's own rate."""

FEATURES = {
    "kind_rate": "share of the addressed who redeemed, earlier campaigns of the kind",
    "products": "log(1 + products that the campaign's coupons are for)",
    "coupons": "log(1 + coupons of the campaign)",
    "received": "earlier campaigns that the customer was sent",
    "redeemed": "earlier campaigns of which the customer used a coupon",
    "redeemed_lately": "coupons used before, each halved every 60 days",
    "own_rate": "redeemed / received, shrunk to the overall rate by four campaigns",
    "redeemed_ago": "days since a campaign's coupon was last used; 365 for never",
    "coupon_orders": "orders with a coupon, ever",
    "coupon_orders_91": "orders with a coupon, last 91 days",
    "coupon_saved": "coupon discounts, last 182 days",
    "orders_28": "orders, last 28 days",
    "orders_91": "orders, last 91 days",
    "recency": "days since the last order; 365 for never",
    "spend_91": "shelf value bought, last 91 days",
    "discount_share": "shelf discounts / shelf value, last 182 days",
    "promoted_share": "share of the lines bought at a shelf discount, last 182 days",
    "breadth": "products bought, last 91 days",
    "scope_orders": "orders with the campaign's products, each halved every 60 days",
    "scope_recency": "days since such an order; 365 for never",
    "scope_products": "of the campaign's products, those bought in 182 days",
    "scope_spend": "shelf value bought of them, last 91 days",
    "scope_share": "their share of the shelf value, last 182 days",
    "scope_coupons": "orders of them with a coupon, ever",
    "scope_hits": "coupons of the campaign for a product bought in 182 days",
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
    day = campaign.start
    before = past.before(day)
    values = _told(campaigns, campaign, customers=customers)
    values |= _habits(before, day=day, customers=customers)
    values |= _scope(before, campaign, customers=customers)
    values["scope_share"] = _over(values.pop("scope_182"), values.pop("spend_182"))
    table = [np.broadcast_to(values[name], customers) for name in FEATURES]
    return np.column_stack(table)[campaign.received].astype(np.float32)


def labels(campaign: Campaign) -> NDArray[np.int8]:
    """Say who of the addressed used a coupon."""
    return np.isin(campaign.received, campaign.redeemer).astype(np.int8)


def _told(
    campaigns: Sequence[Campaign], campaign: Campaign, *, customers: int
) -> dict[str, Numbers]:
    day = campaign.start
    received, redeemed = np.zeros(customers), np.zeros(customers)
    lately, ago = np.zeros(customers), np.full(customers, NEVER)
    sent, used = {"": 0.0}, {"": 0.0}
    for other in campaigns:
        known = other.redeemed_at < day
        who, age = other.redeemer[known], day - other.redeemed_at[known]
        np.add.at(lately, who, 0.5 ** (age / 60))
        np.minimum.at(ago, who, age)
        if other.start >= day:
            continue
        received[other.received] += 1
        redeemed[np.unique(who)] += 1
        if other.end <= day:
            for kind in ("", other.kind):
                sent[kind] = sent.get(kind, 0.0) + len(other.received)
                used[kind] = used.get(kind, 0.0) + len(np.unique(who))
    overall = (used[""] + 1) / (sent[""] + 10)
    kind = campaign.kind
    rate = (used.get(kind, 0) + 50 * overall) / (sent.get(kind, 0) + 50)
    return {
        "kind_rate": np.log(np.array(rate)),
        "products": np.log1p(np.array(len(np.unique(campaign.product)))),
        "coupons": np.log1p(np.array(len(np.unique(campaign.coupon)))),
        "received": received,
        "redeemed": redeemed,
        "redeemed_lately": lately,
        "own_rate": (redeemed + PRIOR * overall) / (received + PRIOR),
        "redeemed_ago": ago,
    }


def _habits(past: Purchases, *, day: float, customers: int) -> dict[str, Numbers]:
    rows = pairs(past, np.zeros(len(past), np.int32), day=day)
    age = np.floor(day - past.day)
    half = age < 182

    def laid(values: Numbers, missing: float = 0.0) -> Numbers:
        out = np.full(customers, missing)
        out[rows.customer] = values
        return out

    def added(values: Numbers, kept: NDArray[np.bool_]) -> Numbers:
        found = np.bincount(past.customer[kept], values[kept], minlength=customers)
        return found.astype(np.float64)

    with_coupon = rows.coupon > 0
    spend, lines = added(past.shelf, half), added(np.ones(len(past)), half)
    return {
        "coupon_orders": laid(rows.total(with_coupon)),
        "coupon_orders_91": laid(rows.total(with_coupon & (rows.age < 91))),
        "coupon_saved": added(past.coupon_discount, half),
        "orders_28": laid(rows.orders(28)),
        "orders_91": laid(rows.orders(91)),
        "recency": laid(np.minimum(rows.newest(), NEVER), NEVER),
        "spend_91": added(past.shelf, age < 91),
        "spend_182": spend,
        "discount_share": _over(added(past.shelf_discount, half), spend),
        "promoted_share": _over(
            added((past.shelf_discount > 0).astype(float), half), lines
        ),
        "breadth": _distinct(past.where(age < 91), customers),
    }


def _scope(
    past: Purchases, campaign: Campaign, *, customers: int
) -> dict[str, Numbers]:
    mine = past.where(np.isin(past.product, campaign.product))
    day = campaign.start
    rows: Pairs = pairs(mine, np.zeros(len(mine), np.int32), day=day)
    age = np.floor(day - mine.day)

    def laid(values: Numbers, missing: float = 0.0) -> Numbers:
        out = np.full(customers, missing)
        out[rows.customer] = values
        return out

    lately = mine.where(age < 182)
    return {
        "scope_orders": laid(rows.total(0.5 ** (rows.age / 60))),
        "scope_recency": laid(np.minimum(rows.newest(), NEVER), NEVER),
        "scope_products": _distinct(lately, customers),
        "scope_spend": laid(rows.total(rows.shelf * (rows.age < 91))),
        "scope_182": laid(rows.total(rows.shelf * (rows.age < 182))),
        "scope_coupons": laid(rows.total(rows.coupon > 0)),
        "scope_hits": _hits(lately, campaign, customers),
    }


def _distinct(past: Purchases, customers: int) -> Numbers:
    keys = np.unique(past.customer.astype(np.int64) << 32 | past.product)
    return np.bincount(keys >> 32, minlength=customers).astype(np.float64)


def _hits(past: Purchases, campaign: Campaign, customers: int) -> Numbers:
    """Count each customer's coupons that are for something bought."""
    keys = np.unique(past.customer.astype(np.int64) << 32 | past.product)
    who, product = keys >> 32, (keys & 0xFFFFFFFF).astype(np.int32)
    order = np.argsort(campaign.product, kind="stable")
    sold, coupon = campaign.product[order], campaign.coupon[order]
    low, high = np.searchsorted(sold, product), np.searchsorted(sold, product, "right")
    times = high - low
    spot = np.repeat(low - np.cumsum(times) + times, times) + np.arange(times.sum())
    found = np.unique(np.repeat(who, times) << 32 | coupon[spot].astype(np.int64))
    return np.bincount(found >> 32, minlength=customers).astype(np.float64)


def _over(part: Numbers, whole: Numbers) -> Numbers:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
