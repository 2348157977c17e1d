"""What of a customer may change how an offer moves them, as numbers near 0.

Written down with every assignment (`OfferAssigned.traits`), in the order of TRAITS, so
that a response is learnt from what was known then. The web process may load it.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import log1p
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ml.lifts import logit
from ml.models import CustomerProfile

Floats = NDArray[np.float64]
TRAITS = ("chance", "lately", "often", "deals", "coupons")
"""How likely they buy in scope anyway, how long ago and how often they bought at all,
how much on discount, and how much with coupons."""
UNKNOWN = (0.0, 0.0, 0.0, 0.0)

Rows = Mapping[UUID, tuple[float, ...]]


def profiles(
    *,
    at: datetime,
    most: int | None = None,
    of: Collection[UUID] | None = None,
) -> Rows:
    """Return all traits but the chance, of every customer with a profile, or `of` some.

    `most`: of so many only. Keys are random, so the first are a sample.
    """
    known = CustomerProfile.objects.order_by("customer")
    known = known if of is None else known.filter(customer__in=of)
    rows = known[:most].values_list(
        "customer", "last_order_at", "orders", "deal_index", "coupon_share"
    )
    return {
        customer: _traits(last, orders, deals, coupons, at)
        for customer, last, orders, deals, coupons in rows
    }


def of(customers: Sequence[UUID], p0: Floats, known: Rows) -> Floats:
    """Return [customers, traits] for chances of buying in one scope."""
    rest = np.array([known.get(one, UNKNOWN) for one in customers])
    # 0 at a chance of 12 %; below, at 19 days and at 3.5 orders.
    return np.column_stack([logit(p0) / 2 + 1, rest.reshape(-1, len(UNKNOWN))])


def _traits(
    last: datetime | None,
    orders: int,
    deals: float | None,
    coupons: float | None,
    at: datetime,
) -> tuple[float, ...]:
    days = (at - last).days if last else 365
    return (
        log1p(max(0, days)) / 2 - 1.5,
        log1p(orders) / 1.5 - 1,
        0.0 if deals is None else min(max(deals - 1, -1.0), 2.0),
        0.0 if coupons is None else 2 * coupons,
    )
