"""Which learner of uplift to believe, or none: a contest inside the training rows.

Every learner foretells every row once, from folds that did not hold it. What its order
is worth (ml.uplift_worth) is judged by doubly robust scores, whose intervals come
from a bootstrap of rows; with several arms each customer gets the arm that is foretold
best, against the one arm that is best for all (Sverdrup, Wu, Athey & Wager 2024).

The favourite is kept unless another is better by more than MARGIN standard errors of
the paired difference, since one split's noise is as large as most differences. Where
the order so chosen is not clearly better than chance, the answer is to treat all or
none. Nothing here sees the rows on which the choice is reported. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from time import process_time
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedKFold, train_test_split

from ml import qini, uplift_worth
from ml.outcome_models import Floats, Matrix
from ml.uplift import (
    ClassTransformation,
    Codes,
    Learner,
    SBoosted,
    SLogistic,
    TLearner,
    TooFew,
    coded,
)
from ml.uplift_baselines import Constant, Response
from ml.uplift_scores import DoublyRobust, XLearner, outcome_means, robust_scores
from ml.uplift_shrunk import ShrunkSLearner

NOBODY = "treat all or none"
# Kept unless beaten by two errors it had .0679 of Qini on Hillstrom's women
# (development seeds); whoever was highest had .0639 (decision 25).
FAVOURITE = "S shrunk, bends"
# Without forests: a causal one takes 20 CPU s a fit, and led nowhere (decision 25).
LEARNERS: Mapping[str, Callable[..., Learner]] = {
    NOBODY: Constant,
    "response, logistic": Response,
    "response, boosted": partial(Response, boosted=True),
    "S shrunk": ShrunkSLearner,
    FAVOURITE: partial(ShrunkSLearner, bends=True),
    "S shrunk, pairs": partial(ShrunkSLearner, bends=True, crosses=True),
    "S logistic": SLogistic,
    "T logistic": TLearner,
    "class transformation": ClassTransformation,
    "S boosted": SBoosted,
    "T boosted": partial(TLearner, boosted=True),
    "X boosted": XLearner,
    "DR linear": DoublyRobust,
    "DR boosted": partial(DoublyRobust, boosted=True),
}

FOLDS = 5
MOST_ROWS = 300_000
"""A contest of more rows is held among so many, drawn; the winner learns from all."""
MARGIN = 2.0
"""A learner replaces the favourite if better by so many standard errors (paired)."""
ALONE = 2.0
"""The t that the favourite needs. It was named beforehand, so that this is one try."""
LEVEL = 0.99
"""Of the largest t of all in noise: what another, found by trying, has to exceed."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One learner in the contest: its Qini and the paired distance to the favourite.

    Figures are of the outcome, per customer: the area above a random order. A learner
    that could not be fitted has a `refusal` and no figures.
    """

    name: str
    qini: float = 0.0
    error: float = 0.0
    low: float = 0.0
    high: float = 0.0
    ahead: float = 0.0
    ahead_error: float = 0.0
    seconds: float = 0.0
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """Who won, fitted on all rows, and how everybody stood.

    `t` is the leader's Qini over its error, `needed` what it had to exceed; `leader` is
    who would be chosen if an order there must be.
    """

    name: str
    leader: str
    learner: Learner
    t: float
    needed: float
    standings: tuple[Standing, ...]

    @property
    def varies(self) -> bool:
        return self.name != NOBODY


def select(
    x: Matrix,
    y: Floats,
    treatment: Matrix,
    *,
    control: Any = 0,
    categories: tuple[int, ...] = (),
    seed: int = 0,
    learners: Mapping[str, Callable[..., Learner]] = LEARNERS,
    tell: Callable[[str], None] = lambda _: None,
) -> Choice:
    """Choose among the learners by a contest on these rows, and fit the winner.

    :raises ValueError: there is no control, or nothing but control.
    """
    shared = {"control": control, "categories": categories, "seed": seed}
    rows = _drawn(y, coded(treatment, control)[1], seed)
    entrants = {name: make(**shared) for name, make in learners.items()}
    parts, seconds, refusals = _contest(
        entrants, x[rows], y[rows], treatment[rows], tell
    )
    standings, noise = _standings(parts, seconds, seed=seed)
    leader = _leader(standings)
    # "Treat all or none" orders nobody: 0 without an error.
    t = leader.qini / leader.error if leader.error else 0.0
    # One bar for all, noise's largest t at 95 %, took 6 of 43 trials of noise for
    # something; these took 3 of 106 (decision 25).
    needed = ALONE if leader.name == FAVOURITE else noise
    name = leader.name if t > needed else NOBODY
    tell(name)
    # On all rows: the contest's may have been drawn.
    learner = learners.get(name, Constant)(**shared).fit(x, y, treatment)
    refused = tuple(Standing(name=n, refusal=why) for n, why in refusals.items())
    return Choice(
        name=name,
        leader=leader.name,
        learner=learner,
        t=t,
        needed=needed,
        standings=standings + refused,
    )


def strata(y: Floats, arm: Codes) -> Codes:
    """Return what splits should spread evenly: arms, and who responded in each.

    Of responders too few to spread nothing is made.
    """
    alike = arm * 2 + (y != 0)
    return np.where(np.bincount(alike)[alike] < 2 * FOLDS, arm * 2, alike)


def _drawn(y: Floats, arm: Codes, seed: int) -> Codes:
    """Return the rows of the contest: all, or MOST_ROWS of them."""
    rows = np.arange(len(y))
    if len(y) <= MOST_ROWS:
        return rows
    drawn, _ = train_test_split(
        rows, train_size=MOST_ROWS, stratify=strata(y, arm), random_state=seed
    )
    return np.asarray(drawn)


def _contest(
    entrants: Mapping[str, Learner],
    x: Matrix,
    y: Floats,
    treatment: Matrix,
    tell: Callable[[str], None],
) -> tuple[dict[str, Floats], dict[str, float], dict[str, str]]:
    """Return each entrant's parts of its Qini, CPU seconds a fit, and the refusals."""
    some = next(iter(entrants.values()))
    arm = coded(treatment, some.control)[1]
    means = outcome_means(x, y, arm, categories=some.categories, seed=some.seed)
    scores = robust_scores(y, arm, means)
    folds = _folds(y, arm, some.seed)
    parts: dict[str, Floats] = {}
    seconds: dict[str, float] = {}
    refusals: dict[str, str] = {}
    for name, learner in entrants.items():
        tell(name)
        started = process_time()
        try:
            foretold = cross_fitted(learner, x, y, treatment, folds)
        except TooFew as error:
            refusals[name] = str(error)
            continue
        seconds[name] = (process_time() - started) / FOLDS
        parts[name] = uplift_worth.worth(foretold, scores, folds)
    return parts, seconds, refusals


