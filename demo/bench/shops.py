"""Shops to experiment on: the real households' weekly spend, and what is planted in it.

Drawn with replacement, so that each shop is another one and the truth is that of all
households; only where nothing is planted they are permuted instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from analytics.bandits import Period, inverse_probability, odds
from analytics.moments import Floats, Moments
from demo import journey

Bools = NDArray[np.bool_]
FULL_WEEKS = 52
WEEKS, PAST = 4, 8
"""How long an experiment runs, and how far back its covariate looks."""
NAMES = ("spend", "before", "margin", "discount")


def weekly() -> Floats:
    """Return what each household spent in each full week of 2017, shape (2469, 52)."""
    at = pl.col("transaction_timestamp").dt
    table = (
        pl.read_parquet(journey.folder() / "transactions.parquet")
        .with_columns(week=(at.ordinal_day() - 1) // 7)
        .filter(at.year() == 2017, pl.col("week") < FULL_WEEKS)
        .pivot(
            "week",
            index="household_id",
            values="sales_value",
            aggregate_function="sum",
        )
        .fill_null(0)
    )
    return table.select(str(week) for week in range(FULL_WEEKS)).to_numpy()


def window(spend: Floats, start: int) -> Floats:
    """Return spend of four weeks and of the eight before, shape (households, 2)."""
    after = spend[:, start : start + WEEKS].sum(axis=1)
    return np.column_stack([after, spend[:, start - PAST : start].sum(axis=1)])


@dataclass(frozen=True, kw_only=True)
class Promotion:
    """What is planted: more spend in all, and what of the margin remains of it.

    Who spends more redeems more often, from one in ten to seven in ten, and redeemers
    alone spend more. A comparison of them with all others takes that for an effect.
    """

    households: Floats
    lift: float = 0.08
    margin: float = 0.3
    loss: float = 0.02

    @property
    def profit(self) -> float:
        """What a treated customer truly brings, discounts paid."""
        return -self.loss * self.margin * float(self.households[:, 0].mean())

    @property
    def back(self) -> float:
        """What each unit of discount truly brings back in margin."""
        return self.lift / (self.lift + self.loss)

    def drawn(self, chance: np.random.Generator) -> tuple[Floats, Bools]:
        """Draw a shop: rows of NAMES, and who was treated, one half."""
        spend, before = self.households.T
        n = len(spend)
        rate = 0.1 + 0.6 * before.argsort().argsort() / n
        # What redeemers spend more, so that all the treated together spend `lift` more.
        more = self.lift * spend.sum() / (rate * spend).sum()
        # The share of what they pay that is discount: the margin gained by it is `back`
        # times that.
        cost = self.margin / self.back * more / (1 + more)
        who, treated = chance.integers(0, n, n), chance.permutation(n) < n // 2
        redeems = treated & (chance.random(n) < rate[who])
        paid = spend[who] * (1 + more * redeems)
        columns = [paid, before[who], self.margin * paid, cost * paid * redeems]
        return np.column_stack(columns), treated


@dataclass(frozen=True, kw_only=True)
class Menu:
    """A bandit's arms, each with how much it truly lifts spend, in weeks of the year.

    Every week other households come in, and the odds follow what is known by then.
    """

    spend: Floats
    arms: Mapping[str, float]
    a_week: int = 600
    least: float = 0.05

    def truth(self, arm: str) -> float:
        return float(self.spend.mean()) * (1 + self.arms[arm])

    def played(self, chance: np.random.Generator) -> list[Period]:
        played: list[Period] = []
        now = dict.fromkeys(self.arms, 1 / len(self.arms))
        for week in self.spend.T:
            played.append(self._week(week, now, chance))
            known = inverse_probability(played, "spend").arms()
            now = odds(known, least=self.least, before=now)
        return played

    def _week(
        self, spend: Floats, now: Mapping[str, float], chance: np.random.Generator
    ) -> Period:
        # With replacement: the truth is the mean of all households.
        drawn = spend[chance.integers(0, len(spend), self.a_week)]
        lots = chance.choice(len(now), self.a_week, p=list(now.values()))
        arms = {
            arm: Moments.of(("spend",), drawn[lots == at, None] * (1 + more))
            for at, (arm, more) in enumerate(self.arms.items())
        }
        return Period(arms=arms, odds=now)
