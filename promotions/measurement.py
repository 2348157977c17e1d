"""What strategies, campaigns and the whole programme earned, from daily sums.

Intention to treat: everybody who was assigned counts, shown or not, redeemed or not,
from the moment of the assignment. What redeemers bought proves nothing by itself.
Where the eight weeks before tell something of a unit, they are used (CUPED).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from django.conf import settings
from django.db.models import F, Min

from analytics import experiments, projections, spend_returns
from analytics.checks import ALARM, mismatch
from analytics.experiments import Effect
from analytics.models import Assignment
from analytics.moments import Moments
from analytics.spend_returns import Return
from promotions import sums
from promotions.arms import HELD_OUT, HOLDOUT, TREATMENT
from promotions.models import ArmDay, Campaign, Strategy, Summed

METRICS: Mapping[str, str | None] = {
    "revenue": "before_revenue",
    "margin": "before_profit",
    "profit": "before_profit",
    "discount": None,
    "orders": None,
    "returned": None,
    "refusals": None,
}
"""What is compared, and by what it is adjusted. Margin is before discounts, profit
after them."""
FEW = 100
"""Orders. An arm with fewer takes the spread of both arms for its own: of spend that is
rare and uneven, a small arm that happens to lack the large ones looks all too even. Of
1,758 and 85 customers of whom 2 % buy, nothing in between, a third of 300 looks found a
difference (5 % are meant); with this none does (tests/promotions/test_measurement.py).
"""
WATCHED = ("margin", "returned", "refusals")
CROSSED = sums.CROSSED
SETTLES = timedelta(days=1)
LATE = timedelta(weeks=4)
"""After the last day that counts a subject is summed up again with every refresh for a
day, and once a day for four weeks: orders are told late."""

Arms = Mapping[str, Moments]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one subject's arms came to; effects are per assigned customer.

    `always` is the profit with an interval that holds at every look, and `watched` the
    other effects that operators are warned by; `chance` that the profit is above zero.
    `mismatch` is the p-value of the arms' sizes.
    """

    treatment: int
    control: int
    crossed: int
    mismatch: float
    effects: Mapping[str, Effect]
    always: Effect
    watched: Mapping[str, Effect]
    chance: float | None
    returned: Return

    @property
    def total(self) -> Effect:
        """Incremental profit of all the treated together."""
        return experiments.total(self.effects["profit"], self.treatment)

    @property
    def as_drawn(self) -> bool:
        """Whether the arms have the sizes that were drawn; if not, believe nothing."""
        return self.mismatch >= ALARM

    @property
    def empty(self) -> bool:
        """Whether nobody is in either arm."""
        return not self.treatment and not self.control


def refresh(*, until: datetime) -> dict[UUID, Result]:
    """Sum up what is still open, and keep strategies' results where operators look.

    All sums of a subject are made anew each time, so late orders find their day; one
    subject after the other, so what a killed run has done stays done.
    """
    # To the log's end: what a lagging projection has not folded yet no sum would hold.
    while projections.catch_up():
        pass
    sums.analyze()
    strategies = _open(Strategy, "campaign__ends_at", until)
    for strategy in strategies:
        sums.refresh_strategy(strategy.id, until=until)
    campaigns = _open(Campaign, "ends_at", until)
    for campaign in campaigns:
        sums.refresh_campaign(campaign.id, until=until)
    for first in _months(until):
        sums.refresh_month(first, until=until)
    results = {one.id: of_strategy(one) for one in strategies}
    for key, result in results.items():
        Strategy.objects.filter(id=key).update(measured=written(result, until))
    return results


def of_strategy(
    strategy: Strategy, *, slice_: str = "all", until: date | None = None
) -> Result:
    """Compare those who got the strategy's offers with its holdout."""
    found = arms(strategy.id, slice_=slice_, until=until)
    return compared(found, HOLDOUT, drawn(strategy))


def of_all(subject: UUID, *, until: date | None = None) -> Result:
    """Compare a campaign's, or a month's, audience with who is held out of all."""
    return compared(arms(subject, until=until), HELD_OUT, drawn_of_all())


def drawn(strategy: Strategy) -> dict[str, float]:
    """Return the shares by which a strategy's arms are drawn."""
    return {TREATMENT: 1 - strategy.holdout, HOLDOUT: strategy.holdout}


def drawn_of_all() -> dict[str, float]:
    """Return the shares by which everybody is drawn: held out of all, or not."""
    return {TREATMENT: 1 - settings.HELD_OUT, HELD_OUT: settings.HELD_OUT}


def arms(subject: UUID, *, slice_: str = "all", until: date | None = None) -> Arms:
    """Return the sums of each arm, of all its variants, up to the day (inclusive)."""
    rows = ArmDay.objects.filter(subject=subject, slice=slice_)
    return _arms(rows.filter(day__lte=until) if until else rows)


