"""What a history of prices tells: promotions, and who undercuts whom since when. Pure.

A promotion is a price that drops and comes back (the V of Nakamura and Steinsson, "Five
facts about prices", QJE 2008, section IV), or one below a price that is struck through.
What stays down for longer than `LONGEST` was a new price, and no promotion.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

LEAST = Decimal("0.05")
"""Of the usual price, the smallest drop that counts, and how near to it is back."""
SETTLED = timedelta(days=7)
"""So long a price must have stood to be the usual one."""
LONGEST = timedelta(days=42)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A price from a moment on; `shelf` is struck through."""

    at: datetime
    price: Decimal
    shelf: Decimal | None = None
    available: bool = True


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """A time of lower prices: [start, end), None: it runs; `price` is the lowest."""

    start: datetime
    end: datetime | None
    usual: Decimal
    price: Decimal

    @property
    def depth(self) -> float:
        """The share of the usual price that was taken off at most."""
        return float(1 - self.price / self.usual)


def promotions(steps: Sequence[Step], *, at: datetime) -> list[Promotion]:
    """Return the promotions in a history up to `at`, the oldest first."""
    walk = _Walk()
    for step in steps:
        if step.at <= at:
            walk.over(step)
    running = walk.running
    if running is not None and at - running.start <= LONGEST:
        return [*walk.found, running]
    return walk.found


class _Walk:
    """What is known after so many steps: the usual price, or a promotion that runs."""

    def __init__(self) -> None:
        self.found: list[Promotion] = []
        self.usual: Step | None = None
        self.running: Promotion | None = None

    def over(self, step: Step) -> None:
        running = self.running
        if running is not None and step.at - running.start > LONGEST:
            # It stayed down: from its beginning on it was the new usual price.
            self.usual = Step(at=running.start, price=running.price)
            self.running = running = None
        if running is not None:
            self._go_on(step, running)
        elif (before := _usual(step, self.usual)) is not None:
            self.running = Promotion(
                start=step.at, end=None, usual=before, price=step.price
            )
        elif self.usual is None or step.price != self.usual.price:
            self.usual = step

    def _go_on(self, step: Step, running: Promotion) -> None:
        if _back(step, running):
            self.found.append(replace(running, end=step.at))
            self.usual, self.running = step, None
        else:
            lowest = min(running.price, step.price)
            self.running = replace(running, price=lowest)


def _back(step: Step, running: Promotion) -> bool:
    declared = step.shelf is not None and _lower(step.price, step.shelf)
    return not declared and not _lower(step.price, running.usual)


def _usual(step: Step, before: Step | None) -> Decimal | None:
    """Return the price that a step is a promotion of, if it begins one."""
    if step.shelf is not None and _lower(step.price, step.shelf):
        return step.shelf
    if before is None or step.at - before.at < SETTLED:
        return None
    return before.price if _lower(step.price, before.price) else None


def _lower(price: Decimal, usual: Decimal) -> bool:
    # Of what is given away, usual 0, no price is lower; 0 <= 0 would say so.
    return usual > 0 and price <= usual * (1 - LEAST)


def undercut_since(
    ours: Sequence[Step], theirs: Sequence[Step], *, at: datetime
) -> datetime | None:
    """Return since when theirs costs less than ours without a break; None if not now.

    Where a side's history begins is where it can be known first.
    """
    # Both sides' steps of a moment are laid together: in between nobody undercuts.
    moves = [(step.at, 0, step) for step in ours if step.at <= at]
    moves += [(step.at, 1, step) for step in theirs if step.at <= at]
    since: datetime | None = None
    now: list[Step | None] = [None, None]
    for moment, together in groupby(sorted(moves, key=_when), key=_when):
        for _, side, step in together:
            now[side] = step
        us, them = now
        less = us is not None and them is not None and them.price < us.price
        if not (less and them is not None and them.available):
            since = None
        elif since is None:
            since = moment
    return since


_when = itemgetter(0)
