"""What is known of a person when somebody asks why: as a refresh would go by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from analytics.models import Assignment
from promotions import arms, drawing, lots
from promotions.constraints import Candidates
from promotions.feedback import Said
from promotions.instances import Instance
from promotions.models import Allocation, Offer, Strategy
from promotions.weighing import Weighed


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that must be so for an offer; `name` is stable."""

    name: str
    passed: bool
    text: str


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """What a refresh would weigh: the strategies, by place, and one person's figures.

    `scored`: whether the scores know them; else it is what they did until now.
    """

    columns: Sequence[drawing.Column] = ()
    given: Candidates | None = None
    asked: Instance | None = None
    weighed: Weighed | None = None
    scored: bool = True

    @cached_property
    def places(self) -> Mapping[UUID, int]:
        return {one.strategy.id: place for place, one in enumerate(self.columns)}

    def promised(self, place: int) -> bool:
        """Whether they have a place in the audience of the strategy there."""
        return self.given is not None and bool(self.given.promised[place, 0])


@dataclass(frozen=True, kw_only=True)
class Person:
    """What is known of a person before all strategies.

    `offers`: those that they can use; `held`: those that a cart holds. `short`: the
    categories whose goods run short.
    """

    key: UUID
    willing: bool
    consent: bool | None
    offers: Mapping[UUID, Offer]
    held: Mapping[UUID, Offer]
    used: drawing.Used
    assigned: Mapping[UUID, Assignment]
    said: Said
    lots: lots.People
    at: datetime
    weighing: Weighing = field(default_factory=Weighing)
    allocation: Allocation | None = None
    short: frozenset[str] = frozenset()


def would_draw(strategy: Strategy, person: Person) -> str:
    """Return the arm that a lot would draw: it hangs on no variant."""
    # The key that was assigned first draws, whoever they are today.
    unit = person.lots.units.get((person.key, strategy.id), person.key)
    name = person.lots.names.get(unit, str(unit))
    return arms.draw(arms.of(strategy), name, arms.equal(strategy)).arm