def _folds(y: Floats, arm: Codes, seed: int) -> Codes:
    alike = strata(y, arm)
    found = np.zeros(len(y), np.int64)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for fold, (_, rows) in enumerate(folds.split(alike, alike)):
        found[rows] = fold
    return found


def cross_fitted(
    learner: Learner, x: Matrix, y: Floats, treatment: Matrix, folds: Codes
) -> Floats:
    """Return each row's uplift, [rows, arms], by fits that did not see its fold."""
    found = np.zeros((len(y), len(np.unique(treatment)) - 1))
    for fold in range(int(folds.max()) + 1):
        rest = folds != fold
        # A clone, or what one fold taught would be there in the next.
        fitted = clone(learner).fit(x[rest], y[rest], treatment[rest])
        found[~rest] = fitted.predict(x[~rest])
    return found


def _standings(
    parts: Mapping[str, Floats], seconds: Mapping[str, float], *, seed: int
) -> tuple[tuple[Standing, ...], float]:
    """Return the standings, and what the largest t of all is below in noise."""
    names = list(parts)
    table = np.column_stack([parts[name] for name in names])
    base = table[:, names.index(FAVOURITE)] if FAVOURITE in names else 0 * table[:, 0]
    # In one bootstrap, so that all are drawn on the same rows: paired.
    draws = qini.bootstrap(np.column_stack([table, base]), seed=seed)
    own, base_draws = draws[:, :-1], draws[:, [-1]]
    means, errors = table.mean(axis=0), own.std(axis=0)
    ahead = (own - base_draws).std(axis=0)
    standings = tuple(
        Standing(
            name=name,
            qini=float(means[n]),
            error=float(errors[n]),
            low=qini.interval(own[:, n])[0],
            high=qini.interval(own[:, n])[1],
            ahead=float(means[n] - base.mean()),
            ahead_error=float(ahead[n]),
            seconds=seconds[name],
        )
        for n, name in enumerate(names)
    )
    judged = errors > 0
    if not judged.any():
        return standings, float("inf")
    # Draws about their own means are noise alone; the largest t of each draw counts.
    noise = ((own - means) / np.where(judged, errors, 1.0))[:, judged].max(axis=1)
    return standings, float(np.quantile(noise, LEVEL))


def _leader(standings: tuple[Standing, ...]) -> Standing:
    """Keep the favourite unless another is clearly better; then take the best of those.

    Where the favourite could not be fitted, everybody is measured against 0 instead.
    """
    better = [s for s in standings if s.ahead > MARGIN * s.ahead_error]
    if better:
        return max(better, key=lambda one: one.qini)
    there = {one.name: one for one in standings}
    return there.get(FAVOURITE) or Standing(name=NOBODY)
