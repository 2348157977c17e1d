"""Order lines with planted tastes, as arrays: two kinds of customers, two of items."""

import numpy as np

from ml.purchases import Purchases

CUSTOMERS, ITEMS, WEEKS = 240, 40, 12


def purchases(*, signal: bool, seed: int = 3) -> Purchases:
    """Weekly orders of 4 items; with a signal customers keep to their half of them.

    Customer c and item i are of kind c % 2 and i % 2; low items sell more than high.
    """
    chance = np.random.default_rng(seed)
    popular = 1 / np.arange(2, ITEMS + 2)
    kind = np.arange(ITEMS) % 2
    rows = []
    for week in range(WEEKS):
        for customer in range(CUSTOMERS):
            tilt = np.where(kind == customer % 2, 1.0, 0.05 if signal else 1.0)
            odds = popular * tilt
            some = chance.choice(ITEMS, 4, replace=False, p=odds / odds.sum())
            day = 17_000 + 7 * week + chance.uniform(0, 6.9)
            rows += [(customer, week * CUSTOMERS + customer, day, i) for i in some]
    rows.sort(key=lambda row: row[2])
    table = np.array(rows)
    item = table[:, 3].astype(np.int32)
    ones, none = np.ones(len(rows)), np.zeros(len(rows))
    return Purchases(
        customer=table[:, 0].astype(np.int32),
        order=table[:, 1].astype(np.int64),
        day=table[:, 2],
        product=item,
        category=(item % 2).astype(np.int32),
        quantity=ones,
        paid=ones,
        shelf_discount=none,
        coupon_discount=none,
        until=none + np.inf,
    )
