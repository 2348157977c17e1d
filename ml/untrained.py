"""A champion for a log too young to train on: shrunk purchase rates (ml.rates).

It is a TrainedModel like any other, scored by the same tasks, and fitted anew with each
training until one has a winner. Where the log holds a horizon more than it takes to be
fitted, it is measured at one cut-off that it had not seen; else its figures stay empty,
and `log_days` in them says why. Worker only.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from time import process_time
from typing import Any

import numpy as np
from django.conf import settings
from django.db import transaction
from numpy.typing import NDArray

from analytics.wording import Wording
from ml import (
    effects,
    evaluation,
    features,
    lines,
    model_files,
    predictors,
    propensity,
    provenance,
    quality,
    rates,
    registry,
    splits,
)
from ml.artefacts import pack
from ml.codes import moment_of, recoded
from ml.context import Context
from ml.models import PROPENSITY, UNTRAINED, TrainedModel, TrainingRun
from ml.purchases import History, Purchases
from ml.splits import Split, TooLittleHistory

# Three weeks have an AUC of 0.76 on the Journey and 0.63 in simulated shops: little,
# but how offers work is learnt from offers alone (decision 29).
LEAST_DAYS = 14
LEAST_CUSTOMERS = 5
LEAST_ORDERS = 20
PARAMETERS = ("shape", "rate", "strength")
MOST = 20_000
"""Customers it is fitted to, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class Log:
    """What it is fitted to: lines coded by `categories`, up to the moment `day`."""

    past: Purchases
    categories: tuple[str, ...]
    customers: int
    day: float

    @property
    def days(self) -> int:
        """Calendar days from the first order until the last."""
        return int(np.floor(self.day) - np.floor(self.past.day.min())) + 1


