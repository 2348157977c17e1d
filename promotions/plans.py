"""The plan of a refresh: who gets which strategy within every limit, certified.

Worker only: it loads the solver. Without a plan that is certified, what was promised is
kept and nothing is added: the next refresh tries again, and the operator sees why.
"""

from datetime import datetime, timedelta

import numpy as np

from promotions import constraints
from promotions.allocation import Impossible, NotCertified, Plan, solve
from promotions.constraints import Candidates
from promotions.instances import Bools, Instance
from promotions.models import Allocation
from promotions.remainders import left

GAP = 1e-3
"""How far from the best a plan may be, relative, to be served."""
ALLOCATIONS_KEPT = timedelta(days=30)


def allocated(given: Candidates, *, at: datetime) -> Bools:
    """Return who gets what, [strategies, customers]; keep the plan's certificate."""
    asked = constraints.asked(given, at=at)
    Allocation.objects.filter(computed_at__lt=at - ALLOCATIONS_KEPT).delete()
    try:
        plan = solve(asked, gap=GAP)
    except (NotCertified, Impossible) as refusal:
        # Kept for the operator who looks why; it is served to nobody.
        best = refusal.best if isinstance(refusal, NotCertified) else None
        _keep(asked, best, at, refused=str(refusal))
        return given.promised
    _keep(asked, plan, at)
    return plan.chosen


def _keep(
    asked: Instance, plan: Plan | None, at: datetime, *, refused: str = ""
) -> None:
    """Keep what was proved, where an operator sees it, the prices, and what is left."""
    proof = plan.certificate if plan else None
    prices = plan.prices if plan else np.zeros(asked.rows)
    # After a refusal nothing is added: what is left is what the promises leave.
    chosen = asked.promised if refused or not plan else plan.chosen
    slack = constraints.named(asked, left(asked, chosen))
    Allocation.objects.create(
        computed_at=at,
        feasible=bool(proof and proof.feasible),
        value=proof.value if proof else 0.0,
        bound=proof.bound if proof else None,
        gap=proof.gap if proof else None,
        proof=proof.proof if proof else "",
        refused=bool(refused),
        reason=refused,
        prices=constraints.named(asked, prices),
        slack=slack,
        left=slack,
    )
