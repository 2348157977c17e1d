"""A decision made again: why did this customer get this offer, or none?

From the log alone, and the posterior that the refresh named: what was known of the
customer then, what each variant was worth, what the lot was. What it comes to must be
what was assigned; `same` says so. Who was erased has no name to draw a lot by, and
what was decided before this was logged cannot be made again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import numpy as np

from analytics import events, store
from analytics.models import Assignment, Customer
from analytics.wording import Wording
from ml.lifts import Who
from promotions import arms, beliefs, lots, response, value
from promotions.beliefs import People
from promotions.models import Learnt, Odds, Strategy


class NotDecided(Exception):
    """No offer of that id was ever assigned or withheld."""


class NotReplayable(Exception):
    """What the decision went by is not known any more, or never was."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """A variant before the customer: expected margin and cost, chance of being best."""

    margin: float
    cost: float
    lift: float
    best: float


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided, what it went by, and what it comes to when made again."""

    offer: UUID
    strategy: Strategy
    at: datetime
    said: events.OfferAssigned
    model: UUID | None
    learnt: Learnt
    later: tuple[float, float]
    left: Decimal | None
    variants: Mapping[str, Worth]
    again: arms.Drawn

    @property
    def same(self) -> bool:
        """Whether the lot comes out as it did."""
        said, again = self.said, self.again
        return (said.arm, said.variant, said.counterfactual) == (
            again.arm,
            again.variant,
            again.counterfactual,
        ) and abs(said.probability - again.probability) < 1e-9


def replay(offer: UUID) -> Decision:
    """Make the decision about an offer again.

    :raises NotDecided: there is no such offer.
    :raises NotReplayable: it cannot be made again; the text says why.
    """
    row = Assignment.objects.filter(offer=offer).order_by("position").first()
    if row is None:
        raise NotDecided("No such offer was ever assigned.")
    said, refresh = _logged(row.position)
    if said.p0 is None or refresh is None or refresh.learnt is None:
        raise NotReplayable(Wording("What the decision went by was not logged yet."))
    learnt = Learnt.objects.filter(id=refresh.learnt).first()
    strategy = Strategy.objects.filter(id=said.strategy).first()
    name = Customer.objects.filter(key=row.customer).values_list(lots.NAME, flat=True)
    unit = name.first()
    if learnt is None or strategy is None or unit is None:
        raise NotReplayable(Wording("The customer is not known any more."))
    later = refresh.later or 0.0, refresh.later_error or 0.0
    variants = _worth(said, strategy, response.of(learnt, later))
    odds = _odds(strategy, said)
    return Decision(
        offer=offer,
        strategy=strategy,
        at=row.at,
        said=said,
        model=refresh.model,
        learnt=learnt,
        later=later,
        left=refresh.left.get(str(strategy.id)),
        variants=variants,
        again=arms.draw(
            arms.of(strategy, odds.odds if odds else None),
            unit,
            {label: one.best for label, one in variants.items()},
        ),
    )


def _logged(
    position: int,
) -> tuple[events.OfferAssigned, events.OffersComputed | None]:
    """Read an assignment, and the summary of the refresh that made it."""
    [assigned] = store.read(after=position - 1, until=position)
    if not isinstance(assigned.event, events.OfferAssigned):
        raise TypeError(f"{assigned.type} at {position}")
    after = store.read(
        after=position, until=store.high_water(), types=["offers_computed"]
    )
    # It ends its refresh. Two do not mix: a refresh holds a lock alone, and newcomers
    # take turns on the allocation's row.
    summary = next((one.event for one in after), None)
    return assigned.event, (
        summary if isinstance(summary, events.OffersComputed) else None
    )


def _worth(
    said: events.OfferAssigned, strategy: Strategy, believed: beliefs.Response
) -> dict[str, Worth]:
    people = People(
        who=Who(
            p0=np.array([said.p0]),
            segment=[said.segment],
            traits=np.array([said.traits]),
            types=np.array([said.types or [0.0]]),
        ),
        spend=np.array([said.spend]),
        rate=np.array([said.rate]),
        rest=np.array([said.rest]),
    )
    found = value.priced(
        strategy.terms,
        strategy.scope,
        people,
        believed,
        beliefs.Run(turns=strategy.turns),
    )
    return {
        label: Worth(
            margin=float(found.margin[0, i]),
            cost=float(found.cost[0, i]),
            lift=float(found.lift[0, i]),
            best=float(found.best[0, i]),
        )
        for i, label in enumerate(strategy.menu)
    }


def _odds(strategy: Strategy, said: events.OfferAssigned) -> Odds | None:
    """Return the odds that drew, where a strategy's odds move; none were set: equal."""
    if said.odds is None:
        return None
    return Odds.objects.filter(strategy=strategy, day=said.odds).first()
