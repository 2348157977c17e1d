"""Train the ranker of products, by night. Worker only.

The ranker is judged at three rolling cut-offs (ml.protocols) against the customer's own
most frequent products, and takes charge only if it beats them (evaluation.beats' rule
of two standard errors on the paired mean, no cut-off worse). What serves afterwards is
fitted on the newest cut-offs, whose labels are closed.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from time import process_time
from typing import Any

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from analytics.wording import Wording
from catalog.models import Product
from ml import (
    enough,
    lines,
    model_files,
    protocols,
    provenance,
    ranked,
    rankers,
    registry,
    shelves,
    splits,
    together,
)
from ml.artefacts import pack
from ml.baskets import FEATURES
from ml.codes import day_of, moment_of
from ml.content import Content
from ml.models import RANKING, TrainedModel, TrainingRun
from ml.protocols import Lesson, Trial
from ml.purchases import History
from ml.ranked import Quality
from ml.ranking import Ranker, RankingModel
from ml.served import RankedShop

FEATURES_VERSION = 1


class TooFewOrders(Exception):
    """The log cannot carry a ranking yet; the message says what is missing."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """How the ranker did, and the rows that the one in service learns from."""

    lessons: list[Lesson]
    since: float
    metrics: dict[str, Any]
    won: bool
    reason: str


def train(*, run: TrainingRun, at: datetime) -> TrainedModel:
    """Fit, measure and store the ranker; promote it if it beats the own favourites.

    :raises TooFewOrders: nothing is stored.
    """
    # Reading and judging included: what a night pays for the ranker.
    started = process_time()
    history = merchandise(lines.arrays(lines.read(until=at)))
    judged = _judged(history)
    model = _fitted(history, judged, moment(history, at))
    coded = shelves.recoded(
        history.purchases.before(model.day), model.shelf.products, len(history.products)
    )
    shop = RankedShop(
        model=model,
        categories=tuple(history.categories),
        together=together.fit(coded, products=len(model.skus)),
        content=_content(model.skus),
    )
    packed = pack(shop.artefact())
    row = TrainedModel(
        task=RANKING,
        estimator="logistic ranker",
        checksum=model_files.save(packed),
        created_at=at,
        cutoff=moment_of(float(history.purchases.day.max())),
        window_start=moment_of(judged.since),
        parameters={"C": rankers.STRENGTH},
        code=provenance.code(),
        features_version=FEATURES_VERSION,
        metrics={**judged.metrics, "effects": _effects(model.ranker)},
        size_bytes=len(packed),
        fit_seconds=process_time() - started,
        run=run,
    )
    with transaction.atomic():
        row.save()
        if judged.won:
            registry.promote(row, at=at, reason=judged.reason)
    return row


def _effects(ranker: Ranker) -> list[dict[str, Any]]:
    """Lay the weights out, each for one standard deviation, strongest first."""
    weights = zip(FEATURES, ranker.weight.tolist(), strict=True)
    return [
        {
            "feature": name,
            "strength": round(abs(weight), 5),
            "direction": "raises" if weight > 0 else "lowers",
        }
        for name, weight in sorted(weights, key=lambda one: -abs(one[1]))
        if weight
    ]


def moment(history: History, at: datetime) -> float:
    """Return `at`, or just after the last event: a quiet shop has best sellers too."""
    past = history.purchases
    return min(day_of(at), past.newest + 1e-5) if len(past) else day_of(at)


def _judged(history: History) -> Judged:
    past = history.purchases
    # Seven cut-offs (protocols.ROLLING) and a horizon of history before the first.
    if not len(past) or past.day.max() - past.day.min() < 8 * protocols.HORIZON:
        raise TooFewOrders("Ranking needs 224 days of orders.")
    day = float(past.day.max()) + 1e-6
    try:
        enough.insist(past, "Ranking", protocols.days(day, protocols.ROLLING))
    except splits.TooLittleHistory as reason:
        raise TooFewOrders(str(reason)) from reason
    trials = protocols.next_basket(
        past,
        day=day,
        customers=len(history.customers),
        products=len(history.products),
    )
    mine, own, lessons = [], [], []
    # One after the other, since each takes 200 MB.
    for trial, ranker in trials:
        mine.append(trial.quality(trial.top(ranker.scores(trial.x))))
        # Of the same candidates, so that the order alone is compared.
        own.append(trial.quality(trial.top(_own(trial))))
        lessons.append(trial.lesson())
    since = protocols.days(day, protocols.CUTS)[0]
    return Judged(lessons=lessons, since=since, **_verdict(mine, own))


def _verdict(mine: list[Quality], own: list[Quality]) -> dict[str, Any]:
    """Two standard errors on the paired mean, and no cut-off worse by two."""
    recalls = [one.recall for one in mine], [one.recall for one in own]
    gain = ranked.gain(*recalls)
    each = [ranked.gain([a], [b]) for a, b in zip(*recalls, strict=True)]
    cuts = [
        {**_told(a), "own": _told(b), "customers": len(a.recall)}
        for a, b in zip(mine, own, strict=True)
    ]
    figures = {
        name: float(np.mean([cut[name] for cut in cuts]))
        for name in ("recall", "ndcg", "phr")
    }
    usual = float(np.mean([one.recall.mean() for one in own]))
    return {
        "metrics": {"validation": {**figures, "own_recall": usual}, "cuts": cuts},
        "won": gain.value > 2 * gain.error
        and all(one.value > -2 * one.error for one in each),
        "reason": Wording(
            "Recall@10 %(value)s ± %(error)s against own favourites.",
            value=f"{gain.value:+.4f}",
            error=f"{gain.error:.4f}",
        ),
    }


def _own(trial: Trial) -> NDArray[Any]:
    """Rank by how often the customer bought the product; best sellers break ties."""
    orders = trial.x[:, FEATURES.index("orders")].astype(np.float64)
    return orders + 1e-6 * trial.x[:, FEATURES.index("popular")]


def _told(quality: Quality) -> dict[str, float]:
    return {
        "recall": float(quality.recall.mean()),
        "ndcg": float(quality.ndcg.mean()),
        "phr": float(quality.hit.mean()),
    }


def _fitted(history: History, judged: Judged, day: float) -> RankingModel:
    ranker = protocols.fitted(judged.lessons)
    shelf = shelves.shelf(
        history.purchases.before(day),
        customers=len(history.customers),
        products=len(history.products),
        day=day,
    )
    skus = [history.products[code] for code in shelf.products]
    return RankingModel(skus=skus, day=day, shelf=shelf, ranker=ranker)


def _content(skus: list[str]) -> Content:
    told = Product.objects.filter(sku__in=skus).values_list("sku", "name", "size")
    listed = {sku: (name, size) for sku, name, size in told}
    # Sold once, and gone from the catalogue since: no name, and like nothing.
    known = [listed.get(sku, ("", "")) for sku in skus]
    return Content.of([name for name, _ in known], [size for _, size in known])


def merchandise(history: History) -> History:
    """Leave out what must not be promoted: fuel, stamps, tobacco come by themselves."""
    barred = set(Product.objects.filter(promotable=False).values_list("sku", flat=True))
    kept = np.array([sku not in barred for sku in history.products], bool)
    past = history.purchases
    return replace(history, purchases=past.where(kept[past.product]))
