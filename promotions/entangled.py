"""The walk over candidates of which one changes what another gives. Pure.

Each set is tried whole: nothing that they give adds up (promotions.walks).
"""

from collections.abc import Iterable, Sequence

from promotions.turns import together
from promotions.walks import One, Walk


class Entangled(Walk):
    """Candidates of which one changes what another gives: each set is tried whole."""

    def best(self) -> list[str] | None:
        self.see_drains()
        # A first value to beat, too: bounds cut nothing before there is one.
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
            # Two plain ones on a line are never legal: such sets are not even tried.
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
        # Line by line: where fifteen mix, 40 ms became 9.
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
        # Counted in lines looked at, as MOST_WORK is.
        self.work -= 1 + len(chosen) * len(self.basket.lines)
        stack = together([self.ones[place][0] for place in chosen], self.basket)
        return None if stack is None else sum(one.worth for one in stack.values())

    def _maximal(self, chosen: Sequence[int]) -> bool:
        rest = set(range(len(self.ones))) - set(chosen)
        return all(self._worth((*chosen, place)) is None for place in rest)
