"""The best legal combination of strategies on one basket. Pure, and exact.

What is legal, and what a combination gives: promotions.turns.

Exact: branch and bound over the candidates of each part of the basket that does not
interact with the rest. What a strategy gives alone bounds what it gives beside others:
with less left on every line it can only give less. Who draws on a scarce pool gives
together no more than the pool allows. A search stops after `MOST_WORK` and says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from promotions.coins import Applied, Missed
from promotions.entangled import Entangled
from promotions.turns import ANOTHER, Basket, Candidate, State, together
from promotions.walks import GIFTS, One, Plain, Scarce, gifts_paid, overdrawn

Objective = Literal["customer", "margin"]
"""Least paid by the customer; or, of the combinations to which no other candidate could
be added, the one that costs the shop least."""
MOST_WORK = 200_000
"""Lines looked at: 0.3 s where 20 share each of 50 lines (`bench carts`)."""
NOT_FIRST = Missed(reason="another_of_its_group_goes_first", beaten=True)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The chosen combination, why the others are not in it, and whether it is proved.

    `applied` is in the order in which they apply.
    """

    applied: Mapping[str, Applied]
    missed: Mapping[str, Missed]
    exact: bool = True

    @property
    def worth(self) -> int:
        return sum(one.worth for one in self.applied.values())


class Illegal(Exception):
    """These candidates cannot all apply together; `missed` says why one cannot."""

    def __init__(self, missed: Mapping[str, Missed]) -> None:
        super().__init__(", ".join(f"{k}: {m.reason}" for k, m in missed.items()))
        self.missed = missed


def best(
    candidates: Sequence[Candidate],
    basket: Basket,
    *,
    required: frozenset[str] = frozenset(),
    objective: Objective = "customer",
    most_work: int = MOST_WORK,
) -> Stack:
    """Return the best legal combination that holds all the `required` candidates.

    :raises Illegal: the required ones cannot all apply together.
    """
    alone, missed = _alone(candidates, basket)
    _resolve_groups(alone, missed, required, objective)
    if lost := {key: missed[key] for key in required if key in missed}:
        raise Illegal(lost)
    search = _Search(basket, alone, required, objective, most_work)
    state = State(basket)
    # Rather nothing than the part that had its turn before one could not.
    if state.all_turn(alone[key][0] for key in search.chosen()):
        state = State(basket)
    beaten = dict.fromkeys(alone.keys() - state.applied.keys(), ANOTHER)
    # Only where a pool is short can it be what beat them: else a cart of 500 strategies
    # pays nothing for the question.
    if search.scarce:
        beaten = {key: state.beaten(*alone[key]) for key in beaten}
    missed |= beaten
    return Stack(applied=state.applied, missed=missed, exact=search.exact)


Alone = dict[str, One]


def _alone(
    candidates: Iterable[Candidate], basket: Basket
) -> tuple[Alone, dict[str, Missed]]:
    alone: Alone = {}
    missed: dict[str, Missed] = {}
    # One for all: `outcome` takes nothing.
    fresh = State(basket)
    for candidate in candidates:
        outcome = fresh.outcome(candidate)
        if isinstance(outcome, Applied):
            alone[candidate.key] = candidate, outcome
        else:
            missed[candidate.key] = outcome
    return alone, missed


def _resolve_groups(
    alone: Alone,
    missed: dict[str, Missed],
    required: frozenset[str],
    objective: Objective,
) -> None:
    """Leave of each group the one that goes.

    Of a "best" group the search itself chooses, if it looks for the customer's best;
    one that looks for the shop's would choose the customer's worst.
    """
    groups: dict[str, list[One]] = {}
    for one in alone.values():
        rule = one[0].rule
        # Of what the search does not choose by itself, all but one go now.
        if rule.mode != "stack" and (rule.mode != "best" or objective == "margin"):
            groups.setdefault(rule.group, []).append(one)
    for members in groups.values():
        members.sort(key=lambda one: _rank(one, required))
        for candidate, _ in members[1:]:
            del alone[candidate.key]
            missed[candidate.key] = (
                ANOTHER if candidate.rule.mode == "best" else NOT_FIRST
            )


def _rank(one: One, required: frozenset[str]) -> tuple[Any, ...]:
    """Sort a group's members: the one that goes comes first."""
    candidate, outcome = one
    match candidate.rule.mode:
        case "best":
            return candidate.key not in required, -outcome.worth, candidate.order
        # Required or not: the shop, not the customer, has said which one goes.
        case "worst":
            return outcome.worth, candidate.order
        case _:
            return candidate.order


