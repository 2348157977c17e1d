"""Which arm of a strategy a customer is in, by lot: one hash decides.

Who is held out of everything never gets a personal offer, whatever the strategy. Of the
others a share is the strategy's own holdout; of the rest a share `explore` gets a
variant by lot, so that each is tried, and the others one by its chance of being the
best for them.
Where the strategy's odds move (promotions.bandit), all of the rest draw by these.
A storefront can draw the same arm by itself, with any SDK of GrowthBook's family: the
unit is the id that the shop itself calls the customer by (analytics.assignment).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings

from analytics.assignment import Experiment, Filter, hashed
from promotions.models import Odds, Strategy

TREATMENT, HOLDOUT, HELD_OUT = "treatment", "holdout", "held_out"
BEST = "best"
BEST_SEED = "best of "
LOT = "lot "
"""Before a variant's label: got by lot, not because it is best."""
HOLDOUT_SEED = "proffer holdout"
"""Never changed: who is held out stays so, for every campaign ever."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """An arm and variant, the chance of this very choice, and the place that made it.

    `counterfactual` is what who gets nothing would have got, if no lot decides on it.
    The chance is that among those who are not held out of everything; for who is, that
    of being so.
    """

    arm: str
    variant: str | None
    probability: float
    bucket: float
    counterfactual: str | None = None


def live(at: datetime) -> list[Strategy]:
    """Return what makes offers: an automatic strategy, or a code's, is everybody's."""
    rows = Strategy.objects.filter(
        state=Strategy.State.LIVE,
        trigger=Strategy.Trigger.OFFER,
        campaign__starts_at__lte=at,
        campaign__ends_at__gt=at,
    )
    return list(rows.select_related("campaign").order_by("id"))


def runs(strategy: Strategy, at: datetime) -> bool:
    """Say whether `live` returns it."""
    campaign = strategy.campaign
    makes = strategy.trigger == Strategy.Trigger.OFFER
    lives = strategy.state == Strategy.State.LIVE
    return makes and lives and campaign.starts_at <= at < campaign.ends_at


def of(strategy: Strategy, odds: Mapping[str, float] | None = None) -> Experiment:
    """Return a strategy's arms: its holdout, each variant by lot, and the best one.

    With `odds` (by label), which are equal at first, a bandit's treated all draw.
    """
    labels, treated = list(strategy.menu), 1 - strategy.holdout
    share = 1.0 if by_lot(strategy) else strategy.explore
    by_label = odds or equal(strategy)
    lots = {LOT + label: treated * share * by_label[label] for label in labels}
    return Experiment(
        seed=str(strategy.id),
        # The holdout comes first: its places stay where they are when odds move.
        arms={HOLDOUT: strategy.holdout, **lots, BEST: treated * (1 - share)},
        # A filter, not a namespace: an SDK that finds filters looks at no namespace.
        filters=[Filter(seed=HOLDOUT_SEED, ranges=[(settings.HELD_OUT, 1.0)])],
    )


def split(strategy: Strategy) -> Experiment:
    """Return a strategy's holdout against all of its treated, from the same hash."""
    whole = of(strategy)
    shares = {HOLDOUT: strategy.holdout, TREATMENT: 1 - strategy.holdout}
    return replace(whole, arms=shares)


def treated(holdout: float) -> float:
    """Return the share of a strategy's customers who get its offers."""
    return (1 - settings.HELD_OUT) * (1 - holdout)


def moves(strategy: Strategy) -> bool:
    """Say whether a strategy's odds follow what its variants earn."""
    return strategy.allocation == Strategy.Allocation.THOMPSON


def by_lot(strategy: Strategy) -> bool:
    """Say whether all of the treated draw their variant."""
    return strategy.allocation != Strategy.Allocation.BEST


def equal(strategy: Strategy) -> dict[str, float]:
    """Return the odds that a menu begins with."""
    return dict.fromkeys(strategy.menu, 1 / len(strategy.menu))


def in_force(strategies: Collection[Strategy]) -> dict[UUID, Odds]:
    """Return the odds by which live strategies draw now, of those whose odds move.

    Until others are set they are equal, and called by the day it went live.
    """
    found = {row.id: _first(row) for row in strategies if moves(row)}
    newest = Odds.objects.filter(strategy__in=found).order_by("strategy", "-day")
    return found | {one.strategy_id: one for one in newest.distinct("strategy")}


def _first(strategy: Strategy) -> Odds:
    begun = strategy.decided_at or strategy.proposed_at
    day = begun.astimezone(UTC).date()
    return Odds(strategy=strategy, day=day, odds=equal(strategy))


def draw(drawn_from: Experiment, unit: str, odds: Mapping[str, float]) -> Drawn:
    """Return the unit's arm and variant.

    `odds`: each variant's chance of being the best for the unit. Who is to get the best
    gets one by these odds, from another hash (Thompson sampling): what is not known
    well is tried out, and the chance of it is known.
    """
    [everybody] = drawn_from.filters
    best = _best(drawn_from.seed, unit, odds)
    meant = best if drawn_from.probability(BEST) else None
    if not everybody.keeps(unit):
        [(held_out, _)] = everybody.ranges
        place = hashed(unit, seed=HOLDOUT_SEED)
        return Drawn(
            arm=HELD_OUT,
            variant=None,
            probability=held_out,
            bucket=place,
            counterfactual=meant,
        )
    arm, place = drawn_from.arm(unit), drawn_from.bucket(unit)
    if arm == HOLDOUT:
        return Drawn(
            arm=HOLDOUT,
            variant=None,
            probability=drawn_from.probability(HOLDOUT),
            bucket=place,
            counterfactual=meant,
        )
    # None: by rounding the last places may be no arm's.
    variant = best if arm is None or arm == BEST else arm.removeprefix(LOT)
    # It may have come by lot or as the best: the chance is that of both ways.
    chance = drawn_from.probability(LOT + variant)
    chance += drawn_from.probability(BEST) * odds[variant]
    return Drawn(arm=TREATMENT, variant=variant, probability=chance, bucket=place)


def _best(seed: str, unit: str, odds: Mapping[str, float]) -> str:
    """Draw a variant by its odds."""
    place, edge = hashed(unit, seed=BEST_SEED + seed), 0.0
    for label, share in odds.items():
        edge += share
        if place < edge:
            return label
    # Shares may add up to a little less than 1.
    return max(odds, key=lambda label: odds[label])
