"""The two propensity protocols as tables, for whatever shop's data is given.

P1: customer × category, bought within the horizon, at rolling cut-offs. P2: customer ×
campaign, a coupon used, learnt from campaigns that had ended when the first tested one
began. `untouched` keeps a fixed fifth of the customers apart for a last look. Pure but
for the CPU clock.
"""

from collections.abc import Callable, Mapping, Sequence
from time import process_time
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ml import contest, estimators, evaluation, redemption
from ml.contest import Entrant
from ml.purchases import Purchases
from ml.redemption import Campaign
from ml.splits import Split, Splits

TESTED = 4
"""The newest ended campaigns are tested, the earlier ones teach."""

Mask = NDArray[np.bool_]
Table = list[dict[str, Any]]


def untouched(names: Sequence[str]) -> Mask:
    """Say which customers are kept for the last look: crc32 mod 5 is 0."""
    # By the id itself: the same fifth on every machine, whoever else comes.
    return np.array([crc32(name.encode()) % 5 == 0 for name in names], bool)


def propensity(
    parts: Splits, *, seed: int, seconds: float, apart: Mask | None = None
) -> Table:
    """Run P1: one row a model and cut-off, and one of the mean; see `tabled`."""
    return tabled(entrants(parts, seed=seed, seconds=seconds), parts, apart=apart)


def entrants(parts: Splits, *, seed: int, seconds: float) -> dict[str, Entrant]:
    """Send baselines and candidates through P1; `seconds` (CPU) search each one."""
    told = {
        name: contest.measured(candidate, parts, seed=seed)
        for name, candidate in estimators.BASELINES.items()
    }
    return told | {
        name: contest.entered(candidate, parts, seed=seed, seconds=seconds)
        for name, candidate in estimators.CANDIDATES.items()
    }


def tabled(
    entered: Mapping[str, Entrant], parts: Splits, *, apart: Mask | None = None
) -> Table:
    """Lay the entrants' figures out, a row a cut-off and one of the mean.

    Columns model, cut, evaluation.measure's, fit_seconds (CPU, one fit), score_seconds
    (CPU, 225,000 pairs), bytes (in service). With `apart` (by customer code), learners
    were fitted on all and figures are of those only.
    """
    table: Table = []
    for name, entrant in entered.items():
        table += _rows(name, entrant, parts, apart)
    return table


def _rows(name: str, entrant: Entrant, parts: Splits, apart: Mask | None) -> Table:
    known = {
        "fit_seconds": entrant.seconds,
        "score_seconds": entrant.score_seconds,
        "bytes": _bytes(entrant),
    }
    rows: Table = []
    moments = parts.plan.rolling[1:]
    for moment, cut in zip(moments, entrant.cuts, strict=True):
        kept = _of(cut.part, apart)
        part = Split(x=cut.part.x[kept], y=cut.part.y[kept])
        figures = evaluation.measure(
            part.y, cut.chance[kept], group=part.entity, category=part.category
        )
        rows.append({"model": name, "cut": moment.date().isoformat(), **figures})
    numbers = [key for key in rows[0] if key not in ("model", "cut")]
    mean = {key: float(np.mean([row[key] for row in rows])) for key in numbers}
    rows.append({"model": name, "cut": "mean", **mean})
    return [{**row, **known} for row in rows]


def _of(part: Split, apart: Mask | None) -> Mask:
    if apart is None:
        return np.ones(len(part.y), bool)
    return np.asarray(apart[part.entity.astype(np.int64)], bool)


def _bytes(entrant: Entrant) -> int:
    return sum(np.asarray(one).nbytes for one in entrant.arrays.values())


def coupons(
    past: Purchases,
    campaigns: Sequence[Campaign],
    *,
    customers: int,
    known_until: float,
    apart: Mask | None = None,
) -> Table:
    """Run P2: the base rate, the past rate alone and the model; one row each.

    Columns model, rows, auc, log_loss, log_loss_error, ece (ten bins), lift (of the
    first tenth), fit_seconds. `known_until` closes the labels. Empty without TESTED
    ended campaigns and earlier ones that had ended by then. With `apart` (by customer
    code), the model is fitted on all and figures are of those only.
    """
    teaching, tested = parted(campaigns, since=past.day.min(), until=known_until)
    if not teaching or not tested:
        return []
    # All campaigns are passed: each row sees what lies before its own start.
    x, y, _ = _stacked(past, campaigns, teaching, customers)
    new, happened, who = _stacked(past, campaigns, tested, customers)
    kept = np.ones(len(who), bool) if apart is None else apart[who]
    spot = list(redemption.FEATURES).index("own_rate")
    started = process_time()
    model = estimators.redeeming(seed=0).fit(x, y)
    seconds = process_time() - started
    told: Mapping[str, Callable[[], NDArray[np.float64]]] = {
        "base_rate": lambda: np.full(len(new), y.mean()),
        "past_rate": lambda: new[:, spot].astype(np.float64),
        "logistic": lambda: model.predict_proba(new)[:, 1],
    }
    return [
        {
            "model": name,
            **_figures(happened[kept], chance()[kept], who[kept]),
            "fit_seconds": seconds if name == "logistic" else 0.0,
        }
        for name, chance in told.items()
    ]


def parted(
    campaigns: Sequence[Campaign], *, since: float, until: float
) -> tuple[list[Campaign], list[Campaign]]:
    """Part the ended campaigns into those that teach and the newest that are tested."""
    closed = [one for one in campaigns if one.end <= until and len(one.received)]
    # Of a campaign at the log's beginning nothing is known yet.
    ended = sorted(
        (one for one in closed if one.start >= since + 28), key=lambda one: one.start
    )
    tested = ended[-TESTED:]
    first = min((one.start for one in tested), default=since)
    return [one for one in ended if one.end < first], tested


def _stacked(
    past: Purchases,
    campaigns: Sequence[Campaign],
    chosen: Sequence[Campaign],
    customers: int,
) -> tuple[NDArray[np.float32], NDArray[np.int8], NDArray[np.int32]]:
    built = [
        redemption.build(past, campaigns, one, customers=customers) for one in chosen
    ]
    return (
        np.concatenate(built),
        np.concatenate([redemption.labels(one) for one in chosen]),
        np.concatenate([one.received for one in chosen]),
    )


def _figures(
    y: NDArray[np.int8], chance: NDArray[np.float64], who: NDArray[np.int32]
) -> dict[str, float]:
    loss = evaluation.clustered(evaluation.losses(y, chance), who)
    return {
        "rows": len(y),
        "base_rate": float(y.mean()),
        "auc": evaluation.auc(y, chance),
        "log_loss": loss.value,
        "log_loss_error": loss.error,
        "ece": evaluation.ece(evaluation.calibration(y, chance, bins=10)),
        "lift": evaluation.lift(y, chance),
    }
