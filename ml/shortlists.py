"""Write everybody's shortlist by night: what answers fall back on. Worker only.

While no ranker is in charge, lists of the customer's own favourites stand in.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

import numpy as np
from django.db import connection, transaction

from analytics import identity
from analytics.models import EVERYBODY, Customer
from ml import favourites, lines, model_files, recommending, registry
from ml.diversity import best
from ml.models import RANKING, Shortlist, TrainedModel
from ml.purchases import History, Purchases
from ml.ranking import Stored
from ml.served import RankedShop

MOST = 30
"""Products in a night's list: enough for any placement after exclusions."""
Row = tuple[UUID, Stored, list[str]]
"""A shortlist: whose, the neighbours' products, the night's ranking."""
NOTHING = Stored(product=np.zeros(0, np.int32), near=np.zeros(0))


def shortlist(*, at: datetime) -> int:
    """Write every known customer's shortlist; return the rows. Safe to repeat.

    :raises registry.NoChampion: no ranker has been promoted.
    """
    row = registry.champion(RANKING)
    shop = RankedShop.of(model_files.load(row.checksum))
    return _replace(list(_rows(shop, at)), model=row, at=at)


def shortlist_favourites(*, at: datetime) -> int:
    """Write the lists that stand in while no ranker is in charge; return the rows."""
    history = recommending.merchandise(lines.arrays(lines.read(until=at)))
    return _replace(list(_favourites(history, at)), model=None, at=at)


def _replace(rows: list[Row], *, model: TrainedModel | None, at: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        # A second run waits here instead of failing on the first one's rows.
        cursor.execute("LOCK TABLE ml_shortlist IN SHARE ROW EXCLUSIVE MODE")
        Shortlist.objects.all().delete()
        copy_in = (
            "COPY ml_shortlist (customer, products, near, skus, model_id, computed_at)"
            " FROM STDIN"
        )
        with cursor.copy(copy_in) as copy:
            for customer, stored, skus in rows:
                near = [round(float(score), 5) for score in stored.near]
                key = model.pk if model else None
                copy.write_row((customer, stored.product.tolist(), near, skus, key, at))
    return len(rows)


def _favourites(history: History, at: datetime) -> Iterator[Row]:
    day, past = recommending.moment(history, at), history.purchases
    top = favourites.sellers(past, products=len(history.products), day=day)
    if not len(top):
        return
    yield EVERYBODY, NOTHING, [history.products[code] for code in top[:MOST]]
    keys = _people()
    for code, found in favourites.lists(past, top, day=day, most=MOST):
        if (name := history.customers[code]) in keys:
            yield keys[name], NOTHING, [history.products[one] for one in found]


def _rows(shop: RankedShop, at: datetime) -> Iterator[Row]:
    # Of a customer without orders recall is better by `liked` than by popularity
    # (decision 20).
    top = best(shop.model.shelf.liked, MOST)
    yield EVERYBODY, NOTHING, [shop.model.skus[code] for code in top]
    history = recommending.merchandise(lines.arrays(lines.read(until=at)))
    now = recommending.moment(history, at)
    past = shop.coded(history).before(now)
    keys = _people()
    order = np.argsort(past.customer, kind="stable")
    # Sorted once: each customer is a slice of it.
    bounds = np.searchsorted(
        past.customer[order], np.arange(len(history.customers) + 1)
    )
    for code, name in enumerate(history.customers):
        if name not in keys:
            continue
        mine = past.where(order[bounds[code] : bounds[code + 1]])
        stored, skus = shop.shortlisted(_alone(mine), now=now, most=MOST)
        yield keys[name], stored, skus


def _people() -> dict[str, UUID]:
    people = Customer.objects.filter(identity.personal(), person=None)
    return {str(key): key for key in people.values_list("key", flat=True)}


def _alone(mine: Purchases) -> Purchases:
    return mine.recoded(np.zeros(len(mine), np.int32))
