"""Odds of a strategy's variants that follow what they earn, and what each has earned.

Once a day (UTC) a live bandit's odds become the chances of its variants to earn most,
each at least LEAST_SHARE of the treated, from the day after it went live on. Whoever
has a variant keeps it. The log has every day's odds, and every assignment the odds that
drew it (`OfferAssigned.odds`), by which the sums are kept apart (promotions.sums).

Odds that move fill a variant on good days, or late, so that the mean of who has it
proves nothing: it is told nowhere. Each unit counts by 1 / its odds instead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import groupby

from django.conf import settings
from django.db import transaction

from analytics import bandits, events, store
from analytics.bandits import Period, Weighed
from analytics.experiments import Effect
from promotions import arms, measurement, sums
from promotions.arms import HOLDOUT, LOT, TREATMENT
from promotions.models import ArmDay, Odds, Strategy

PROFIT, FORETOLD = "profit", "before_profit"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What a variant would bring in profit, per customer, had all assigned got it.

    Adjusted by the eight weeks before. `odds` are today's, among the treated.
    Differences are None where there is no holdout, or no other variant. The best other
    is the one with the highest estimate, which flatters it: a difference above zero is
    no less sure for that.
    """

    variant: str
    customers: int
    odds: float
    profit: Effect
    over_holdout: Effect | None
    over_best_other: Effect | None


def set_odds(*, at: datetime) -> list[Odds]:
    """Set the day's odds of every live bandit that has none yet; return those set."""
    made = [_set(one, at) for one in _due(at)]
    return [odds for odds in made if odds]


def earned(strategy: Strategy) -> list[Earned]:
    """Return what each variant has earned, best first; nothing before any sums."""
    periods = _periods(strategy)
    if not periods:
        return []
    found = bandits.adjusted(periods, PROFIT, FORETOLD)
    known = found.arms()
    now = arms.in_force([strategy])[strategy.id].odds
    ranked = sorted(now, key=lambda label: -known[LOT + label].mean)
    return [
        Earned(
            variant=label,
            customers=known[LOT + label].n,
            odds=now[label],
            profit=found.mean(LOT + label),
            over_holdout=_over(found, label, [HOLDOUT]),
            over_best_other=_over(found, label, _others(ranked, label)),
        )
        for label in ranked
    ]


def _others(ranked: Sequence[str], label: str) -> list[str]:
    return [LOT + other for other in ranked if other != label]


def _over(found: Weighed, label: str, others: Sequence[str]) -> Effect | None:
    """Return the difference to the first of the others that there is."""
    known = [other for other in others if other in found.names]
    return found.difference(LOT + label, known[0]) if known else None


def _due(at: datetime) -> list[Strategy]:
    """Return the live bandits that have been drawing since before today."""
    today = at.astimezone(UTC).date()
    begins = datetime.combine(today, time(), UTC)
    rows = Strategy.objects.filter(
        state=Strategy.State.LIVE,
        allocation=Strategy.Allocation.THOMPSON,
        decided_at__lt=begins,
        campaign__starts_at__lt=begins,
        campaign__ends_at__gt=at,
    )
    return list(rows.exclude(odds__day=today).order_by("id"))


def _set(strategy: Strategy, at: datetime) -> Odds | None:
    """Set and log the day's odds; None if somebody else has just done so."""
    day, odds = at.astimezone(UTC).date(), _next(strategy)
    # Row and event together: the table is what the log tells.
    with transaction.atomic():
        row, made = Odds.objects.get_or_create(
            strategy=strategy, day=day, defaults={"odds": odds}
        )
        if made:
            said = events.OddsSet(strategy=strategy.id, day=day, odds=odds)
            store.append([said], at=at)
    return row if made else None


def _next(strategy: Strategy) -> dict[str, float]:
    before: dict[str, float] = arms.in_force([strategy])[strategy.id].odds
    periods = _periods(strategy)
    if not periods:
        return before
    known = bandits.adjusted(periods, PROFIT, FORETOLD).arms()
    by_label = {label: known[LOT + label] for label in strategy.menu}
    return bandits.odds(by_label, least=settings.LEAST_SHARE, before=before)


def _periods(strategy: Strategy) -> list[Period]:
    """Return the sums of each variant, and the holdout, by the odds that drew them."""
    rows = ArmDay.objects.filter(
        subject=strategy.id,
        slice__startswith=sums.DRAWN,
        arm__in=(TREATMENT, HOLDOUT),
    )
    known = {f"{sums.DRAWN}{one.day}": one.odds for one in strategy.odds.all()}
    return [
        Period(
            arms=measurement.added(some, _arm),
            odds=_chances(strategy, known.get(slice_)),
        )
        for slice_, some in groupby(rows.order_by("slice"), lambda row: row.slice)
    ]


def _arm(row: ArmDay) -> str:
    return HOLDOUT if row.arm == HOLDOUT else LOT + row.variant


def _chances(strategy: Strategy, odds: Mapping[str, float] | None) -> dict[str, float]:
    """Return each arm's chance; before any odds were set they were equal."""
    drawn_from = arms.of(strategy, odds)
    # None is "the best": all of a bandit's treated draw.
    return {name: p for name, p in drawn_from.arms.items() if p}
