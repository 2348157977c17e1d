"""Are listings of use for what is new: ten new products for each who then bought one.

**New** products were first sold in the 56 days before a cut-off and hidden until it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demo.bench import table
from demo.bench.table import Row
from ml import listings, sentences, tastes
from ml.listings import Listing
from ml.neighbours import decayed
from ml.purchases import Purchases, pairs

HORIZON, HIDDEN, CUTS = 28, 56, (84, 56, 28)
PERSONS = 500
"""At each cut-off, drawn by lot."""


def cold(past: Purchases, listed: Sequence[Listing], customers: int) -> Iterator[Row]:
    """Judge ten new products for each who bought one in the four weeks after."""
    texts = [listings.described(one) for one in listed]
    known, of = np.unique(texts, return_inverse=True)
    vectors = sentences.encode(known.tolist())
    names = np.unique([one.category for one in listed], return_inverse=True)[1]
    told: dict[str, list[float]] = {}
    for back in CUTS:
        cut = float(past.day.max()) - back
        for name, recall in _judged_cold(past, cut, customers, (of, vectors, names)):
            told.setdefault(name, []).append(recall)
    ours = np.array(told.pop("listings"))
    for name, found in told.items():
        peer = np.array(found)
        yield Row(
            figure=f"new products, recall@10 of {len(ours)} customers",
            ours=f"{100 * ours.mean():.2f} %",
            peer=f"{name}; {table.signed(ours - peer)}: {100 * peer.mean():.2f} %",
            ratio=float(peer.mean() / ours.mean()),
            goal=0.5 if name.startswith("without") else 1.0,
        )


def _judged_cold(
    past: Purchases,
    cut: float,
    customers: int,
    known: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
) -> Iterator[tuple[str, float]]:
    of, vectors, names = known
    first = np.full(len(of), np.inf)
    np.minimum.at(first, past.product, past.day)
    new = np.flatnonzero((first >= cut - HIDDEN) & (first < cut + HORIZON))
    fresh = np.zeros(len(of), bool)
    fresh[new] = True
    before = past.before(cut)
    before = before.where(~fresh[before.product])
    late = past.where(past.bought(cut, cut + HORIZON))
    late = late.where(fresh[late.product])
    chance = np.random.default_rng(7)
    luck = chance.random(len(new)) * 1e-9
    kinds = int(names.max()) + 1
    selling = np.bincount(names[before.product], minlength=kinds) / len(before)
    before = before.where(np.argsort(before.customer, kind="stable"))
    for who in chance.permutation(np.unique(late.customer))[:PERSONS].tolist():
        start, end = np.searchsorted(before.customer, [who, who + 1])
        mine = before.where(np.arange(start, end))
        bought = set(late.product[late.customer == who].tolist())
        if not len(mine):
            continue
        share = np.bincount(names[mine.product], minlength=kinds) / len(mine)
        worth = _worth(mine, who, cut, of, vectors, new)
        ways = {
            "without listings: in random order": chance.random(len(new)),
            "without listings: categories that sell best": selling[names[new]],
            "the categories that the customer buys": share[names[new]],
            "listings": worth,
        }
        for name, score in ways.items():
            top = new[np.argsort(-(score + luck))[:10]].tolist()
            yield name, len(bought.intersection(top)) / min(10, len(bought))


def _worth(
    mine: Purchases,
    who: int,
    cut: float,
    of: NDArray[Any],
    vectors: NDArray[Any],
    new: NDArray[Any],
) -> NDArray[Any]:
    alone = mine.recoded(np.zeros(len(mine), np.int32))
    found = pairs(alone, alone.product, day=cut)
    weight = np.bincount(of[found.item], decayed(found, tastes.HALF_LIFE))
    some = np.argsort(-weight)[: tastes.MOST]
    some = some[weight[some] > 0]
    texts, each = np.unique(of[new], return_inverse=True)
    return tastes.wanted(vectors[texts], vectors[some], weight[some])[each]
