"""Whether a log's orders can carry a basket protocol. Pure."""

from collections.abc import Collection
from typing import Any

import numpy as np

from analytics.wording import Wording
from ml import protocols, shelves, splits
from ml.codes import moment_of
from ml.purchases import Purchases
from ml.splits import TooLittleHistory


def insist(goods: Purchases, name: str, cuts: Collection[float]) -> None:
    """Ask for regulars who came again, and a vocabulary, at each cut-off."""
    for day in cuts:
        before = goods.before(day)
        late = goods.where(goods.bought(day, day + protocols.HORIZON))
        asked = np.intersect1d(regulars(before, orders=protocols.FEWEST), late.customer)
        when = moment_of(day).date()
        customers(name, f"with three orders before {when} and one after", asked)
        # Not one product is ranked: there would be no candidates.
        if not len(before) or np.bincount(before.product).max() < shelves.RARE:
            raise TooLittleHistory(
                Wording(
                    "%(name)s needs products in %(rare)s orders before %(when)s.",
                    name=name,
                    rare=shelves.RARE,
                    when=when,
                )
            )


def regulars(past: Purchases, *, orders: int) -> Any:
    _, at = np.unique(past.order, return_index=True)
    return np.flatnonzero(np.bincount(past.customer[at]) >= orders)


def customers(name: str, who: str, asked: Any) -> None:
    if len(asked) < splits.LEAST_CUSTOMERS:
        raise TooLittleHistory(
            Wording(
                "%(name)s needs %(least_customers)s customers %(who)s, not %(asked)s.",
                name=name,
                least_customers=splits.LEAST_CUSTOMERS,
                who=who,
                asked=len(asked),
            )
        )
