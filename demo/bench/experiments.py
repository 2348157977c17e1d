"""Does the measuring measure? Many drawn experiments on the real households' spend.

Each goes through the very functions that reports use: equal arms, arms with a planted
effect, arms whose split is off, odds that move. Nothing is asked of the database. Of
what is planted 2,000 shops are drawn, so that chance moves a share of 95 by 0.5 only.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from rich.progress import track
from scipy.stats import binom, kstest

from analytics.bandits import inverse_probability
from analytics.checks import ALARM, mismatch
from analytics.experiments import Effect, difference, sequential
from analytics.moments import Floats, Moments
from analytics.power import smallest_effect
from analytics.spend_returns import Return, fieller
from demo.bench import shops
from demo.bench.shops import NAMES, Bools, Menu, Promotion, window
from demo.bench.table import Row, least, limit, show, shown, within

RUNS, LOOKS = 2000, 20
START = 40
"""The experiment's first week; planning knows what was before."""
BANDIT_WEEKS = 20
MENU = {"5 %": 0.0, "10 %": 0.05, "15 %": 0.1}
"""A menu's arms, and by how much each truly lifts spend."""


def run() -> None:
    """Measure all, in about a minute."""
    weekly, chance = shops.weekly(), np.random.default_rng(6)
    rows = [
        *_equal_arms(window(weekly, START)[:, 0], chance),
        *_cuped(weekly),
        *_planted(Promotion(households=window(weekly, START)), chance),
        *_planned(weekly, chance),
        *_split(),
        *_bandits(Menu(spend=weekly[:, -BANDIT_WEEKS:], arms=MENU), chance),
    ]
    show("Experiments", rows)


def _equal_arms(spend: Floats, chance: np.random.Generator) -> Iterator[Row]:
    """A/A: permuted households come in one after the other; nothing is planted."""
    fixed, counts = [], dict.fromkeys(("naive", "always", "small", "own"), 0)
    for _ in track(range(RUNS), description="equal arms"):
        rows = chance.permutation(spend)
        looks, small = list(_looks(rows, 0.5)), list(_looks(rows, 0.05))
        counts["naive"] += any(_found(one) for one, _, _ in looks)
        counts["always"] += any(_found(always) for *_, always in looks)
        counts["small"] += any(_found(always) for *_, always in small)
        counts["own"] += any(_found(own) for _, own, _ in small)
        fixed.append(looks[-1][0].p)
    found = np.array(fixed, dtype=np.float64)
    share = 100 * float((found < 0.05).mean())
    fit = float(kstest(found, "uniform").pvalue)
    told = {name: 100 * count / RUNS for name, count in counts.items()}
    yield within(f"equal arms ({RUNS:,}), one look: false finds, %", share, 4, 6)
    yield least("their p-values fit even ones: KS's own p", fit, 0.01, "", 2)
    yield limit(f"{LOOKS} looks under the sequence: false finds, %", told["always"], 5)
    yield shown(
        f"{LOOKS} naive looks: false finds, %", f"{told['naive']:.1f}", "for comparison"
    )
    yield limit(f"5 % held back, {LOOKS} looks: false finds, %", told["small"], 5)
    yield shown(
        "the same with each arm's own variance", f"{told['own']:.1f}", "for comparison"
    )


