"""Daily sums made of single units' numbers, as promotions.sums would make them."""

from datetime import date
from typing import Any
from uuid import UUID

import numpy as np

from analytics.moments import Floats, Moments
from promotions import sums
from promotions.models import ArmDay, Strategy

DAY = date(2026, 3, 10)


def units(n: int, *, profit: float, seed: int, spent: float = 0.0) -> Floats:
    """Return n customers' numbers, in the order of sums.NAMES.

    They come to about `profit` each, and each got `spent` of discount; what they did
    before foretells half of it.
    """
    chance = np.random.default_rng(seed)
    usual = chance.gamma(4, 2.5, n)
    made = profit + 0.5 * usual + chance.normal(0, 2, n)
    paid = np.where(chance.uniform(size=n) < 0.5, 2 * spent, 0.0)
    none = np.zeros(n)
    columns = (made / 0.3, made, paid, none + 2, none, none, usual / 0.3, usual)
    return np.column_stack(columns)


def keep(
    subject: UUID,
    arm: str,
    of: Floats,
    *,
    slice_: str = "all",
    variant: str = "",
    day: date = DAY,
    before: Floats | None = None,
) -> None:
    """Keep by how much an arm's sums grew, from those `before` to those `of` units."""
    gram = Moments.of(sums.NAMES, of).gram
    if before is not None:
        gram = gram - Moments.of(sums.NAMES, before).gram
    ArmDay.objects.create(
        subject=subject,
        slice=slice_,
        arm=arm,
        variant=variant,
        day=day,
        sums=list(gram[np.triu_indices(len(gram))]),
    )


def two_arms(strategy: Strategy, *, gain: float = 3.0, **where: Any) -> None:
    keep(strategy.id, "treatment", units(400, profit=5 + gain, seed=1), **where)
    keep(strategy.id, "holdout", units(400, profit=5, seed=2), **where)
