"""The best legal combination of strategies on one basket. Pure, and exact.

What is legal, and what a combination gives: promotions.turns.

Exact: branch and bound over the candidates of each part of the basket that does not
interact with the rest. What a strategy gives alone bounds what it gives beside others:
with less left on every line it can only give less. Who draws on a scarce pool gives
together no more than the pool allows. A search stops after `MOST_WORK` and says so.
"""

from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from promotions.discounts import Applied, Missed
from promotions.turns import ANOTHER, Basket, Candidate, Pool, State, together

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
    if state.all_turn(alone[key][0] for key in search.chosen()):
        state = State(basket)
    beaten = dict.fromkeys(alone.keys() - state.applied.keys(), ANOTHER)
    if search.scarce:
        beaten = {key: state.beaten(*alone[key]) for key in beaten}
    missed |= beaten
    return Stack(applied=state.applied, missed=missed, exact=search.exact)


One = tuple[Candidate, Applied]
"""A candidate and what it gives by itself."""
Alone = dict[str, One]


def _alone(
    candidates: Iterable[Candidate], basket: Basket
) -> tuple[Alone, dict[str, Missed]]:
    alone: Alone = {}
    missed: dict[str, Missed] = {}
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
        case "worst":
            return outcome.worth, candidate.order
        case _:
            return candidate.order


GIFTS = "gifts"
Scarce = Pool | str
"""What there is not enough of for all: a pool, or what is spare for `GIFTS`."""


def _overdrawn(ones: Iterable[One]) -> list[Pool]:
    """Return the pools that do not hold enough for all of these."""
    drawn: dict[Pool, int] = {}
    for candidate, outcome in ones:
        for pool in candidate.pools:
            drawn[pool] = drawn.get(pool, 0) + pool.takes(outcome)
    return [pool for pool, taken in drawn.items() if taken > pool.left]


def _gifts_paid(ones: Sequence[One], basket: Basket) -> bool:
    """Say whether the lines pay for the gifts after all these discounts."""
    spares = [basket.spare_for(one) for one, outcome in ones if outcome.gift_value]
    if not spares:
        return True
    given = sum(outcome.discount + outcome.gift_value for _, outcome in ones)
    return given <= min(spares)


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
        if self.required or not single:
            return found
        return self._against(single, found)

    def _against(self, single: Sequence[One], found: list[str]) -> list[str]:
        """Compare the best exclusive one with the combination of the others."""
        worth = sum(self.alone[key][1].worth for key in found)
        if self._entangled([self.alone[key] for key in found]):
            stack = together([self.alone[key][0] for key in found], self.basket)
            worth = sum(one.worth for one in (stack or {}).values())
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
            whole = rule.conditions.of == "basket" and rule.conditions.asks
            yield from range(len(self.basket.lines)) if whole else candidate.inside
        if outcome.shipping:
            yield "shipping"
        if rule.mode == "best":
            yield "group", rule.group
        if self.scarce:
            yield from self.scarce.intersection((*candidate.pools, GIFTS))

    def _scarce(self, ones: Sequence[One]) -> frozenset[Scarce]:
        """Return the pools that not all can draw on, and whether gifts crowd others."""
        scarce: set[Scarce] = set(_overdrawn(ones))
        if not _gifts_paid(ones, self.basket):
            scarce.add(GIFTS)
        return frozenset(scarce)

    def _entangled(self, part: Sequence[One]) -> bool:
        return not all(candidate.rule.plain for candidate, _ in part)

    def _best(self, part: Sequence[One]) -> list[str]:
        if len(part) == 1:
            return [part[0][0].key]
        sign = 1 if self.cheap else -1
        ranked = sorted(
            part,
            key=lambda one: (
                one[0].key not in self.required,
                sign * one[1].worth,
                one[0].order,
            ),
        )
        kind = _Entangled if self._entangled(part) else _Plain
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


