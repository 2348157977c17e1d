"""What a rule would have earned in a strategy's place: drafts, overlap, reward model.

Rows are customers who were assigned and watched, actions the menu's variants and, at
place 0, nothing. A rule is a policy over them, [rows, actions]. Where the log has too
little of what a rule would do there is no number, and `why` says so. Pure NumPy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from analytics import off_policy
from analytics.off_policy import Draft, Estimate, Log

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
NOTHING = ""
OTHERS = "*"
FOLDS = 5
PENALTY = 10.0
"""The ridge's, on standardised columns: ten customers more who show no effect."""
COVERED = 0.95
"""At least so much of what a rule does must have been done in the same segment."""
LEAST, THIN = 30, 100
"""Below so many customers' worth nothing is told, and below so many with a warning."""
SWITCHES = (2.0, 5.0, 10.0, 20.0, 50.0, 100.0, float("inf"))


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """The log of a strategy's lots: `segment` is a place in `segments`, [rows].

    `model` foretells each action's reward, [rows, actions], from other rows than its
    own.
    """

    log: Log
    actions: Sequence[str]
    segment: Integers
    segments: Sequence[str]
    model: Floats

    def __len__(self) -> int:
        return len(self.segment)


@dataclass(frozen=True, kw_only=True)
class Ends:
    """A value for each assigned customer, and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Switched:
    """Switch-DR's value; no `ends` where the model answers for any of the rule's rows.

    Its error there is its bias, which nobody knows: intervals of the rest alone held
    the truth in 35 of 100 cases.
    """

    value: float
    ends: Ends | None


@dataclass(frozen=True, kw_only=True)
class Valued:
    """What a rule would have earned, by each estimator; empty where `why` says why not.

    `effective`: so many customers of the rule's own would tell as much. `covered` is
    the share of what it does that the log has in the same segment. `over_nothing` is dr
    less dr of offering nothing.
    """

    rule: str
    variant: str = ""
    estimates: Mapping[str, Ends] = field(default_factory=dict)
    switch_dr: Switched | None = None
    over_nothing: Ends | None = None
    effective: float
    covered: float
    why: str = ""
    thin: bool = False


def only(rows: Rows, action: int) -> Floats:
    """Return the rule by which everybody gets the same."""
    return chosen(rows, np.full(len(rows), action))


def chosen(rows: Rows, action: Integers) -> Floats:
    """Return the rule by which each gets one, [rows]."""
    policy = np.zeros((len(rows), len(rows.actions)))
    policy[np.arange(len(rows)), action] = 1.0
    return policy


def equal(rows: Rows) -> Floats:
    """Return the rule by which everybody draws a variant at equal odds."""
    policy = np.full((len(rows), len(rows.actions)), 1 / (len(rows.actions) - 1))
    policy[:, 0] = 0.0
    return policy


def by_segment(rows: Rows, odds: Mapping[str, Mapping[str, float]]) -> Floats:
    """Return the rule that draws by odds, segment -> variant -> share.

    What is left to 1 is nothing. A segment that is not named goes by `OTHERS`.
    """
    table = np.zeros((len(rows.segments), len(rows.actions)))
    for place, name in enumerate(rows.segments):
        mine = odds.get(name, odds.get(OTHERS, {}))
        table[place] = [mine.get(label, 0.0) for label in rows.actions]
    # Shares may sum to 1e-9 above 1 (hindsight_api.ROUNDING): then there is no rest,
    # and the row is brought back to 1.
    table[:, 0] = np.maximum(0.0, 1 - table[:, 1:].sum(axis=1))
    table /= table.sum(axis=1, keepdims=True)
    return np.asarray(table[rows.segment])


def valued(rows: Rows, policy: Floats, *, rule: str, variant: str = "") -> Valued:
    """Estimate what a rule would have earned for each assigned customer."""
    draft = Draft(log=rows.log, policy=policy, model=rows.model)
    covered, effective = _covered(rows, policy), draft.effective
    why = "no_overlap" if covered < COVERED or not effective else ""
    # What is not covered is said first: more customers of the same would not help.
    if not why and effective < LEAST:
        why = "too_few"
    told = {
        "rule": rule,
        "variant": variant,
        "effective": effective,
        "covered": covered,
        "why": why,
    }
    if why:
        return Valued(**told)  # type: ignore[arg-type]
    estimates = {
        "ips": off_policy.ips(draft),
        "snips": off_policy.snips(draft),
        "dr": off_policy.dr(draft),
    }
    return Valued(
        estimates={name: ends(one) for name, one in estimates.items()},
        switch_dr=_switched(draft),
        over_nothing=_over_nothing(rows, draft),
        thin=effective < THIN,
        **told,  # type: ignore[arg-type]
    )


def ends(one: Estimate) -> Ends:
    """Write an estimate with its interval."""
    return Ends(value=one.value, low=one.low, high=one.high)


def _switched(draft: Draft) -> Switched:
    # From which weight on the model is believed is chosen on the rows that are valued.
    most = off_policy.tuned(draft, off_policy.switched, SWITCHES)
    found = off_policy.switch_dr(draft, most=most)
    # Only where no row is left to the model is the error that of a sample.
    whole = bool((draft.weight <= most).all())
    return Switched(value=found.value, ends=ends(found) if whole else None)


def foretold(known: Floats, log: Log, actions: int) -> Floats:
    """Foretell each action's reward from `known`, [rows, columns]: cross-fitted ridge.

    Each row by fits on the other folds; an action that a fold has not seen by the mean.
    """
    # PENALTY counts standardised columns; one that is the same for all has no spread.
    spread = known.std(axis=0)
    x = (known - known.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    # By place: rows come in the order of time
    # (promotions.watched), so each fold spans it.
    fold, found = np.arange(len(x)) % FOLDS, np.zeros((len(x), actions))
    for out in range(FOLDS):
        others, mine = fold != out, fold == out
        for action in range(actions):
            rows = others & (log.action == action)
            if rows.any():
                found[mine, action] = _ridge(x[rows], log.reward[rows], x[mine])
            # Nobody else got it: all that is known of its reward
            # is the mean of the others.
            elif others.any():
                found[mine, action] = log.reward[others].mean()
    return found


def _ridge(x: Floats, y: Floats, new: Floats) -> Floats:
    middle, mean = x.mean(axis=0), y.mean()
    # Centred on the rows at hand: the mean itself is not shrunk, only what differs.
    gram = (x - middle).T @ (x - middle) + PENALTY * np.eye(x.shape[1])
    slope = np.linalg.solve(gram, (x - middle).T @ (y - mean))
    return np.asarray(mean + (new - middle) @ slope)


def _covered(rows: Rows, policy: Floats) -> float:
    """Return how much of what a rule does was ever done in the same segment."""
    seen = np.zeros((len(rows.segments), len(rows.actions)), bool)
    seen[rows.segment, rows.log.action] = True
    return float((policy * seen[rows.segment]).sum(axis=1).mean())


def _over_nothing(rows: Rows, draft: Draft) -> Ends | None:
    policy = only(rows, 0)
    nothing = Draft(log=rows.log, policy=policy, model=rows.model)
    if _covered(rows, policy) < COVERED or nothing.effective < LEAST:
        return None
    return ends(off_policy.gained(draft, nothing))
