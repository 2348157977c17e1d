"""Whether surges of bad opinion are found within two days, and how many are none.

Histories are drawn: texts a day from a Poisson distribution that goes up and down with
the week, of which a share is negative. At a day of the second year a surge begins; a
day's texts and their share are more for a week. It must be found by the end of its
second day. Apart from it, alarms in the year before the surge are false.

Sizes are what can be found at that volume, and what cannot, told as well: of few texts
nobody can say so soon that something is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.bench.table import Row, least, limit, show, shown
from ml import surges

HISTORIES, YEAR = 200, 365
USUAL = 0.2
"""The shop's share of negative texts, which a series may differ from."""
SOON = 2
Numbers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """Texts a day, their usual negative share; in the surge, so many times as many."""

    volume: float
    share: float
    times: float
    surge: float
    moves: float | None = None
    """The share of a day is beta, as of so many texts; None: it does not move."""
    reachable: bool = True

    @property
    def name(self) -> str:
        moved = f", moving as of {self.moves:g} texts" if self.moves else ""
        return (
            f"{self.volume:g} texts a day, {self.share:.0%} negative{moved}; "
            f"surge {self.times:g} times as many, {self.surge:.0%}"
        )


CASES = (
    Case(volume=100, share=0.05, times=1, surge=0.25),
    Case(volume=100, share=0.15, times=1, surge=0.4, moves=150),
    Case(volume=30, share=0.1, times=1, surge=0.45),
    Case(volume=30, share=0.3, times=2, surge=0.65, moves=100),
    Case(volume=10, share=0.1, times=2, surge=0.6),
    Case(volume=10, share=0.3, times=2, surge=0.8),
    Case(volume=3, share=0.15, times=4, surge=0.7),
    Case(volume=3, share=0.35, times=5, surge=0.85),
    Case(volume=1, share=0.2, times=8, surge=0.8),
    Case(volume=0.3, share=0.2, times=20, surge=0.85),
    Case(volume=10, share=0.15, times=1, surge=0.4, reachable=False),
    Case(volume=3, share=0.15, times=1, surge=0.7, reachable=False),
    Case(volume=1, share=0.2, times=3, surge=0.6, reachable=False),
)
STEADY = tuple(
    Case(volume=volume, share=share, times=1, surge=share, moves=moves)
    for volume in (0.3, 1, 3, 10, 30, 100)
    for share, moves in ((0.05, None), (0.2, None), (0.4, None), (0.2, 150.0))
)


def run() -> None:
    """Measure and write the table."""
    show("Opinion watch", list(_rows()))


def _rows() -> Iterator[Row]:
    for case in CASES:
        found = _found(case)
        name = f"found within two days: {case.name}"
        if case.reachable:
            yield least(name, 100 * found, 95.0, "%", 1)
        else:
            yield shown(name, f"{found:.1%} (out of reach)")
    rates = {case: _false(case) for case in STEADY}
    worst = max(rates, key=rates.__getitem__)
    mean = sum(rates.values()) / len(rates)
    yield limit("false alarms a product and year, mean", mean, 1.0, 3)
    told = f"false alarms a product and year, worst ({worst.name.partition(';')[0]})"
    yield limit(told, rates[worst], 1.0, 3)
    sale = Case(volume=10, share=0.2, times=6, surge=0.2)
    yield shown(
        "alarms in a sale, six times the texts of the usual share",
        f"{_found(sale):.1%}",
    )


def _found(case: Case) -> float:
    """Return the share of histories whose surge is found in time."""
    hits = 0
    for seed in range(HISTORIES):
        # Streams of their own: 1 for what is found, 2 for false alarms.
        luck = np.random.default_rng([seed, 1])
        day = YEAR + int(luck.integers(0, 60))
        texts, negative = history(case, luck, day)
        alarms = surges.watch(texts[: day + SOON], negative[: day + SOON], usual=USUAL)
        hits += any(alarm.day >= day for alarm in alarms)
    return hits / HISTORIES


def _false(case: Case, histories: int = 50) -> float:
    """Return the alarms a year of histories in which nothing happens."""
    alarms = 0
    for seed in range(histories):
        luck = np.random.default_rng([seed, 2])
        texts, negative = history(case, luck, None)
        alarms += len(surges.watch(texts, negative, usual=USUAL))
    return alarms / (histories * len(texts) / YEAR)


def history(
    case: Case, luck: np.random.Generator, day: int | None
) -> tuple[Numbers, Numbers]:
    """Draw texts and negative ones of two years; a surge begins at `day`."""
    days = np.arange(2 * YEAR)
    volume = case.volume * (1 + 0.3 * np.sin(2 * np.pi * days / 7))
    share = np.full(len(days), case.share)
    if day is not None:
        week = slice(day, day + 7)
        volume[week] *= case.times
        share[week] = case.surge
    if case.moves:
        # Of this mean, and as sure as so many texts would make it.
        share = luck.beta(share * case.moves, (1 - share) * case.moves)
    texts = luck.poisson(volume)
    return texts, luck.binomial(texts, share)
