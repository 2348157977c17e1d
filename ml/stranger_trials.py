"""Customers the shop has never seen: what to show them, and what completes a basket.

At each cut-off a fifth of the customers, drawn by seed, are strangers: nothing of
theirs is counted. Each is asked for the first order of the 28 days after, of four
ranked products or more. Some of its products, drawn at random, are given, as a session
or a cart would give them; the rest is the truth. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import protocols, ranked, shelves, together
from ml.companions import Companions
from ml.diversity import best
from ml.purchases import Numbers, Purchases
from ml.shelves import Shelf

GIVEN = (0, 1, 2, 3)
FEWEST = 4
STRANGERS = 5
"""One customer in so many is a stranger."""
OURS = "liked + cosine"
Table = list[dict[str, Any]]
Judged = dict[tuple[int, str], list[Numbers]]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What the shop knows without the strangers; `held` is orders × products."""

    shelf: Shelf
    pairs: Companions
    held: Any


def judged(
    past: Purchases, *, day: float, customers: int, products: int, seed: int
) -> Judged:
    """Return every stranger's recall at ten by products given and ranker, by cut."""
    chance = np.random.default_rng(seed)
    strange = chance.permutation(customers) % STRANGERS == 0
    told: Judged = {}
    for cut in protocols.days(day, protocols.CUTS):
        known = shop(past.before(cut), cut, strange, products)
        late = past.where(past.bought(cut, cut + protocols.HORIZON))
        late = late.where(strange[late.customer])
        baskets = list(_baskets(late, known.shelf, customers, products, cut))
        for few in GIVEN:
            found: dict[str, list[float]] = {}
            for basket, wanted in baskets:
                # Drawn anew for each number given, from one generator: by seed the
                # same.
                given = chance.permutation(basket)[:few]
                rest = np.setdiff1d(basket, given)
                for name, score in _scores(known, given).items():
                    score[given] = -np.inf
                    hits = np.isin(best(score, 10), rest).sum()
                    # Of all that was wanted, with what cannot be ranked.
                    found.setdefault(name, []).append(hits / (wanted - few))
            for name, recall in found.items():
                told.setdefault((few, name), []).append(np.array(recall))
    return told


def tabled(told: Judged) -> Table:
    """Return recall by products given and ranker, and ours less each, paired."""
    rows: Table = []
    for (few, name), recall in told.items():
        gain = asdict(ranked.gain(told[few, OURS], recall))
        rows.append(
            {
                "given": few,
                "model": name,
                "R@10": float(np.mean([one.mean() for one in recall])),
                f"{OURS} gains": gain["value"],
                "error": gain["error"],
                "asked": sum(len(one) for one in recall),
            }
        )
    return rows


def shop(
    past: Purchases, day: float, strange: NDArray[np.bool_], products: int
) -> Shop:
    """Count the shop without the strangers, as of `day`."""
    known = past.where(~strange[past.customer])
    shelf = shelves.shelf(known, customers=len(strange), products=products, day=day)
    coded = shelves.recoded(known, shelf.products, products)
    return Shop(
        shelf=shelf,
        pairs=together.fit(coded, products=len(shelf.products)),
        held=together.orders(coded, len(shelf.products)),
    )


def _baskets(
    late: Purchases, shelf: Shelf, customers: int, products: int, day: float
) -> Iterator[tuple[NDArray[Any], int]]:
    """Yield each first order's ranked products, and how many it had of all."""
    _, first = protocols.first_orders(late, customers, day)
    taken = late.where(late.order == first[late.customer])
    coded = shelves.recoded(taken, shelf.products, products).product
    for who in np.unique(taken.customer):
        mine = taken.customer == who
        basket = np.unique(coded[mine])
        basket = basket[basket >= 0]
        if len(basket) >= FEWEST:
            yield basket, len(np.unique(taken.product[mine]))


def _scores(shop: Shop, given: NDArray[Any]) -> Mapping[str, Numbers]:
    cosine = shop.pairs.scores(given)
    told = {
        # Copies: `judged` strikes out of them what was given.
        "popular": shop.shelf.popular.copy(),
        "liked": shop.shelf.liked.copy(),
        "popular + cosine": shop.shelf.popular + cosine,
        OURS: shop.shelf.liked + cosine,
    }
    if len(given):
        both = shop.held[:, given].sum(1)
        counts = np.asarray(shop.held.T @ both).ravel()
        told["bought together"] = counts.astype(np.float64)
    return told