def _looks(spend: Floats, held: float) -> Iterator[tuple[Effect, Effect, Effect]]:
    """Yield what each look finds: fixed, a sequence by own variances, ours."""
    cut = int(len(spend) * held)
    # Sums of the first n of an arm: each look reads its moments off them.
    arms = [(one.cumsum(), (one**2).cumsum()) for one in (spend[:cut], spend[cut:])]
    for look in range(1, LOOKS + 1):
        sizes = [max(2, len(total) * look // LOOKS) for total, _ in arms]
        one, two = (
            Moments(("y",), np.array([[n, s[n - 1]], [s[n - 1], q[n - 1]]]))
            for n, (s, q) in zip(sizes, arms, strict=True)
        )
        effect, pooled = (
            difference(one, two, "y"),
            difference(one, two, "y", pooled=True),
        )
        yield effect, sequential(effect, sum(sizes)), sequential(pooled, sum(sizes))


def _found(effect: Effect) -> bool:
    return effect.p is not None and effect.p < 0.05


def _cuped(weekly: Floats) -> Iterator[Row]:
    starts = range(shops.PAST, shops.FULL_WEEKS - shops.WEEKS + 1, shops.WEEKS)
    cuts = [_cut(window(weekly, start)) for start in starts]
    figure = (
        f"variance of 4 weeks' spend that CUPED takes, worst of {len(cuts)} windows"
    )
    yield least(figure, 100 * min(cuts), 60, "%", 1)
    yield shown("the same, their mean", f"{100 * np.mean(cuts):.1f} %")


def _cut(rows: Floats) -> float:
    one, two = (Moments.of(NAMES[:2], half) for half in (rows[::2], rows[1::2]))
    plain = difference(one, two, "spend").error
    known = difference(one, two, "spend", covariate="before").error
    return 1 - ((known or 0) / (plain or 1)) ** 2


@dataclass
class Tally:
    """Of many shops: what was said, and how often an interval held the truth."""

    truth: float
    held: int = 0
    values: list[float] = field(default_factory=list)

    def add(self, one: Effect | Return) -> None:
        # An interval without ends holds everything.
        ends = (one.low, one.high)
        inside = ends[0] is None or ends[1] is None or ends[0] <= self.truth <= ends[1]
        self.held += inside
        if one.value is not None:
            self.values.append(one.value)

    def inside(self, figure: str) -> Row:
        said = f"{figure}: truth inside its 95 % interval, % of {RUNS:,} shops"
        return within(said, 100 * self.held / RUNS, 93, 97)

    def shown(self, figure: str) -> Row:
        """Show the mean beside the truth, and how often it was held."""
        held = f"truth inside: {100 * self.held / RUNS:.1f} %"
        mean = f"{np.mean(self.values):.3f} ({held})"
        return shown(figure, mean, f"truth: {self.truth:.3f}")

    @property
    def bias(self) -> float:
        """How far off the mean is, in percent of the truth."""
        return 100 * abs(float(np.mean(self.values)) / self.truth - 1)


def _planted(planted: Promotion, chance: np.random.Generator) -> Iterator[Row]:
    lift, profit, back = map(Tally, (planted.lift, planted.profit, planted.back))
    naive, naive_back = Tally(planted.lift), Tally(planted.back)
    for _ in track(range(RUNS), description="planted effects"):
        rows, treated = planted.drawn(chance)
        one, two = _arms(rows, treated)
        lift.add(difference(one, two, "spend", relative=True, covariate="before"))
        profit.add(difference(one, two, "profit", covariate="before"))
        back.add(fieller(one, two, "margin", "discount", covariate="before"))
        redeemers, others = _arms(rows, rows[:, NAMES.index("discount")] > 0)
        naive.add(difference(redeemers, others, "spend", relative=True))
        naive_back.add(fieller(redeemers, others, "margin", "discount"))
    yield lift.inside(f"lift of {100 * planted.lift:g} %")
    yield profit.inside(f"profit of −{100 * planted.loss:g} % of the margin")
    yield back.inside("return on discounts")
    yield lift.shown("lift, mean of the shops")
    yield naive.shown("the same, redeemers against all others")
    yield back.shown("return on discounts, mean of the shops")
    yield naive_back.shown("the same, redeemers against all others")


def _arms(rows: Floats, treated: Bools) -> tuple[Moments, Moments]:
    one, two = (
        Moments.of(NAMES, rows[which]).with_sum("profit", {"margin": 1, "discount": -1})
        for which in (treated, ~treated)
    )
    return one, two


def _planned(weekly: Floats, chance: np.random.Generator) -> Iterator[Row]:
    """What planning foretells from earlier weeks, and what later weeks then show."""
    known, households = window(weekly, START - shops.WEEKS), window(weekly, START)
    past = Moments.of(NAMES[:2], known)
    cv = past.variance("spend") ** 0.5 / past.mean("spend")
    rho = past.correlation("spend", "before")
    for share in (0.5, 0.9):
        drawn = _drawn(households, share, chance)
        treatment, control = drawn[0]
        for covariate in (None, "before"):
            given = rho if covariate else 0.0
            arms = {"treatment": treatment.n, "control": control.n}
            planned = 100 * (smallest_effect(cv=cv, rho=given, **arms) or np.inf)
            found = 100 * _smallest(drawn, covariate)
            how = f"{100 * share:.0f} % treated{', CUPED' if covariate else ''}"
            figure = f"smallest effect found in 80 %, {how} (planned: {planned:.1f}), %"
            yield within(figure, found, 0.9 * planned, 1.1 * planned)


Drawn = list[tuple[Moments, Moments]]


def _drawn(households: Floats, share: float, chance: np.random.Generator) -> Drawn:
    cut, found = round(len(households) * share), []
    for _ in track(range(RUNS), description=f"power, {share:.0%} treated"):
        # With replacement: else every shop would have the same households.
        rows = households[chance.integers(0, len(households), len(households))]
        one, two = (Moments.of(NAMES[:2], part) for part in (rows[:cut], rows[cut:]))
        found.append((one, two))
    return found


def _smallest(drawn: Drawn, covariate: str | None) -> float:
    """Return by halving the lift that is found in four of five of the shops."""
    low, high = 0.0, 1.0
    # To a thousandth of the mean.
    for _ in range(10):
        lift = (low + high) / 2
        # Every spend of the arm times 1 + lift: z' = C z.
        change = np.diag([1, 1 + lift, 1])
        finds = sum(
            _found(
                difference(
                    Moments(one.names, change @ one.gram @ change),
                    two,
                    "spend",
                    covariate=covariate,
                )
            )
            for one, two in drawn
        )
        low, high = (low, lift) if finds > 0.8 * len(drawn) else (lift, high)
    return (low + high) / 2


def _split() -> Iterator[Row]:
    """By all counts that may come of it, each with its chance: nothing is drawn."""
    plan, n = {"a": 0.5, "b": 0.5}, 20_000
    alarming = np.array(
        [mismatch({"a": a, "b": n - a}, plan) < ALARM for a in range(n + 1)]
    )

    def alarms(share: float) -> float:
        return 100 * float(binom.pmf(np.arange(n + 1), n, share) @ alarming)

    yield least(
        "48 to 52 of 20,000 planned as halves: alarms", alarms(0.48), 99, "%", 2
    )
    yield limit("true halves: alarms, %", alarms(0.5), 0.2, 2)


def _bandits(menu: Menu, chance: np.random.Generator) -> Iterator[Row]:
    worst, *_, best = menu.arms
    naive, weighed = Tally(menu.truth(worst)), Tally(menu.truth(worst))
    between = Tally(menu.truth(best) - menu.truth(worst))
    for _ in track(range(RUNS), description="bandits"):
        periods = menu.played(chance)
        found = inverse_probability(periods, "spend")
        pooled = sum((one.arms[worst] for one in periods), Moments.none(("spend",)))
        naive.add(Effect(value=pooled.mean("spend")))
        weighed.add(found.mean(worst))
        between.add(found.difference(best, worst))
    yield limit(
        "bandit's worst arm, by inverse probability: bias, %", weighed.bias, 0.5, 2
    )
    naive_bias = f"{naive.bias:.2f}"
    yield shown("the same, its naive mean: bias, %", naive_bias, "for comparison")
    yield between.inside("best less worst arm")