def compared(found: Arms, control: str, weights: Mapping[str, float] | None) -> Result:
    """Compare the treated with the control arm; without `weights` no sizes do."""
    treated, others = (found.get(arm, NONE) for arm in (TREATMENT, control))
    sizes = {TREATMENT: treated.n, control: others.n}
    effects = {metric: difference(treated, others, metric) for metric in METRICS}
    n = treated.n + others.n
    # Pooled: with 5 % held back, 20 looks find 0.3 % falsely; with each arm's own
    # variance 5.5 % (docs/benchmarks.md, Experiments).
    always = {
        name: experiments.sequential(
            experiments.difference(
                treated, others, name, covariate=METRICS[name], pooled=True
            ),
            n,
        )
        for name in {"profit", *WATCHED}
    }
    return Result(
        treatment=treated.n,
        control=others.n,
        crossed=found[CROSSED].n if CROSSED in found else 0,
        mismatch=mismatch(sizes, weights) if weights else 1.0,
        effects=effects,
        always=always["profit"],
        watched={name: always[name] for name in WATCHED},
        chance=experiments.bayes(effects["profit"]).chance,
        returned=spend_returns.fieller(
            treated, others, "margin", "discount", covariate="before_profit"
        ),
    )


def difference(
    treated: Moments, others: Moments, metric: str, *, relative: bool = False
) -> Effect:
    """Return one look's difference of a metric of METRICS, adjusted; see FEW."""
    return experiments.difference(
        treated,
        others,
        metric,
        covariate=METRICS[metric],
        relative=relative,
        pooled=min(treated.total("orders"), others.total("orders")) < FEW,
    )


def written(result: Result, until: datetime) -> dict[str, Any]:
    """Write a result as JSON; it tells of customers only how many there were."""
    return asdict(result) | {
        "until": until.isoformat(),
        "total": asdict(result.total),
    }


def read(kept: Mapping[str, Any]) -> Result | None:
    """Return the result that `written` wrote; None if there is none."""
    return msgspec.convert(kept, Result) if "effects" in kept else None


def _arms(rows: Iterable[ArmDay]) -> dict[str, Moments]:
    return added(rows, lambda row: row.arm)


def added(rows: Iterable[Any], key: Callable[[Any], str]) -> dict[str, Moments]:
    """Add rows up by key, in one array each: 20,000 rows take 30 ms."""
    parts: dict[str, list[Sequence[float]]] = {}
    for row in rows:
        parts.setdefault(key(row), []).append(row.sums)
    return {name: moments(np.sum(some, axis=0)) for name, some in parts.items()}


def moments(upper: Any) -> Moments:
    """Return a row's sums, or several's together, with margin beside profit."""
    size = len(sums.COLUMNS)
    gram = np.zeros((size, size))
    # A row keeps the upper triangle of Σ z zᵀ, k (k + 1) / 2 numbers; the lower one
    # mirrors it, without the diagonal.
    gram[np.triu_indices(size)] = upper
    gram = gram + np.triu(gram, 1).T
    # Discounts are off the profit already: added back, they
    # give the margin before them.
    return Moments(sums.NAMES, gram).with_sum("margin", {"profit": 1, "discount": 1})


NONE = Moments.none(sums.NAMES).with_sum("margin", {"profit": 1, "discount": 1})


def _open(table: type[Any], ends_at: str, until: datetime) -> list[Any]:
    """Return what has an audience, and was not summed up since all of it was told."""
    assigned = Assignment.objects.values_list("strategy").distinct()
    mine = Strategy.objects.filter(id__in=assigned)
    ids = mine.values("campaign" if table is Campaign else "id")
    known = _known()
    rows = table.objects.filter(id__in=ids).annotate(over=F(ends_at)).order_by("id")
    return [
        row
        for row in rows
        if _is_due(known.get(row.id), row.over + sums.WASHOUT, until)
    ]


def _known() -> dict[UUID, datetime]:
    return dict(Summed.objects.values_list("subject", "until"))


def _is_due(
    last: datetime | None,
    closes: datetime,
    until: datetime,
    *,
    late: timedelta = LATE,
) -> bool:
    """Whether to sum up again what was summed up `last`, and is over when it `closes`.

    However long nobody looked: what was not summed up since its end is due.
    """
    if last is None or until < closes + SETTLES:
        return True
    return last < closes + late and last.date() < until.date()


def _months(until: datetime) -> list[datetime]:
    """Return the months to sum up: this, the last until it settles, missing ones."""
    first = Assignment.objects.aggregate(at=Min("at"))["at"]
    if first is None:
        return []
    known = _known()
    begins = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    found = []
    while begins <= until:
        ends, subject = sums.ends(begins), sums.month(begins)
        if _is_due(known.get(subject), ends, until, late=sums.WASHOUT + LATE):
            found.append(begins)
        begins = ends
    return found
