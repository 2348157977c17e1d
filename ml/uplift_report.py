"""What `manage.py uplift` tells: the contest, and a test that no learner has seen.

The rows are split once, arms and responders evenly. The contest (ml.uplift_selection)
and every fit see the training part alone; all figures of `Line` and `Value` are of the
test part. Pure: no Django, no clock but the CPU's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import numpy as np
from sklearn.model_selection import train_test_split

from ml import qini, uplift_selection, uplift_worth
from ml.outcome_models import Floats
from ml.trial_tables import TrialTable
from ml.uplift import Codes, TooFew, coded
from ml.uplift_scores import outcome_means, robust_scores
from ml.uplift_selection import LEARNERS, NOBODY, Choice

BUDGETS = (0.1, 0.2, 0.3, 0.5, 1.0)
"""Shares of the customers who may get an offer."""
PER = 1000
RANDOM = "random customers, best arm"

Tell = Callable[[str, str], None]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One learner on the test part.

    `qini` is scikit-uplift's coefficient (None with several arms); `robust` the doubly
    robust Qini, in outcomes per 1,000 customers, with its 95 % interval; `at_10` and
    `at_30` the effect among the best tenth and three tenths, per customer.
    """

    learner: str
    qini: float | None
    robust: float
    low: float
    high: float
    at_10: float
    at_30: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Value:
    """Incremental outcomes per 1,000 customers if a share of them gets the best arm."""

    learner: str
    budget: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One arm against control on all rows: the mean effect with its 95 % interval."""

    arm: str
    rows: int
    effect: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """Everything there is to print; `why` is in plain words."""

    rows: int
    test_rows: int
    base: float
    effects: tuple[Effect, ...]
    choice: Choice
    why: str
    lines: tuple[Line, ...]
    values: tuple[Value, ...]


def report(
    table: TrialTable,
    *,
    seed: int,
    test: float,
    budgets: Sequence[float] = BUDGETS,
    tell: Tell = lambda *_: None,
) -> Report:
    """Choose on the training part, and measure everybody on the test part."""
    arm = coded(table.treatment, table.control)[1]
    learn, rest = train_test_split(
        np.arange(len(arm)),
        test_size=test,
        # Else a part may have hardly a responder of some arm.
        stratify=uplift_selection.strata(table.y, arm),
        random_state=seed,
    )
    choice = uplift_selection.select(
        table.x[learn],
        table.y[learn],
        table.treatment[learn],
        control=table.control,
        categories=table.categories,
        seed=seed,
        tell=lambda name: tell("contest", name),
    )
    uplifts, seconds = _fitted(table, learn, rest, seed, tell)
    # Cross-fitted within the test part: the judge has learnt nothing from who competes.
    means = outcome_means(
        table.x[rest],
        table.y[rest],
        arm[rest],
        categories=table.categories,
        seed=seed,
    )
    scores = robust_scores(table.y[rest], arm[rest], means)
    sight = _Sight(y=table.y[rest], arm=arm[rest], scores=scores, seed=seed)
    effects = _effects(table, arm)
    return Report(
        rows=len(arm),
        test_rows=len(rest),
        base=float(table.y[arm == 0].mean()),
        effects=effects,
        choice=choice,
        why=_why(choice, effects),
        lines=tuple(_line(n, u, seconds[n], sight) for n, u in uplifts.items()),
        values=_values(uplifts, sight, budgets),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sight:
    """The test part: outcomes, arms, doubly robust scores [rows, arms]."""

    y: Floats
    arm: Codes
    scores: Floats
    seed: int


def _fitted(
    table: TrialTable, learn: Codes, rest: Codes, seed: int, tell: Tell
) -> tuple[dict[str, Floats], dict[str, float]]:
    """Return what each learner that can be fitted foretells for the test part."""
    uplifts, seconds = {}, {}
    for name, make in LEARNERS.items():
        tell("test", name)
        learner = make(control=table.control, categories=table.categories, seed=seed)
        started = process_time()
        try:
            learner.fit(table.x[learn], table.y[learn], table.treatment[learn])
        except TooFew:
            continue
        uplifts[name] = learner.predict(table.x[rest])
        seconds[name] = process_time() - started
    return uplifts, seconds


def _line(name: str, uplift: Floats, seconds: float, sight: _Sight) -> Line:
    parts = uplift_worth.worth(uplift, sight.scores)
    low, high = qini.interval(qini.bootstrap(parts, seed=sight.seed)[:, 0])
    one = uplift.shape[1] == 1
    treated = sight.arm > 0
    return Line(
        learner=name,
        qini=qini.qini(sight.y, uplift[:, 0], treated) if one else None,
        robust=PER * float(parts.mean()),
        low=PER * low,
        high=PER * high,
        at_10=_at(uplift, sight, 0.1),
        at_30=_at(uplift, sight, 0.3),
        seconds=seconds,
    )


def _at(uplift: Floats, sight: _Sight, share: float) -> float:
    # scikit-uplift's figure knows one arm; of several the scores tell.
    if uplift.shape[1] == 1:
        return qini.uplift_at(sight.y, uplift[:, 0], sight.arm > 0, share)
    return float(gains(uplift, sight.scores, share).mean() / share)


def gains(uplift: Floats, scores: Floats, share: float) -> Floats:
    """Return each row's part of what a policy gains: the best `share` get an arm.

    Who ties at the border shares the rest of the budget.
    """
    rows = np.arange(len(scores))
    best = uplift.max(axis=1)
    border = np.sort(best)[::-1][max(round(share * len(best)), 1) - 1]
    sure, tied = best > border, best == border
    left = (share * len(best) - sure.sum()) / tied.sum()
    given = sure + tied * np.clip(left, 0.0, 1.0)
    return np.asarray(given * scores[rows, uplift.argmax(axis=1)])


def _values(
    uplifts: dict[str, Floats], sight: _Sight, budgets: Sequence[float]
) -> tuple[Value, ...]:
    """Value every learner's policy, and the one that draws customers by lot."""
    # All tie, so each share is spread evenly; argmax takes the best arm.
    same = sight.scores.mean(axis=0) * np.ones((len(sight.scores), 1))
    found = []
    for name, uplift in [*uplifts.items(), (RANDOM, same)]:
        parts = np.column_stack([gains(uplift, sight.scores, b) for b in budgets])
        draws = PER * qini.bootstrap(parts, seed=sight.seed, draws=400)
        for spot, budget in enumerate(budgets):
            low, high = qini.interval(draws[:, spot])
            found.append(
                Value(
                    learner=name,
                    budget=budget,
                    value=PER * float(parts[:, spot].mean()),
                    low=low,
                    high=high,
                )
            )
    return tuple(found)


