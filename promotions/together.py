"""Whom strategies would reach together: nobody gets more offers than are allowed.

A proposal that is priced alone counts customers whom others take. Worker only: it loads
the solver.
"""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from django.conf import settings

from promotions.allocation import NotCertified, solve
from promotions.instances import Bools, Budget, Instance
from promotions.value import Best

GAP = 1e-2
"""Relative: forecasts are wider than that by far."""


def reached(worth: Sequence[Best], budgets: Sequence[float]) -> Bools:
    """Return who would get what, [strategies, customers]; a budget may be infinite."""
    asked = Instance(
        value=np.stack([one.margin for one in worth]),
        cost=np.stack([one.cost for one in worth]),
        most=settings.OFFERS_PER_CUSTOMER,
        budgets=tuple(
            # What is overspent already has nothing left;
            # a limit below nothing no plan could meet.
            Budget(name=str(place), options=(place,), amount=max(0.0, amount))
            # A budget without an end would be a limit that the solver has to price.
            for place, amount in enumerate(budgets)
            if isfinite(amount)
        ),
    )
    try:
        return solve(asked, gap=GAP).chosen
    except NotCertified as refusal:
        # Not certified within GAP: for a forecast the
        # best plan will do; a refresh refuses it.
        if refusal.best is None:
            raise
        return refusal.best.chosen
