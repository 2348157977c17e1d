"""Which arm of a strategy a customer is in, by lot: one hash decides.

Who is held out of everything never gets a personal offer, whatever the strategy. Of the
others a share is the strategy's own holdout; of the rest a share `explore` gets a
variant by lot, so that each is tried, and the others the one that is best for them.
A storefront can draw the same arm by itself, with any SDK of GrowthBook's family: the
unit is the id that the shop itself calls the customer by (analytics.assignment).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from analytics.assignment import Experiment, Filter, hashed
from promotions.models import Strategy

TREATMENT, HOLDOUT, HELD_OUT = "treatment", "holdout", "held_out"
BEST = "best"
LOT = "lot "
"""Before a variant's label: got by lot, not because it is best."""
HOLDOUT_SEED = "proffer holdout"
"""Never changed: who is held out stays so, for every campaign ever."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """An arm and variant, the chance of this very choice, and the place that made it.

    `counterfactual` is what who gets nothing would have got. The chance is that among
    those who are not held out of everything; for who is, that of being so.
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


def of(strategy: Strategy, odds: Mapping[str, float] | None = None) -> Experiment:
    """Return a strategy's arms: its holdout, each variant by lot, and the best one.

    With `odds` (a bandit's, by label) every treated customer draws by them.
    """
    labels, treated = list(strategy.menu), 1 - strategy.holdout
    share = 1.0 if odds else strategy.explore
    fair = odds or dict.fromkeys(labels, 1 / len(labels))
    lots = {LOT + label: treated * share * fair[label] for label in labels}
    return Experiment(
        seed=str(strategy.id),
        arms={HOLDOUT: strategy.holdout, **lots, BEST: treated * (1 - share)},
        filters=[Filter(seed=HOLDOUT_SEED, ranges=[(settings.HELD_OUT, 1.0)])],
    )


def draw(drawn_from: Experiment, unit: str, best: str) -> Drawn:
    """Return the unit's arm and variant; `best` is the variant that suits it best."""
    [everybody] = drawn_from.filters
    if not everybody.keeps(unit):
        [(held_out, _)] = everybody.ranges
        place = hashed(unit, seed=HOLDOUT_SEED)
        return Drawn(
            arm=HELD_OUT,
            variant=None,
            probability=held_out,
            bucket=place,
            counterfactual=best,
        )
    arm, place = drawn_from.arm(unit), drawn_from.bucket(unit)
    if arm == HOLDOUT:
        return Drawn(
            arm=HOLDOUT,
            variant=None,
            probability=drawn_from.probability(HOLDOUT),
            bucket=place,
            counterfactual=best,
        )
    variant = best if arm is None or arm == BEST else arm.removeprefix(LOT)
    chance = drawn_from.probability(LOT + variant)
    if variant == best:
        chance += drawn_from.probability(BEST)
    return Drawn(arm=TREATMENT, variant=variant, probability=chance, bucket=place)
