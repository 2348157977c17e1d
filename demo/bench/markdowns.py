"""Clearances whose demand is known: the planner against who knows it, and rules.

Each seed draws a clearance and a belief of it; the true level and elasticity are drawn
around that belief, and the planner does not see them. Whoever knows the true demand
plays the same programme with one hypothesis; whoever knows even what will be asked for
at every price takes the best path afterwards. All meet the same customers: what is
asked for at a lower price includes what is at a higher one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from catalog import markdowns
from catalog.markdowns import Belief, Clearance, Floats, Ints
from demo.bench import table

SEEDS = 200
CUTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
STEPS = 3
LEAST = 0.95
"""Of what is recovered by who knows the true demand."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clearance, what is believed of it, what is true, what will be asked for.

    `wanted` [T, M]: units by week and price; `truth` is a belief of one hypothesis.
    """

    asked: Clearance
    belief: Belief
    truth: Belief
    wanted: Ints


Chooser = Callable[[Clearance, Belief, int, int], int]
"""(what is left, belief, price held, week) -> the price of the week."""


def run() -> None:
    """Play all and write the table."""
    rows, cases = [], [case(seed) for seed in range(SEEDS)]
    earned = {name: np.array(found) for name, found in _earned(cases).items()}
    knows, after = earned.pop("knows"), earned.pop("hindsight")
    mine = earned.pop("planner")
    rows.append(
        table.least(
            f"Recovered, of who knows the true demand; {SEEDS} clearances, %",
            100 * float(mine.sum() / knows.sum()),
            100 * LEAST,
            "%",
            digits=1,
        )
    )
    rows.append(_share("the same, mean of each clearance's share", mine / knows))
    rows.append(_share("of who knows what will be asked for", mine.sum() / after.sum()))
    rows.append(
        _share(
            "knowing the demand, of knowing what is asked", knows.sum() / after.sum()
        )
    )
    for name, found in earned.items():
        rows.append(
            _share(f"{name}, of who knows the true demand", found.sum() / knows.sum())
        )
    table.show("Mark-downs", rows)


def _share(figure: str, found: float | Floats) -> table.Row:
    return table.shown(figure, f"{100 * float(np.mean(found)):.1f} %")


def _earned(cases: list[Case]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {}
    for one in cases:
        for name, value in played(one).items():
            found.setdefault(name, []).append(value)
    return found


def played(one: Case) -> dict[str, float]:
    """Return what each of them recovers."""
    thirty, fifty = CUTS.index(0.3), CUTS.index(0.5)
    half = one.asked.weeks // 2
    return {
        "planner": recovered(one, one.belief, planned),
        "knows": recovered(one, one.truth, planned),
        "hindsight": hindsight(one),
        "one path, not planned anew": recovered(one, one.belief, fixed_path(one)),
        "−30 % at once": recovered(one, one.belief, partial(_fixed, [thirty] * 99)),
        "−50 % at once": recovered(one, one.belief, partial(_fixed, [fifty] * 99)),
        "−30 %, from half-time −50 %": recovered(
            one, one.belief, partial(_fixed, [thirty] * half + [fifty] * 99)
        ),
        "no mark-down": recovered(one, one.belief, partial(_fixed, [0] * 99)),
    }


def case(seed: int) -> Case:
    """Draw a clearance: at today's price 20 to 90 % of it are expected to sell."""
    draw = np.random.default_rng(seed)
    weeks, today = int(draw.integers(5, 13)), float(draw.uniform(5, 60))
    rate = float(np.exp(draw.uniform(np.log(2), np.log(60))))
    season = 1 + 0.25 * np.sin(np.arange(weeks) + draw.uniform(0, 6))
    units = rate * season
    salvage = float(draw.choice([0.0, 0.15, 0.3])) * today
    asked = Clearance(
        stock=max(2, int(units.sum() / draw.uniform(0.2, 0.9))),
        prices=tuple(round(today * (1 - cut), 2) for cut in CUTS),
        units=tuple(units.tolist()),
        salvage=salvage,
        noise=float(draw.uniform(0.02, 0.3)),
        steps=STEPS,
    )
    error, slope = float(draw.uniform(0.2, 0.5)), float(-draw.uniform(1.2, 3.0))
    doubt = float(draw.uniform(0.2, 0.7))
    belief = markdowns.prior(
        level_error=error, elasticity=slope, elasticity_error=doubt
    )
    sigma = np.sqrt(np.log1p(error**2))
    truth = Belief(
        level=np.exp(draw.normal(-(sigma**2) / 2, sigma, 1)),
        elasticity=np.minimum(draw.normal(slope, doubt, 1), markdowns.LEAST_ELASTIC),
        weight=np.ones(1),
    )
    return Case(
        asked=asked, belief=belief, truth=truth, wanted=_wanted(asked, truth, draw)
    )


def _wanted(asked: Clearance, truth: Belief, draw: np.random.Generator) -> Ints:
    mean = markdowns.means(truth, asked)[0].T
    # From the dearest price down: who pays that would pay a lower one, too.
    steps = np.diff(mean, axis=1, prepend=0.0)
    shake = draw.gamma(1 / asked.noise, asked.noise, (asked.weeks, 1))
    return np.cumsum(draw.poisson(np.maximum(steps, 0.0) * shake), axis=1)


def recovered(one: Case, belief: Belief, choose: Chooser) -> float:
    """Play a clearance week by week; return the money over the salvage value."""
    left, held, total = one.asked, 0, 0.0
    for week in range(one.asked.weeks):
        if left.stock:
            index = choose(left, belief, held, week)
            sold = min(left.stock, int(one.wanted[week, index]))
            total += (left.prices[index] - left.salvage) * sold
            belief = markdowns.learnt(belief, left, index, sold)
            left = left.after(sold, stepped=index != held)
            held = index
    return total


def planned(left: Clearance, belief: Belief, held: int, week: int) -> int:
    return markdowns.price(left, belief, held=held)


def fixed_path(one: Case) -> Chooser:
    found = markdowns.path(one.asked, one.belief)
    return partial(_fixed, list(found))


def _fixed(
    path: list[int], left: Clearance, belief: Belief, held: int, week: int
) -> int:
    return path[week]


def hindsight(one: Case) -> float:
    """Return what the best path comes to for who knows what will be asked for."""
    asked, known = one.asked, dict[tuple[int, int, int, int], float]()

    def best(week: int, held: int, steps: int, stock: int) -> float:
        if week == asked.weeks or not stock:
            return 0.0
        key = week, held, steps, stock
        if key not in known:
            last = len(asked.prices) if steps else held + 1
            known[key] = max(
                took(week, index, steps - (index != held), stock)
                for index in range(held, last)
            )
        return known[key]

    def took(week: int, index: int, steps: int, stock: int) -> float:
        sold = min(stock, int(one.wanted[week, index]))
        over = asked.prices[index] - asked.salvage
        return over * sold + best(week + 1, index, steps, stock - sold)

    return best(0, 0, asked.steps, asked.stock)