class _Walk:
    """A depth-first search over candidates, the most promising first."""

    def __init__(
        self,
        ones: Sequence[One],
        basket: Basket,
        required: frozenset[str],
        *,
        cheap: bool,
        work: int,
        scarce: frozenset[Scarce],
    ) -> None:
        self.ones, self.basket, self.cheap, self.work = ones, basket, cheap, work
        self.required, self.scarce = required, scarce
        self.found: tuple[int, ...] | None = None
        self.value = 0
        self.drains: dict[int, Pool] = {}
        self.drainers: dict[Pool, tuple[list[int], list[int]]] = {}

    def keys(self) -> list[str] | None:
        """Return the best combination's keys; None if there is none."""
        if self.found is None:
            return None
        return [self.ones[place][0].key for place in self.found]

    def better(self, value: int) -> bool:
        """Say whether a value beats the best one so far."""
        if self.found is None:
            return True
        return value < self.value if self.cheap else value > self.value

    def must(self, place: int) -> bool:
        return self.ones[place][0].key in self.required

    def see_drains(self) -> None:
        """Note who drains which scarce pool, and what the first ones bring together.

        Who draws on several counts for the one that allows the fewest uses.
        """
        for place, (candidate, outcome) in enumerate(self.ones if self.scarce else ()):
            if pools := [pool for pool in candidate.pools if pool in self.scarce]:
                pool = min(pools, key=lambda pool: (pool.money, pool.left))
                self.drains[place] = pool
                places, sums = self.drainers.setdefault(pool, ([], [0]))
                places.append(place)
                sums.append(sums[-1] + outcome.worth)

    def drained(self, place: int, chosen: Sequence[int]) -> int:
        """Return what drainers bring at most: the chosen, and others from a place on.

        They come in the order of their worth, the required ones before.
        """
        total = 0
        for pool, (places, sums) in self.drainers.items():
            mine = [p for p in chosen if self.drains.get(p) is pool]
            first, last = bisect(places, place - 1), len(places)
            if not pool.money:
                last = min(last, first + max(0, pool.left - len(mine)))
            brought = sum(self.ones[p][1].worth for p in mine)
            brought += sums[last] - sums[first]
            total += min(brought, pool.left) if pool.money else brought
        return total

    def drain(self, place: int) -> bool:
        """Say whether pools bound what comes from a place on: not required ones."""
        return bool(self.drains) and place < len(self.ones) and not self.must(place)


class _Plain(_Walk):
    """Candidates that only exclude each other: what they give adds up.

    A bit for each line, shipping and group says what a candidate takes.
    """

    def best(self) -> list[str] | None:
        self._prepare()
        waiting: list[tuple[int, tuple[int, ...], int, int]] = [(0, (), 0, 0)]
        while waiting and (self.work > 0 or self.found is None):
            place, chosen, used, value = waiting.pop()
            self.work -= 1 + len(self.bounds[place])
            if self._hopeless(place, chosen, used, value):
                continue
            if place == len(self.ones):
                if not self.cheap or self._maximal(chosen, used):
                    self.found, self.value = chosen, value
                continue
            if not self.must(place):
                waiting.append((place + 1, chosen, used, value))
            if not self.masks[place] & used and self._paid((*chosen, place)):
                worth = self.ones[place][1].worth
                mask = used | self.masks[place]
                waiting.append((place + 1, (*chosen, place), mask, value + worth))
        return self.keys()

    def _prepare(self) -> None:
        if not self.cheap:
            self.ones = self._undominated()
        self.bits: dict[object, int] = {}
        self.takes = [self._takes(one) for one in self.ones]
        self.masks = [sum(1 << bit for bit in takes) for takes in self.takes]
        self.see_drains()
        self.bounds = self._bounds(self.takes)
        self.others = self.bounds
        if self.drains:
            drained = self.drains.keys()
            self.others = self._bounds(
                [{} if p in drained else one for p, one in enumerate(self.takes)]
            )

    def _undominated(self) -> list[One]:
        """Keep the best of those that take the same, but where money is scarce."""
        if self.required or GIFTS in self.scarce:
            return list(self.ones)
        kept: dict[object, One] = {}
        for one in self.ones:
            candidate, outcome = one
            same: object = frozenset(outcome.lines), bool(outcome.shipping)
            if outcome.gift or candidate.rule.group:
                same = candidate.key
            elif self.scarce:
                pools = [pool for pool in candidate.pools if pool in self.scarce]
                costs = any(pool.money for pool in pools)
                same = candidate.key if costs else (same, frozenset(pools))
            kept.setdefault(same, one)
        return list(kept.values())

    def _takes(self, one: One) -> dict[int, int]:
        """Return what a candidate gives, bit by bit; a group gives nothing."""
        candidate, outcome = one
        parts: dict[object, int] = dict(outcome.lines.items())
        if outcome.shipping:
            parts["shipping"] = outcome.shipping
        if outcome.gift:
            parts["gift", candidate.key] = outcome.gift_value
        if candidate.rule.mode == "best":
            parts["group", candidate.rule.group] = 0
        return {
            self.bits.setdefault(name, len(self.bits)): part
            for name, part in parts.items()
        }

    def _bounds(self, all_takes: Sequence[dict[int, int]]) -> list[dict[int, int]]:
        """Return what each bit can still bring from each place on."""
        bounds: list[dict[int, int]] = [{}]
        for takes in reversed(all_takes):
            most = dict(bounds[-1])
            for bit, part in takes.items():
                most[bit] = max(part, most.get(bit, 0))
            bounds.append(most)
        return bounds[::-1]

    def _hopeless(
        self, place: int, chosen: Sequence[int], used: int, value: int
    ) -> bool:
        if self.cheap:
            return not self.better(value)

        def free(bounds: dict[int, int]) -> int:
            return sum(part for bit, part in bounds.items() if not used >> bit & 1)

        if not self.better(value + free(self.bounds[place])):
            return True
        if not self.drain(place):
            return False
        others = (self.ones[p][1].worth for p in chosen if p not in self.drains)
        most = sum(others) + free(self.others[place]) + self.drained(place, chosen)
        return not self.better(most)

    def _paid(self, chosen: Sequence[int]) -> bool:
        """Say whether there is enough of everything for all of these."""
        if not self.scarce:
            return True
        ones = [self.ones[place] for place in chosen]
        return not _overdrawn(ones) and _gifts_paid(ones, self.basket)

    def _maximal(self, chosen: Sequence[int], used: int) -> bool:
        return not any(
            not mask & used and self._paid((*chosen, place))
            for place, mask in enumerate(self.masks)
            if place not in chosen
        )