def enter(
    *, run: TrainingRun, at: datetime, why: str, exclude: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Fit the rates to the log before `at`, and put them in charge; return a report.

    `why` says why nothing trained is in charge.

    :raises TooLittleHistory: the log is too small even for that; nothing is stored.
    """
    started = process_time()
    log = _log(lines.arrays(lines.read(until=at)), exclude)
    figures = measured(log)
    row = _model(log, figures, run=run, at=at, started=started)
    reason = Wording(
        "%(why)s Until a training has a winner, purchase rates are in charge.", why=why
    )
    with transaction.atomic():
        row.save()
        registry.promote(row, at=at, reason=reason)
    return {
        "winner": UNTRAINED,
        "reason": reason,
        "untrained": _said(log, figures),
        "categories": log.categories,
        "quality": [asdict(finding) for finding in _findings(log)],
    }


def _model(
    log: Log, figures: dict[str, Any], *, run: TrainingRun, at: datetime, started: float
) -> TrainedModel:
    """Fit to the whole log; the file is kept, the row not yet."""
    context, rows = _rows(log.past, log)
    arrays = fitted(rows)
    told = effects.explained(
        predictors.read(arrays), rows, categories=len(log.categories)
    )
    model = propensity.artefact(
        predictor=arrays,
        categories=log.categories,
        context=context,
        average=told.average,
    )
    file = pack(model)
    return TrainedModel(
        task=PROPENSITY,
        estimator=UNTRAINED,
        checksum=model_files.save(file),
        created_at=at,
        cutoff=moment_of(log.day),
        window_start=moment_of(log.past.day.min()),
        code=provenance.code(),
        parameters={name: float(arrays[name]) for name in PARAMETERS},
        features_version=features.FEATURES_VERSION,
        metrics={**figures, "log_days": log.days, "effects": told.effects},
        size_bytes=len(file),
        fit_seconds=process_time() - started,
        run=run,
    )


def fitted(rows: Split) -> dict[str, Any]:
    """Fit to rows of features.COLUMNS; labels are not looked at."""
    return rates.fit(
        rows.x,
        category=features.COLUMNS.index("category"),
        counted=[features.COLUMNS.index(name) for name in rates.READ],
        horizon=settings.HORIZON_DAYS,
    )


def measured(log: Log) -> dict[str, Any]:
    """Foretell the last closed horizon by what was known before it, of all buyers.

    `validation` is empty where too few days lie before.
    """
    horizon = settings.HORIZON_DAYS
    cut = np.floor(log.day) - horizon
    past = log.past.before(cut)
    if not len(past) or cut - np.floor(past.day.min()) < LEAST_DAYS:
        return {"validation": {}, "test": {}, "cuts": []}
    # The whole log: features stop at the cut-off by themselves, labels lie behind it.
    rows = _rows(log.past, log, cut=cut)[1]
    chance = predictors.read(fitted(rows)).probability(rows.x)
    told = evaluation.measure(rows.y, chance, group=rows.entity, category=rows.category)
    # The average chance in hindsight, for want of a baseline that has learnt.
    usual = np.full(len(rows.y), rows.y.mean())
    figures = told | {"base_log_loss": float(evaluation.losses(rows.y, usual).mean())}
    return {
        # There is one cut-off: it is both.
        "validation": figures,
        "test": figures,
        "cuts": [{"cut": moment_of(cut).isoformat(), **figures}],
        "calibration": evaluation.calibration(rows.y, chance),
    }


def _log(history: History, exclude: frozenset[str]) -> Log:
    """Take the log as it is, or of very many customers some.

    :raises TooLittleHistory: too few days, customers or orders.
    """
    past = history.purchases
    if not len(past):
        raise TooLittleHistory("The log holds no orders.")
    day = past.newest + 1e-5
    names = splits.most_bought(
        history, at=moment_of(day), exclude=exclude, most=splits.CATEGORIES
    )
    step = max(-(-len(history.customers) // MOST), 1)
    coded = recoded(past, categories=(history.categories, names))
    # Codes go by the customers' random keys: every n-th is a sample.
    some = coded.where(coded.customer % step == 0)
    log = Log(
        past=some.recoded(some.customer // step),
        categories=tuple(names),
        # Rounded up, as codes 0, step, 2 step … become 0, 1, 2 …
        customers=-(-len(history.customers) // step),
        day=day,
    )
    _check(log)
    return log


def _check(log: Log) -> None:
    past = log.past.before(log.day)
    first = moment_of(past.day.min()).date() if len(past) else None
    if first and log.days < LEAST_DAYS:
        enough = first + timedelta(days=LEAST_DAYS - 1)
        raise TooLittleHistory(
            Wording(
                "Scores need %(least_days)s days of orders; the log holds "
                "%(days)s. Orders until %(enough)s will do.",
                least_days=LEAST_DAYS,
                days=log.days,
                enough=enough,
            )
        )
    if not log.categories:
        raise TooLittleHistory(Wording("No order line names a category."))
    customers, orders = len(np.unique(past.customer)), len(np.unique(past.order))
    if customers < LEAST_CUSTOMERS or orders < LEAST_ORDERS:
        raise TooLittleHistory(
            Wording(
                "Scores need %(least_orders)s orders from %(least_customers)s "
                "customers; the log holds %(orders)s from %(customers)s.",
                least_orders=LEAST_ORDERS,
                least_customers=LEAST_CUSTOMERS,
                orders=orders,
                customers=customers,
            )
        )


def _rows(
    past: Purchases, log: Log, *, cut: float | None = None
) -> tuple[Context, Split]:
    """Build the rows of who has ordered; before a `cut` with what came after it."""
    day, count = cut or log.day, len(log.categories)
    context = features.context(past, day=day, categories=count)
    shape = {"customers": log.customers, "categories": count}
    built = features.build(past, day=day, context=context, **shape)
    y = features.labels(past, day=day, horizon=settings.HORIZON_DAYS, **shape)
    known: NDArray[np.bool_] = features.columns_of(built)["customer_orders_all"] > 0
    x = features.matrix(built, categories=count)
    return context, Split(x=x[known], y=y[known])


def _findings(log: Log) -> list[quality.Finding]:
    """Look at the data as a training does; here it is told, and stops nothing."""
    since = max(float(log.past.day.min()), log.day - rates.DAYS)
    return quality.of_lines(log.past, since=since, until=log.day)


def _said(log: Log, figures: dict[str, Any]) -> str:
    told = Wording(
        "Everybody is scored by purchase rates; the log is %(days)s days old.",
        days=log.days,
    )
    known = figures["validation"]
    if not known:
        return Wording(
            "%(told)s How well they foretell has not been measured.", told=told
        )
    return Wording(
        "%(told)s At one cut-off they had a log-loss of %(known)s "
        "(%(known2)s by the average chance), AUC %(known3)s.",
        told=told,
        known=f"{known['log_loss']:.4f}",
        known2=f"{known['base_log_loss']:.4f}",
        known3=f"{known['auc']:.3f}",
    )
