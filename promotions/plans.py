"""The plan of a refresh: who gets which strategy within every limit, certified.

Worker only: it loads the solver. Without a plan that is certified, what was promised is
kept and nothing is added: the next refresh tries again, and the operator sees why.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from django.conf import settings

from promotions.allocation import NotCertified, Plan, solve
from promotions.instances import Bools, Budget, Instance
from promotions.models import Allocation, Strategy
from promotions.value import Best

GAP = 1e-3
"""How far from the best a plan may be, relative, to be served."""
ALLOCATIONS_KEPT = timedelta(days=30)


def allocated(
    strategies: Sequence[Strategy],
    worth: Sequence[Best],
    *,
    unused: Bools,
    promised: Bools,
    at: datetime,
) -> Bools:
    """Return who gets what, [strategies, customers]; `worth`: each strategy's.

    unused: who has not used the strategy up. promised: who has it, and keeps it.
    """
    asked = Instance(
        value=np.stack([one.margin for one in worth]),
        cost=np.stack([one.cost for one in worth]),
        most=settings.OFFERS_PER_CUSTOMER,
        budgets=_budgets(strategies),
        audience=unused,
        promised=promised,
    )
    try:
        plan = solve(asked, gap=GAP)
    except NotCertified as refusal:
        if refusal.best:
            _certified(asked, refusal.best, at, refused=True)
        return promised
    _certified(asked, plan, at, refused=False)
    return plan.chosen


def _budgets(strategies: Sequence[Strategy]) -> tuple[Budget, ...]:
    """Return what each strategy, and each campaign over its strategies, may spend."""
    campaigns: dict[UUID, list[int]] = {}
    for place, strategy in enumerate(strategies):
        campaigns.setdefault(strategy.campaign_id, []).append(place)
    mine = [
        Budget(name=str(one.id), options=(place,), amount=float(one.left))
        for place, one in enumerate(strategies)
    ]
    shared = [
        Budget(
            name=str(key),
            options=tuple(some),
            amount=float(strategies[some[0]].campaign.left),
        )
        for key, some in campaigns.items()
    ]
    return (*mine, *shared)


def _certified(asked: Instance, plan: Plan, at: datetime, *, refused: bool) -> None:
    """Keep the certificate, where an operator sees it, and the prices."""
    proof = plan.certificate
    Allocation.objects.filter(computed_at__lt=at - ALLOCATIONS_KEPT).delete()
    Allocation.objects.create(
        computed_at=at,
        feasible=proof.feasible,
        value=proof.value,
        bound=proof.bound,
        gap=proof.gap,
        proof=proof.proof,
        refused=refused,
        prices=dict(zip(asked.names, plan.prices.tolist(), strict=True)),
    )
