"""Write what every customer is expected to do in every category.

The table is replaced whole in one transaction, so readers see one model's scores or
another's, never a mixture; running it twice changes nothing. One live customer is
scored by ml.live, with the same ml.propensity.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID

import numpy as np
import polars as pl
from django.db import connection, transaction
from numpy.typing import NDArray

from analytics import identity, store
from analytics.models import Customer
from ml import features, lines, model_files, registry, splits, watch
from ml.codes import day_of, recoded
from ml.context import Context
from ml.models import PROPENSITY, Scoring
from ml.propensity import PropensityModel
from ml.purchases import History, Numbers, Purchases
from ml.wordings import SAID

CHUNK = 5000
"""Customers scored at a time: 100 categories then take 80 MB."""
WATCHED = 100_000
"""Rows that drift is measured on, about."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A chunk: its scores, and some regulars' features and chances, to be watched."""

    scores: pl.DataFrame
    rows: NDArray[np.float32]
    chance: Numbers


def score(*, at: datetime) -> int:
    """Score all known customers as of `at` with the champion; return the rows written.

    A log that ends earlier is scored as of its last order: a shop that has gone quiet
    as a whole says nothing about each customer.

    A champion that cannot be read is stood in for (registry.chain).

    :raises registry.NoChampion: no model has been promoted.
    :raises model_files.UNREADABLE: no model is usable; the scores of before stay.
    """
    model, known = registry.first_of(PROPENSITY, _read)
    # Before the orders are read: what comes in between may be counted, and still passes
    # for news, rather than be neither.
    position = store.high_water()
    frame = lines.read(until=at)
    last = lines.last(frame)
    # A second after it, so that the last order itself is known.
    moment = min(at, last + timedelta(seconds=1)) if last else at
    people = Customer.objects.filter(identity.personal(), person=None)
    keys = list(people.order_by("key").values_list("key", flat=True))
    if not keys:
        return 0
    history = lines.arrays(frame)
    # Else frame and arrays are both held to the end.
    del frame
    # The night's context, not the model's own: prices and rates of today.
    context, past = _world(history, known, keys, day=day_of(moment))
    scored = [
        _scored(known, part.past, day_of(moment), keys[part.start : part.stop], context)
        for part in features.chunks(past, customers=len(keys), size=CHUNK)
    ]
    rows = pl.concat([one.scores for one in scored])
    seen = watch.of(
        model,
        history,
        np.concatenate([one.rows for one in scored]),
        np.concatenate([one.chance for one in scored]),
        regulars=sum(len(one.chance) for one in scored) // len(known.categories),
    )
    scored_at = Scoring(at=moment, position=position, watch=seen)
    _replace(rows.with_columns(model=pl.lit(str(model.id))), scored_at)
    return len(rows)


def _read(checksum: str) -> PropensityModel:
    return PropensityModel.of(model_files.load(checksum))


def _world(
    history: History, known: PropensityModel, keys: Sequence[UUID], *, day: float
) -> tuple[Context, Purchases]:
    """Measure the context over everybody, and code the lines of `keys`."""
    categories = (history.categories, known.categories)
    everybody = recoded(history.purchases, categories=categories)
    context = features.context(everybody, day=day, categories=len(known.categories))
    names = (history.customers, [str(key) for key in keys])
    past = recoded(history.purchases, customers=names, categories=categories)
    return context, past


def _scored(
    known: PropensityModel,
    past: Purchases,
    day: float,
    customers: Sequence[UUID],
    context: Context,
) -> Scored:
    """Score customers × categories: customer, category, probability, spend, raised."""
    rows = known.built(past, day=day, customers=len(customers), context=context)
    expected = known.expected(rows, context=context)
    keys = pl.DataFrame({"customer": [str(key) for key in customers]})
    grid = keys.join(pl.DataFrame({"category": known.categories}), how="cross")
    chance = expected.probability.ravel()
    some = _watched(past, day, len(customers), len(known.categories))
    raised = _written(known.sayable(rows, expected.probability))
    return Scored(
        scores=grid.with_columns(
            probability=pl.Series(chance),
            spend=pl.Series(expected.spend.ravel()),
            raised=pl.Series(raised),
        ),
        rows=rows[some],
        chance=chance[some],
    )


def _written(facts: NDArray[np.int64]) -> NDArray[np.str_]:
    """Write rows of two numbers of SAID, -1 for none, as PostgreSQL's arrays."""
    # Every possible pair is written once: each of the rows is a look-up then.
    names = ["", *(fact.feature for fact in SAID)]
    pairs = np.array(
        [[f"{{{','.join(filter(None, pair))}}}" for pair in product(names, names)]]
    ).reshape(len(names), len(names))
    return np.asarray(pairs[facts[:, 0] + 1, facts[:, 1] + 1])


def _watched(
    past: Purchases, day: float, customers: int, categories: int
) -> NDArray[np.int64]:
    """Choose rows of regulars, evenly spread: all categories of every n-th of them."""
    regulars = splits.regulars(past, day=day, customers=customers).astype(np.int64)
    step = max(math.ceil(len(regulars) * categories / WATCHED), 1)
    return (regulars[::step, None] * categories + np.arange(categories)).ravel()


def _replace(rows: pl.DataFrame, scoring: Scoring) -> None:
    """COPY takes 2 s for 250,000 rows, INSERTs 20."""
    block = io.BytesIO()
    rows.write_csv(block, include_header=False)
    with transaction.atomic(), connection.cursor() as cursor:
        # A second run waits here instead of failing on the first one's rows.
        cursor.execute("LOCK TABLE ml_score IN SHARE ROW EXCLUSIVE MODE")
        # Not TRUNCATE, which would lock readers out: they see the old rows until the
        # end.
        cursor.execute("DELETE FROM ml_score")
        Scoring.objects.all().delete()
        scoring.save()
        copy_in = (
            "COPY ml_score (customer, category, probability, spend, raised, model_id)"
            " FROM STDIN (FORMAT csv)"
        )
        with cursor.copy(copy_in) as copy:
            copy.write(block.getvalue())
