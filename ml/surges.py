"""When is more said against something than was usual? A rule of daily counts. Pure.

Of a day's texts some are negative. The newest 1, 2, 3, 5 and 7 days are each tested:
is the share of negative texts above the usual one? The usual share is a beta
distribution: the days before, as if of so many texts as their own ups and downs allow;
so a window's negative texts are beta-binomial. Or, where so few texts are written that
a share says little: are there more negative texts than usual (negative binomial: VARIED
lets days differ), with a share that is unlikely as well (UNLIKELY)?
More texts of the usual share, as in a sale, hardly raise an alarm.

False alarms: two tests of five windows are made a day. Were they apart and their
p-values continuous, an unchanged series had NOMINAL alarms a year; they overlap and
counts are discrete, so simulated series of any volume and share, moving ones too, have
0.2 on average and under 0.5 at worst (demo.bench.opinions holds that).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]
Flags = NDArray[np.bool_]
Sums = Sequence[Days]

# Windows and exact chances, not a CUSUM: that needs thresholds by volume and share,
# which hold for shops like those that they were simulated on (decision 39).
WINDOWS = (1, 2, 3, 5, 7)
# Three times 0.95 a year, at which simulated series had 0.05 false alarms: they had
# 0.16 so, 0.34 at worst, and more surges were found (decision 39).
NOMINAL = 2.85
LEVEL = NOMINAL / (365 * 2 * len(WINDOWS))
GAP, PAST = 7, 180
"""Days before today that are not usual yet; days that say what is usual."""
STRENGTH = 250.0
VARIED = 8.0
"""The shape of a day's volume about the usual one: it varies by a third."""
UNLIKELY = 0.02
"""Of few texts. At 0.01, 94 % of the surges in 0.3 texts a day were found, 97 % so; of
sales with six times the texts, 4.5 % raise an alarm and not 0.5 %."""
KNOWN = 28
"""Days after which a volume is usual."""
PRIOR = 10.0
"""Texts that what is said of everything counts as, where nothing is known yet."""
FEWEST = 3
"""Negative texts of a window, at least."""
OVER = 0.05
"""An alarm is over once its newest week's p-value is above."""
LONGEST = 28
"""Days after which what goes on is the new usual."""


@dataclass(frozen=True)
class Alarm:
    """A surge: days by their number; `last` is None while it goes on.

    `texts`, `negative` and `expected` are of the window that raised it, from `since`.
    """

    day: int
    since: int
    texts: int
    negative: int
    expected: float
    p: float
    last: int | None = None


def watch(
    texts: Days | Sequence[int], negative: Days | Sequence[int], *, usual: float
) -> list[Alarm]:
    """Return the alarms of a series of days, in order.

    :param texts: a day's texts, `negative` of which are; [days].
    :param usual: the share that is negative of everything, between 0 and 1.
    """
    counts = np.asarray(texts, np.int64), np.asarray(negative, np.int64)
    return list(_alarms(*counts, usual))


def _alarms(texts: Days, negative: Days, usual: float) -> Iterator[Alarm]:
    quiet = np.ones(len(texts), bool)
    alarm: Alarm | None = None
    sums = [np.concatenate([[0], np.cumsum(one)]) for one in (texts, negative)]
    for day in range(len(texts)):
        # On a day without a negative text no window has more of them than the day
        # before.
        if alarm is None and not negative[day]:
            continue
        known = _usual(texts, negative, quiet, day, usual)
        if alarm is None:
            alarm = _raised(sums, day, known)
        elif _over(sums, day, known, alarm) or day - alarm.day >= LONGEST:
            yield Alarm(**{**vars(alarm), "last": day})
            alarm = None
        if alarm is not None:
            # A surge is no part of what is usual, or it would hide the next one.
            quiet[alarm.since : day + 1] = False
            if day - alarm.day + 1 >= LONGEST:  # the new usual
                quiet[alarm.since : day + 1] = True
    if alarm is not None:
        yield alarm