class _Search:
    """Branch and bound, part by part of the basket."""

    def __init__(
        self,
        basket: Basket,
        alone: Alone,
        required: frozenset[str],
        objective: Objective,
        most_work: int,
    ) -> None:
        self.basket, self.alone = basket, alone
        self.required, self.cheap = required, objective == "margin"
        self.work = most_work
        self.scarce: frozenset[Scarce] = frozenset()

    @property
    def exact(self) -> bool:
        return self.work > 0

    def chosen(self) -> list[str]:
        """Return the best combination's keys."""
        single = [one for one in self.alone.values() if one[0].rule.exclusive]
        others = [one for one in self.alone.values() if not one[0].rule.exclusive]
        forced = [one for one in single if one[0].key in self.required]
        if forced:
            if len(self.required) > 1:
                raise Illegal(dict.fromkeys(self.required, ANOTHER))
            return [forced[0][0].key]
        found = [key for part in self._parts(others) for key in self._best(part)]
        # An exclusive one cannot stand beside a required one.
        if self.required or not single:
            return found
        return self._against(single, found)

    def _against(self, single: Sequence[One], found: list[str]) -> list[str]:
        """Compare the best exclusive one with the combination of the others."""
        worth = sum(self.alone[key][1].worth for key in found)
        # Where one changes what another gives, the
        # sum of what each gives alone is too much.
        if self._entangled([self.alone[key] for key in found]):
            stack = together([self.alone[key][0] for key in found], self.basket)
            worth = sum(one.worth for one in (stack or {}).values())
        # By order last, so that of equals the same one is chosen everywhere.
        ranked = sorted(single, key=lambda one: (one[1].worth, one[0].order))
        pick = ranked[0] if self.cheap else ranked[-1]
        better = pick[1].worth < worth if self.cheap else pick[1].worth > worth
        return [pick[0].key] if better or not found else found

    def _parts(self, ones: Sequence[One]) -> list[list[One]]:
        """Divide candidates into parts that do not interact (union-find)."""
        owner: dict[object, int] = {}
        parent = list(range(len(ones)))

        def root(place: int) -> int:
            while parent[place] != place:
                parent[place] = parent[parent[place]]
                place = parent[place]
            return place

        self.scarce = self._scarce(ones)
        for place, one in enumerate(ones):
            for claim in self._claims(one):
                parent[root(place)] = root(owner.setdefault(claim, place))
        parts: dict[int, list[One]] = {}
        for place, one in enumerate(ones):
            parts.setdefault(root(place), []).append(one)
        return list(parts.values())

    def _claims(self, one: One) -> Iterable[object]:
        candidate, outcome = one
        rule = candidate.rule
        if rule.plain:
            yield from outcome.lines
        else:
            # A least amount after discounts moves with every line's discount.
            whole = rule.conditions.of == "basket" and rule.conditions.asks
            yield from range(len(self.basket.lines)) if whole else candidate.inside
        if outcome.shipping:
            yield "shipping"
        if rule.mode == "best":
            yield "group", rule.group
        if self.scarce:
            # Everybody claims GIFTS: any discount
            # takes from what the gifts are paid of.
            yield from self.scarce.intersection((*candidate.pools, GIFTS))

    def _scarce(self, ones: Sequence[One]) -> frozenset[Scarce]:
        """Return the pools that not all can draw on, and whether gifts crowd others."""
        scarce: set[Scarce] = set(overdrawn(ones))
        if not gifts_paid(ones, self.basket):
            scarce.add(GIFTS)
        return frozenset(scarce)

    def _entangled(self, part: Sequence[One]) -> bool:
        return not all(candidate.rule.plain for candidate, _ in part)

    def _best(self, part: Sequence[One]) -> list[str]:
        if len(part) == 1:
            return [part[0][0].key]
        sign = 1 if self.cheap else -1
        # The required first, then the best: a good
        # combination is found early, and bounds cut more.
        ranked = sorted(
            part,
            key=lambda one: (
                one[0].key not in self.required,
                sign * one[1].worth,
                one[0].order,
            ),
        )
        kind = Entangled if self._entangled(part) else Plain
        # What is left of the work: one part's long search shortens the others'.
        walk = kind(
            ranked,
            self.basket,
            self.required,
            cheap=self.cheap,
            work=self.work,
            scarce=self.scarce,
        )
        found = walk.best()
        self.work = walk.work
        if found is None:
            wanted = [one for one, _ in part if one.key in self.required]
            lost = State(self.basket).all_turn(wanted)
            raise Illegal(lost or dict.fromkeys(self.required, ANOTHER))
        return found
