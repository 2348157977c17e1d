"""The codes that a model's rows go by: which customer and which category is which.

A model names its categories in an order of its own, and scores customers in another
than the log's; here the log's codes become theirs. Pure.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from ml.purchases import Codes, Purchases

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(moment: datetime) -> float:
    """Return days since 1970 UTC, to the microsecond, as Purchases.day has them."""
    return (moment - EPOCH) // timedelta(microseconds=1) / 86_400e6


def moment_of(day: float) -> datetime:
    return EPOCH + timedelta(microseconds=round(day * 86_400e6))


def recoded(
    purchases: Purchases,
    *,
    customers: tuple[Sequence[str], Sequence[str]] | None = None,
    categories: tuple[Sequence[str], Sequence[str]],
) -> Purchases:
    """Change codes from the first list of a pair to the second.

    Customers that the second list lacks are left out. Categories that it lacks come
    after its last code, so that they still count for their customer.
    """
    # Kept, with codes of their own: "categories bought" and visits count them.
    category = _moved(purchases.category, *categories, keep=True)
    moved = replace(purchases, category=category)
    if customers is None:
        return moved
    customer = _moved(purchases.customer, *customers, keep=False)
    return replace(moved, customer=customer).where(customer >= 0)


def _moved(
    codes: Codes, old: Sequence[str], new: Sequence[str], *, keep: bool
) -> Codes:
    place = {name: code for code, name in enumerate(new)}
    # A place to spare: code −1 reads it, and stays −1.
    table = np.full(len(old) + 1, -1, np.int32)
    for spot, name in enumerate(old):
        table[spot] = place.get(name, len(new) + spot if keep else -1)
    return table[codes]