def _effects(table: TrialTable, arm: Codes) -> tuple[Effect, ...]:
    """Compare each arm's mean with control's; the interval is Welch's, normal."""
    control = table.y[arm == 0]
    found = []
    for code, name in enumerate(table.arms, start=1):
        mine = table.y[arm == code]
        effect = float(mine.mean() - control.mean())
        error = (mine.var() / len(mine) + control.var() / len(control)) ** 0.5
        found.append(
            Effect(
                arm=name,
                rows=len(mine),
                effect=effect,
                low=effect - 1.96 * float(error),
                high=effect + 1.96 * float(error),
            )
        )
    return tuple(found)


def _why(choice: Choice, effects: Sequence[Effect]) -> str:
    t = f"{choice.leader} would lead with a t of {choice.t:.1f}"
    if choice.name == NOBODY:
        return (
            f"No heterogeneity was found: {t}, and {choice.needed:.1f} is needed to be"
            f" told from noise. {_all_or_none(effects)}"
        )
    found = (
        f"Customers do differ in what the treatment changes: {choice.leader} has a t of"
        f" {choice.t:.1f}, and {choice.needed:.1f} tells it from noise."
    )
    favourite = uplift_selection.FAVOURITE
    if choice.name == favourite:
        return (
            f"{found} {favourite} is the favourite, and no other learner was better"
            f" by more than {uplift_selection.MARGIN} standard errors."
        )
    mine = next(one for one in choice.standings if one.name == choice.name)
    return (
        f"{found} {choice.name} beat the favourite ({favourite}) by"
        f" {mine.ahead / mine.ahead_error:.1f} standard errors, paired,"
        f" more than the {uplift_selection.MARGIN} asked."
    )


def _all_or_none(effects: Sequence[Effect]) -> str:
    best = max(effects, key=lambda one: one.effect)
    told = (
        f"{best.arm}: {best.effect:+.4g} a customer [{best.low:.4g}, {best.high:.4g}]"
    )
    if best.low > 0:
        return f"Treat all if the gain is worth its cost ({told})."
    if best.high < 0:
        return f"Treat nobody: it does harm ({told})."
    return f"Treat nobody: there is no effect that could be told from none ({told})."