@dataclass(frozen=True)
class Usual:
    """The usual share, beta with `a` and `b`, and negative texts a day, if known."""

    a: float
    b: float
    a_day: float | None

    @property
    def share(self) -> float:
        return self.a / (self.a + self.b)


def _usual(texts: Days, negative: Days, quiet: Flags, day: int, usual: float) -> Usual:
    """Return what was usual in the days before."""
    span = slice(max(0, day - GAP - PAST), max(0, day - GAP + 1))
    kept = quiet[span]
    n, x = float(texts[span] @ kept), float(negative[span] @ kept)
    share = (x + PRIOR * usual) / (n + PRIOR)
    strength = min(n + PRIOR, _steady(texts[span] * kept, negative[span] * kept, share))
    days = int(kept.sum())
    # One text more: a series that was silent is not sure to stay so.
    a_day = (n + 1.0) / days * share if days >= KNOWN else None
    return Usual(strength * share, strength * (1 - share), a_day)


def _steady(texts: Days, negative: Days, share: float) -> float:
    """Return the texts that a usual share counts as: the fewer, the more it moves.

    By moments: days' squares over what a binomial has, with its error added; STRENGTH
    where they do not say otherwise.
    """
    days, n = int(np.count_nonzero(texts)), float(texts.sum())
    # One text a day is negative or not, whatever moves: it shows no ups and downs.
    if days < KNOWN or n < 2 * days:
        return STRENGTH
    apart = negative - texts * share
    moved = float(apart @ apart) / (n * share * (1 - share)) - 1.0
    error = sqrt(2.0 / days)
    strength = (float(texts @ texts) / n - 1.0) / max(moved + error, error / 2)
    return strength if moved > 2 * error else max(strength, STRENGTH)


def _raised(sums: Sums, day: int, known: Usual) -> Alarm | None:
    best: Alarm | None = None
    for window in WINDOWS:
        first = max(0, day + 1 - window)
        n, x = (int(one[day + 1] - one[first]) for one in sums)
        if x < FEWEST:
            continue
        # More negative texts count only where their share is odd too: else a sale,
        # which brings more of all texts, would raise an alarm.
        p = tail(n, x, known.a, known.b)
        if p <= UNLIKELY and known.a_day is not None:
            p = min(p, many(x, known.a_day * window))
        if p <= LEVEL and (best is None or p < best.p):
            best = Alarm(day, first, n, x, n * known.share, p)
    return best


def _over(sums: Sums, day: int, known: Usual, alarm: Alarm) -> bool:
    """Whether the newest days, none from before the alarm, are as usual."""
    if day < alarm.day + 2:
        return False
    first = max(alarm.since, day + 1 - max(WINDOWS))
    n, x = (int(one[day + 1] - one[first]) for one in sums)
    return tail(n, x, known.a, known.b) > OVER


def many(x: int, mean: float) -> float:
    """Return the chance of x or more, negative binomial of this mean and VARIED."""
    if x <= mean:
        return 1.0
    share, below = mean / (mean + VARIED), 0.0
    term = exp(VARIED * log(1 - share))
    for k in range(x):
        below += term
        term *= (k + VARIED) / (k + 1) * share
    # What is left of one has no digits below 1e-12; LEVEL is far above.
    return max(0.0, 1.0 - below)


def tail(n: int, x: int, a: float, b: float) -> float:
    """Return the chance of x or more of n, beta-binomial with a and b."""
    share = a / (a + b)
    spread = sqrt(n * share * (1 - share) * (a + b + n) / (a + b + 1))
    if x <= n * share + spread:
        return 1.0  # more than LEVEL and OVER: the exact value is of no interest
    fixed = lgamma(n + 1) + lgamma(a + b) - lgamma(a) - lgamma(b) - lgamma(a + b + n)
    total = 0.0
    for k in range(x, n + 1):
        term = exp(
            fixed
            - lgamma(k + 1)
            - lgamma(n - k + 1)
            + lgamma(k + a)
            + lgamma(n - k + b)
        )
        total += term
        if term < 1e-12 * total:
            break
    return min(1.0, total)
