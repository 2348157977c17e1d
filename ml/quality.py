"""Is the data fit to learn from? Measured before each training, which stops if not.

Each gate measures one number against a bound and says in words what that means. A hard
finding that fails stops the training (`insist`); a soft one is only told. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.wording import Wording
from ml.purchases import Purchases

WINDOW = 28
LONGEST_GAP = 7.0
"""Days without an order; the shop of The Complete Journey has one of one day."""
LEAST_VOLUME = 0.2
MOST_DUPLICATES = 0.02
LARGEST_LINE = 0.05
MOST_NEGATIVE = 0.01
MOST_FOREIGN = 0.02
TELLING_AUC = 0.98
"""One honest feature alone reaches 0.824 there."""
ROWS = 50_000

Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One gate: what was measured, what it may be, and what that means."""

    name: str
    value: float
    bound: float
    ok: bool
    hard: bool
    reason: str


class BadData(Exception):
    """A hard gate failed; the message names every reason."""


def insist(findings: Iterable[Finding]) -> None:
    """Let the training go on.

    :raises BadData: a hard gate failed.
    """
    failed = [one.reason for one in findings if one.hard and not one.ok]
    if failed:
        raise BadData(" ".join(failed))


def of_lines(past: Purchases, *, since: float, until: float) -> list[Finding]:
    """Check the order lines between two days, on which training builds."""
    inside = past.where(past.bought(since, until))
    if not len(inside):
        reason = Wording("There are no orders in the days to learn from.")
        return [_least("volume", 0, LEAST_VOLUME, reason)]
    return [
        _volume(inside, until),
        _gap(inside, since, until),
        _duplicates(inside),
        _largest(inside),
        _negative(inside),
    ]


def of_currencies(orders: Mapping[str, int]) -> Finding:
    """Check that amounts can be added up; `orders` counts them by currency."""
    main = max(orders, key=lambda name: orders[name], default="")
    other = 1 - orders.get(main, 0) / max(sum(orders.values()), 1)
    return Finding(
        name="currency",
        value=other,
        bound=MOST_FOREIGN,
        ok=not orders or other <= MOST_FOREIGN,
        hard=False,
        reason=Wording(
            "%(other)s of the orders are not in %(main)s: what customers "
            "spend is added up as if they were.",
            other=f"{other:.1%}",
            main=main,
        ),
    )


def of_labels(*, day: float, horizon: float, known_until: float) -> Finding:
    """Check that the labels of the newest cut-off are closed."""
    still = max(day + horizon - known_until, 0.0)
    reason = Wording(
        "The newest labels stay open for %(still)s days more.", still=f"{still:.1f}"
    )
    return most("closed labels", still, 0.0, reason)


def of_rows(x: Rows, y: NDArray[Any], columns: Sequence[str]) -> list[Finding]:
    """Check what the learners get: finite numbers, and no label among them.

    `columns` names those of `x`; "entity" and "category" are no features.
    """
    broken = float(np.mean(~np.isfinite(x)))
    # Every n-th row, as each column is sorted for this.
    step = max(len(y) // ROWS, 1)
    some, sample = np.nan_to_num(x[::step]), y[::step]
    told = {
        name: _told(some[:, spot], sample)
        for spot, name in enumerate(columns)
        if name not in ("entity", "category")
    }
    worst = max(told, key=lambda name: told[name])
    finite = Wording(
        "%(broken)s of the features' values are not finite.", broken=f"{broken:.2%}"
    )
    leak = Wording(
        "%(worst)s alone tells the label (AUC %(told)s): it must have leaked.",
        worst=worst,
        told=f"{told[worst]:.3f}",
    )
    return [
        most("finite", broken, 0.0, finite),
        most("leakage", told[worst], TELLING_AUC, leak),
    ]


def _told(values: Rows, y: NDArray[Any]) -> float:
    """Return the AUC of one column, whichever way it points; ties count half."""
    positives = int((y == 1).sum())
    if not 0 < positives < len(y):
        return 0.5
    _, spot, counts = np.unique(values, return_inverse=True, return_counts=True)
    # Mann and Whitney's U by mean ranks of ties.
    rank = (np.cumsum(counts) - (counts - 1) / 2)[spot]
    area = rank[y == 1].sum() - positives * (positives + 1) / 2
    share = float(area / positives / (len(y) - positives))
    return max(share, 1 - share)


def _volume(past: Purchases, until: float) -> Finding:
    """Compare the newest window's orders with the median of those before it."""
    day = past.day[np.unique(past.order, return_index=True)[1]]
    windows = np.bincount(((until - day) // WINDOW).astype(np.int64))
    # The oldest window is cut off by the start, and says nothing.
    usual = float(np.median(windows[1:-1])) if len(windows) > 2 else float(windows[-1])
    share = float(windows[0] / max(usual, 1.0))
    reason = Wording(
        "The last %(window)s days hold %(share)s of the usual number of orders.",
        window=WINDOW,
        share=f"{share:.0%}",
    )
    return _least("volume", share, LEAST_VOLUME, reason)


def _gap(past: Purchases, since: float, until: float) -> Finding:
    days = np.unique(np.floor(past.day))
    # The ends are days too: silence at either of them is a gap.
    gaps = np.diff(np.concatenate([[np.floor(since) - 1], days, [np.floor(until)]])) - 1
    longest = float(gaps.max())
    reason = Wording(
        "There are %(longest)s days on end without any order.", longest=f"{longest:.0f}"
    )
    return most("gaps", longest, LONGEST_GAP, reason)


def _duplicates(past: Purchases) -> Finding:
    """Find orders of one customer at one moment with the same goods and price."""
    _, first, spot = np.unique(past.order, return_index=True, return_inverse=True)
    # A fingerprint of the goods; + 1, or product 0 would not count.
    goods = np.bincount(spot, (past.product + 1.0) * past.quantity)
    paid = np.bincount(spot, past.paid)
    rows = np.column_stack([past.customer[first], past.day[first], goods, paid])
    share = 1 - len(np.unique(np.round(rows, 6), axis=0)) / len(rows)
    reason = Wording("%(share)s of the orders are there twice.", share=f"{share:.1%}")
    return most("duplicates", share, MOST_DUPLICATES, reason)


def _largest(past: Purchases) -> Finding:
    value = np.abs(past.shelf)
    share = float(value.max() / max(value.sum(), 1e-9))
    reason = Wording(
        "A single order line is %(share)s of all that was bought.", share=f"{share:.1%}"
    )
    return most("outliers", share, LARGEST_LINE, reason)


def _negative(past: Purchases) -> Finding:
    share = float(np.mean((past.paid < 0) | (past.quantity < 0)))
    reason = Wording(
        "%(share)s of the order lines have a negative price or quantity.",
        share=f"{share:.1%}",
    )
    return most("negative", share, MOST_NEGATIVE, reason)


def most(
    name: str, value: float, bound: float, reason: str, *, hard: bool = True
) -> Finding:
    return Finding(
        name=name, value=value, bound=bound, ok=value <= bound, hard=hard, reason=reason
    )


def _least(name: str, value: float, bound: float, reason: str) -> Finding:
    return Finding(
        name=name, value=value, bound=bound, ok=value >= bound, hard=True, reason=reason
    )
