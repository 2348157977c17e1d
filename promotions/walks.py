"""Depth-first walks over candidates for the best of them, bounded. Pure.

`Plain` where what candidates give adds up; where one changes what another gives, each
set is tried whole (promotions.entangled). Both stop when their work is spent, and keep
the best that they have found: promotions.stacking says then that it is not proved.
"""

from bisect import bisect
from collections.abc import Iterable, Sequence

from promotions.coins import Applied
from promotions.turns import Basket, Candidate, Pool

One = tuple[Candidate, Applied]
"""A candidate and what it gives by itself."""


GIFTS = "gifts"
Scarce = Pool | str
"""What there is not enough of for all: a pool, or what is spare for `GIFTS`."""


def overdrawn(ones: Iterable[One]) -> list[Pool]:
    """Return the pools that do not hold enough for all of these."""
    drawn: dict[Pool, int] = {}
    for candidate, outcome in ones:
        for pool in candidate.pools:
            drawn[pool] = drawn.get(pool, 0) + pool.takes(outcome)
    return [pool for pool, taken in drawn.items() if taken > pool.left]


def gifts_paid(ones: Sequence[One], basket: Basket) -> bool:
    """Say whether the lines pay for the gifts after all these discounts."""
    spares = [basket.spare_for(one) for one, outcome in ones if outcome.gift_value]
    if not spares:
        return True
    given = sum(outcome.discount + outcome.gift_value for _, outcome in ones)
    return given <= min(spares)


class Walk:
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
                # Counted pools (False) before money: these
                # bound uses, whatever they are worth.
                pool = min(pools, key=lambda pool: (pool.money, pool.left))
                self.drains[place] = pool
                places, sums = self.drainers.setdefault(pool, ([], [0]))
                places.append(place)
                # Running totals: what a stretch of drainers brings is a difference.
                sums.append(sums[-1] + outcome.worth)

    def drained(self, place: int, chosen: Sequence[int]) -> int:
        """Return what drainers bring at most: the chosen, and others from a place on.

        They come in the order of their worth, the required ones before.
        """
        total = 0
        for pool, (places, sums) in self.drainers.items():
            mine = [p for p in chosen if self.drains.get(p) is pool]
            # The first drainer at this place or after it.
            first, last = bisect(places, place - 1), len(places)
            if not pool.money:
                # The next ones in order are worth most, so
                # as many as may still draw bound all others.
                last = min(last, first + max(0, pool.left - len(mine)))
            brought = sum(self.ones[p][1].worth for p in mine)
            brought += sums[last] - sums[first]
            total += min(brought, pool.left) if pool.money else brought
        return total

    def drain(self, place: int) -> bool:
        """Say whether pools bound what comes from a place on: not required ones."""
        return bool(self.drains) and place < len(self.ones) and not self.must(place)


class Plain(Walk):
    """Candidates that only exclude each other: what they give adds up.

    A bit for each line, shipping and group says what a candidate takes.
    """

    def best(self) -> list[str] | None:
        self._prepare()
        waiting: list[tuple[int, tuple[int, ...], int, int]] = [(0, (), 0, 0)]
        # Work or not, it goes on until there is one: the required ones must be in it.
        while waiting and (self.work > 0 or self.found is None):
            place, chosen, used, value = waiting.pop()
            self.work -= 1 + len(self.bounds[place])
            if self._hopeless(place, chosen, used, value):
                continue
            if place == len(self.ones):
                # Else nothing at all would be the cheapest.
                if not self.cheap or self._maximal(chosen, used):
                    self.found, self.value = chosen, value
                continue
            # Without it; pushed first, so looked at
            # last: the way down is the greedy one.
            if not self.must(place):
                waiting.append((place + 1, chosen, used, value))
            if not self.masks[place] & used and self._paid((*chosen, place)):
                worth = self.ones[place][1].worth
                mask = used | self.masks[place]
                waiting.append((place + 1, (*chosen, place), mask, value + worth))
        return self.keys()

    def _prepare(self) -> None:
        # Where the cheapest is looked for all must stay: whether anything could still
        # be added depends on each.
        if not self.cheap:
            self.ones = self._undominated()
        self.bits: dict[object, int] = {}
        self.takes = [self._takes(one) for one in self.ones]
        self.masks = [sum(1 << bit for bit in takes) for takes in self.takes]
        self.see_drains()
        self.bounds = self._bounds(self.takes)
        self.others = self.bounds
        if self.drains:
            # Bounds of the others alone; what drainers bring is bounded by their pools.
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
            # A gift or a group excludes others than lines do: it stands for itself.
            if outcome.gift or candidate.rule.group:
                same = candidate.key
            elif self.scarce:
                pools = [pool for pool in candidate.pools if pool in self.scarce]
                # Where money is short, a smaller discount
                # may leave room for another one.
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
                # A bit is taken once, so the best of those that come bounds it.
                most[bit] = max(part, most.get(bit, 0))
            bounds.append(most)
        return bounds[::-1]

    def _hopeless(
        self, place: int, chosen: Sequence[int], used: int, value: int
    ) -> bool:
        if self.cheap:
            # What is chosen only grows dearer.
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
        return not overdrawn(ones) and gifts_paid(ones, self.basket)

    def _maximal(self, chosen: Sequence[int], used: int) -> bool:
        return not any(
            not mask & used and self._paid((*chosen, place))
            for place, mask in enumerate(self.masks)
            if place not in chosen
        )