class _Entangled(_Walk):
    """Candidates of which one changes what another gives: each set is tried whole."""

    def best(self) -> list[str] | None:
        self.see_drains()
        self._greedy(range(len(self.ones)))
        masks = [self._mask(one) for one in self.ones]
        waiting: list[tuple[int, tuple[int, ...], int]] = [(0, (), 0)]
        while waiting and self.work > 0:
            place, chosen, used = waiting.pop()
            if self._hopeless(place, chosen):
                continue
            if place == len(self.ones):
                self._try(chosen)
                continue
            if not self.must(place):
                waiting.append((place + 1, chosen, used))
            if not masks[place] & used:
                waiting.append((place + 1, (*chosen, place), used | masks[place]))
        return self.keys()

    def _mask(self, one: One) -> int:
        """Return the lines of a plain one: no other plain one can have them too."""
        candidate, outcome = one
        return sum(1 << i for i in outcome.lines) if candidate.rule.plain else 0

    def _greedy(self, places: Iterable[int]) -> None:
        """Find a first combination, so that there is one if the search must stop."""
        chosen = tuple(place for place in places if self.must(place))
        for place in places:
            wider = (*chosen, place)
            fits = place not in chosen and self.work > 0
            if fits and self._worth(wider) is not None:
                chosen = wider
        self._try(chosen)

    def _try(self, chosen: tuple[int, ...]) -> None:
        value = self._worth(chosen)
        if value is None or not self.better(value):
            return
        if self.cheap and not self._maximal(chosen):
            return
        self.found, self.value = chosen, value

    def _hopeless(self, place: int, chosen: Sequence[int]) -> bool:
        if self.cheap:
            return False
        possible = (*chosen, *range(place, len(self.ones)))
        bound = self._bound(possible)
        if self.better(bound) and self.drain(place):
            others = self._bound([p for p in possible if p not in self.drains])
            bound = min(bound, others + self.drained(place, chosen))
        return not self.better(bound)

    def _bound(self, possible: Sequence[int]) -> int:
        """Return what these can give at most.

        A line is discounted by one that does not share it, or by those that do. What an
        amount gives to a line may grow beside others, so amounts count whole.
        """
        self.work -= len(possible)
        bound = 0
        alone: dict[int, int] = {}
        shared: dict[int, int] = {}
        for place in possible:
            candidate, outcome = self.ones[place]
            if not candidate.by_line or not outcome.lines:
                bound += outcome.worth
            elif candidate.rule.shares_lines:
                for i, part in outcome.lines.items():
                    shared[i] = shared.get(i, 0) + part
            else:
                for i, part in outcome.lines.items():
                    alone[i] = max(part, alone.get(i, 0))
        lines = alone.keys() | shared.keys()
        return bound + sum(max(alone.get(i, 0), shared.get(i, 0)) for i in lines)

    def _worth(self, chosen: Sequence[int]) -> int | None:
        self.work -= 1 + len(chosen) * len(self.basket.lines)
        stack = together([self.ones[place][0] for place in chosen], self.basket)
        return None if stack is None else sum(one.worth for one in stack.values())

    def _maximal(self, chosen: Sequence[int]) -> bool:
        rest = set(range(len(self.ones))) - set(chosen)
        return all(self._worth((*chosen, place)) is None for place in rest)
