"""The basket protocols as tables, for whatever shop's data is given.

One row a ranker and cut-off, and one of the mean; each shared column is a mean over
the customers asked. Rankers only order the same candidates, so that a difference is
the order's. `apart` (by customer code) keeps the figures of those customers only; the
rankers learn from all. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import baskets, protocols, ranked, served
from ml.codes import moment_of
from ml.protocols import Trial
from ml.purchases import Numbers, Purchases
from ml.ranking import Ranker

LIST = 10
BEGINNERS = (1, 3, 5, 10)
"""Orders that are left of a customer's history in the cold-start table."""
TAUGHT = 2
"""Cut-offs that teach the cold-start table's rankers."""
BASELINES = ("popular", "personal frequency", "blend")
OURS = "ranker"
DIVERSE = "ranker, diverse"
"""Ours as it is served: with ml.diversity's step, at served.PRICE."""

Mask = NDArray[np.bool_]
Table = list[dict[str, Any]]
Judged = Sequence[tuple[Trial, Ranker]]


def scores(trial: Trial, ranker: Ranker) -> Mapping[str, Numbers]:
    """Return what each ranker orders the trial's candidates by."""
    column = {name: trial.x[:, spot] for spot, name in enumerate(baskets.FEATURES)}
    popular = column["popular"].astype(np.float64)
    return {
        "popular": popular,
        # Popularity parts candidates that were bought (about) equally often.
        "personal frequency": column["orders"] + 1e-3 * popular,
        "blend": column["blend"].astype(np.float64),
        OURS: ranker.scores(trial.x),
    }


def next_basket(
    judged: Judged,
    *,
    day: float,
    apart: Mask | None = None,
    others: Sequence[Mapping[str, Numbers]] = (),
) -> tuple[Table, Table]:
    """Return the figures, and paired gains: ours over baselines, others over ours.

    `judged` is what protocols.next_basket returned for `day`; `others` has, for each of
    its cut-offs, more rankers' scores of the candidates by name.
    """
    others = others or [{} for _ in judged]
    told = [
        _rankers(trial, ranker, apart, more)
        for (trial, ranker), more in zip(judged, others, strict=True)
    ]
    cuts = [
        moment_of(one).date().isoformat() for one in protocols.days(day, len(judged))
    ]
    rows: Table = []
    for name in told[0]:
        figures = [one[name][0] for one in told]
        mean = {
            key: float(np.mean([row[key] for row in figures])) for key in figures[0]
        }
        both = zip([*cuts, "mean"], [*figures, mean], strict=True)
        rows += [{"model": name, "cut": cut, **row} for cut, row in both]
    found = {name: [one[name][1] for one in told] for name in told[0]}
    versus = [(OURS, name) for name in BASELINES]
    versus += [(name, OURS) for name in found if name not in (*BASELINES, OURS)]
    gains = [
        {"gain": f"{one} − {other}", **_gain(found[one], found[other])}
        for one, other in versus
    ]
    return rows, gains


def last_basket(trial: Trial, ranker: Ranker, apart: Mask | None = None) -> Table:
    """Return the figures of what protocols.last_basket returned."""
    told = _rankers(trial, ranker, apart)
    return [{"model": name, **figures} for name, (figures, _) in told.items()]


def beginners(
    past: Purchases, *, day: float, **size: int
) -> dict[int, tuple[Trial, Ranker, Ranker]]:
    """Cut histories to their last few orders: trial, whole and short ranker of each.

    The newest cut-off is asked; the TAUGHT before it taught the one ranker with whole
    histories and the other with histories cut alike.
    """
    days = [day - protocols.HORIZON * back for back in range(1, TAUGHT + 2)]
    lessons = [protocols.cut(past, at, **size).lesson() for at in days[1:]]
    whole = protocols.fitted(lessons)
    told = {}
    for few in BEGINNERS:
        # The newest is asked; with it go lessons that are cut as it is.
        asked, *taught = (protocols.cut(past, at, last=few, **size) for at in days)
        short = protocols.fitted([one.lesson() for one in taught])
        told[few] = (asked, whole, short)
    return told


def cold_start(
    told: Mapping[int, tuple[Trial, Ranker, Ranker]], apart: Mask | None = None
) -> Table:
    """Return the figures of `beginners`, a row each number of orders and ranker."""
    rows: Table = []
    for few, (trial, whole, short) in told.items():
        kept = _kept(trial, apart)
        by = {**scores(trial, whole), f"{OURS}, of beginners": short.scores(trial.x)}
        for name, score in by.items():
            figures, _ = _judged(trial, score, kept)
            rows.append({"orders": few, "model": name, **figures})
    return rows


def _rankers(
    trial: Trial,
    ranker: Ranker,
    apart: Mask | None,
    others: Mapping[str, Numbers] = MappingProxyType({}),
) -> dict[str, tuple[dict[str, float], ranked.Quality]]:
    kept = _kept(trial, apart)
    by = scores(trial, ranker)
    diverse = {DIVERSE: _judged(trial, by[OURS], kept, price=served.PRICE)}
    told = {name: _judged(trial, score, kept) for name, score in by.items()}
    more = {name: _judged(trial, score, kept) for name, score in others.items()}
    return told | diverse | more


def _kept(trial: Trial, apart: Mask | None) -> Mask:
    if apart is None:
        return np.ones(len(trial.asked), bool)
    return np.asarray(apart[trial.asked], bool)


def _judged(
    trial: Trial, score: Numbers, kept: Mask, *, price: float = 0.0
) -> tuple[dict[str, float], ranked.Quality]:
    top = trial.top(score, most=LIST, price=price)
    hit, top = trial.hits(top)[kept], top[kept]
    wanted, asked = trial.wanted[kept], trial.asked[kept]
    quality = ranked.quality(hit, wanted)
    own = np.isin(ranked.keys(asked[:, None], top), _bought(trial))
    return {
        "R@10": float(quality.recall.mean()),
        "N@10": float(quality.ndcg.mean()),
        "N@10_all": float(quality.ndcg_all.mean()),
        "PHR": float(quality.hit.mean()),
        "repeat": ranked.share(hit, own, wanted),
        "explore": ranked.share(hit, ~own, wanted),
        "coverage": ranked.coverage(top, len(trial.shelf.products)),
        "distinct": ranked.distinct(top, trial.shelf.category),
        "asked": len(asked),
    }, quality


def _bought(trial: Trial) -> NDArray[np.int64]:
    """Name the candidates that the customer had bought, as ranked.keys."""
    own = trial.x[:, baskets.FEATURES.index("never")] == 0
    return ranked.keys(trial.rows.customer[own], trial.rows.product[own])


def _gain(
    ours: Sequence[ranked.Quality], theirs: Sequence[ranked.Quality]
) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, figure in (("R@10", "recall"), ("N@10", "ndcg")):
        a = [getattr(one, figure) for one in ours]
        b = [getattr(one, figure) for one in theirs]
        gain = asdict(ranked.gain(a, b))
        row |= {name: gain["value"], f"{name}_error": gain["error"]}
    return row
