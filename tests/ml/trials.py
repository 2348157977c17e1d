"""Drawn trials whose effects are planted, so that tests know what is to be found."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
CATEGORIES = (4,)


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """Four numbers and a category; `true` is each arm's effect, [rows, arms]."""

    x: Floats
    y: Floats
    treatment: NDArray[Any]
    true: Floats


def trial(
    kind: str,
    *,
    seed: int = 0,
    rows: int = 6000,
    rate: float = 0.2,
    spend: bool = False,
) -> Trial:
    """Draw a trial.

    line     effects grow with the second number
    crossed  + where two numbers have one sign, − elsewhere: none on average
    noise    no effect at all
    common   one shift of the log-odds for all: who responds anyway gains most
    arms     arm "a" is for those with a high second number, "b" for the others
    """
    chance = np.random.default_rng(seed)
    numbers = chance.normal(size=(rows, 4))
    category = chance.integers(0, 4, rows)
    base = np.log(rate / (1 - rate)) + 0.5 * numbers[:, 0] + 0.3 * (category == 1)
    first, second = numbers[:, 1], numbers[:, 2]
    lifts = {
        "line": [0.2 + 0.8 * first],
        "crossed": [1.2 * np.sign(first * second)],
        "noise": [np.zeros(rows)],
        "common": [np.full(rows, 0.7)],
        "arms": [0.9 * first, -0.9 * first],
    }[kind]
    names = np.array(["none", "a", "b"])[: len(lifts) + 1]
    arm = chance.integers(0, len(names), rows)
    odds = base[:, None] + np.column_stack([np.zeros(rows), *lifts])
    told = expit(odds)
    y = (chance.random(rows) < told[np.arange(rows), arm]).astype(float)
    if spend:
        y *= chance.gamma(3.0, 10.0, rows)
    return Trial(
        x=np.column_stack([numbers, category]),
        y=y,
        treatment=names[arm],
        true=told[:, 1:] - told[:, [0]],
    )


MAIL = pl.col("mail")


def slip(rows: int, arm: str, where: str | None = None) -> pl.Expr:
    """Return `mail` with another arm in the first rows (of one arm)."""
    mine = MAIL.is_not_null() if where is None else pl.lit(where) == MAIL
    return pl.when(mine & (mine.cum_sum() <= rows)).then(pl.lit(arm)).otherwise(MAIL)


def frame(kind: str = "line", rows: int = 1500, **changes: Any) -> pl.DataFrame:
    drawn = trial(kind, rows=rows)
    told: dict[str, Any] = {f"n{n}": drawn.x[:, n] for n in range(4)}
    told["kind"] = np.array(["red", "blue", "green", "grey"])[drawn.x[:, 4].astype(int)]
    told |= {"mail": drawn.treatment, "bought": drawn.y.astype(int)}
    return pl.DataFrame(told | changes)
