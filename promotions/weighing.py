"""One customer's strategies at the prices of the last refresh, out of what it left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from promotions import constraints
from promotions.constraints import Candidates
from promotions.deciding import cached, decide, reduced
from promotions.instances import Instance
from promotions.models import Allocation
from promotions.remainders import left


def holding(asked: Instance, given: Candidates, known: Allocation) -> list[float]:
    """Return what is left of each limit, of those that are new since all of it.

    Never more than the limit itself still holds: redemptions may have cost more.
    """
    mine = constraints.named(asked, left(asked, given.promised))
    # What a return has in hand is of all customers: this instance knows but one.
    returns = {f"return {one.name}" for one in asked.every_return}
    return [
        known.left.get(name, amount)
        if name in returns
        else min(known.left.get(name, amount), amount)
        for name, amount in mine.items()
    ]


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """One customer's strategies at the prices: `bids` are what they are worth then.

    `room`: so many offers they may still get; `given`: the strategies to give.
    """

    bids: Sequence[float]
    room: int
    given: Sequence[int]


def weighed(
    asked: Instance, given: Candidates, known: Allocation, holds: list[float]
) -> Weighed:
    """Weigh the strategies; what is to be given is taken off what the limits hold."""
    prices = np.array([known.prices.get(name, 0.0) for name in asked.names])
    room = asked.most - (0 if asked.given is None else int(asked.given[0]))
    # `decide` knows what is held, not what was given: that is taken off the caps.
    asked = replace(asked, most=max(room, 0), given=None, **_room(asked))
    inside = given.unused[:, 0] if asked.audience is None else asked.audience[:, 0]
    value = np.where(inside & ~given.promised[:, 0], asked.value[:, 0], -np.inf)
    sku = None if asked.sku is None else asked.sku[:, 0].tolist()
    units = None if sku is None else np.asarray(asked.units)[:, 0].tolist()
    terms = cached(asked, prices), value.tolist(), asked.cost[:, 0].tolist(), sku, units
    held = np.flatnonzero(given.promised[:, 0]).tolist()
    # One customer has one segment, so the only group is 0.
    best = decide(*terms, group=-1 if asked.group is None else 0, held=held, left=holds)
    return Weighed(bids=reduced(*terms), room=asked.most - len(held), given=best)


def _room(asked: Instance) -> dict[str, Any]:
    """Return the campaigns' caps less what the customer has used of them."""
    if asked.most_of_campaign is None or asked.given_of_campaign is None:
        return {}
    rest = np.asarray(asked.most_of_campaign) - asked.given_of_campaign[:, 0]
    return {"most_of_campaign": np.maximum(rest, 0), "given_of_campaign": None}
