"""The next basket of one customer, or of all: candidates, one ranker, diversity, rules.

A model is plain arrays: what the shop buys (`Shelf`) and the weights of one logistic
ranker over `baskets.FEATURES`. The night stores each customer's neighbours' products
(`candidates`); a live customer needs only his own order lines and that row, and where
there is no row yet the neighbours are searched on the spot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import baskets, diversity
from ml.baskets import FEATURES, Rows
from ml.neighbours import Neighbours, decayed
from ml.purchases import Codes, Numbers, Pairs, Purchases, pairs
from ml.shelves import Shelf

# Most of the next basket that any ranker finds are repeats: of recall at ten 0.1465 by
# 0.1450 (docs/benchmarks.md), hence own products above all.
OWN = 200
NEAR = 100
POPULAR = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranker:
    """A logistic over features, clipped at `low` and `high`, then standardised."""

    low: Numbers
    high: Numbers
    mean: Numbers
    scale: Numbers
    weight: Numbers
    bias: float

    def parts(self, x: NDArray[Any]) -> Numbers:
        """Return what each feature adds to each row's log-odds."""
        kept = np.clip(x, self.low, self.high)
        return np.asarray((kept - self.mean) / self.scale * self.weight)

    def scores(self, x: NDArray[Any]) -> Numbers:
        """Return log-odds, without the parts' memory."""
        weight = self.weight / self.scale
        kept = np.clip(x, self.low, self.high)
        return np.asarray(kept @ weight + (self.bias - self.mean @ weight))


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingModel:
    """`skus` names the vocabulary; `day` is the moment the shelf was counted."""

    skus: list[str]
    day: float
    shelf: Shelf
    ranker: Ranker

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name, for a model file."""
        parts = (
            ("shelf", self.shelf),
            ("ranker", self.ranker),
            ("neighbours", self.shelf.neighbours),
        )
        return {
            f"{room}.{f.name}": getattr(part, f.name)
            for room, part in parts
            for f in fields(part)
            if f.name not in ("neighbours", "bias")
        }

    def header(self) -> dict[str, Any]:
        """Return what is not an array, for JSON."""
        bias = self.ranker.bias
        return {"day": self.day, "bias": bias, "skus": self.skus, "features": FEATURES}

    @classmethod
    def restored(
        cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
    ) -> "RankingModel":
        """Undo `arrays` and `header`; ValueError if it was fitted to other features."""
        if tuple(header["features"]) != FEATURES:
            raise ValueError("The ranking model was fitted to other features.")
        part: dict[str, dict[str, Any]] = {"shelf": {}, "ranker": {}, "neighbours": {}}
        for name, values in arrays.items():
            room, _, field = name.partition(".")
            part[room][field] = values
        near = Neighbours(**part["neighbours"])
        return cls(
            skus=list(header["skus"]),
            day=float(header["day"]),
            shelf=Shelf(neighbours=near, **part["shelf"]),
            ranker=Ranker(bias=float(header["bias"]), **part["ranker"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One customer's products from the night, by vocabulary code, with their scores."""

    product: Codes
    near: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    """The chosen products, best first.

    The others are (products, FEATURES): `parts` log-odds, `values` of the features, and
    whether those are `above` the average candidate's.
    """

    product: Codes
    score: Numbers
    parts: Numbers
    values: NDArray[np.float32]
    above: NDArray[np.bool_]


def rank(
    model: RankingModel,
    past: Purchases,
    *,
    now: float,
    stored: Stored | None = None,
    most: int = 10,
    price: float = 0.0,
    excluded: NDArray[np.bool_] | None = None,
    lift: Numbers | None = None,
) -> Ranking:
    """Rank for one customer, whose lines `past` are (customer code 0 on all of them).

    `past` is coded by the vocabulary and lies before `now`; `price` is diversity's;
    products marked `excluded`, (vocabulary,), are left out, and `lift`, (vocabulary,),
    is added to the log-odds.
    """
    bought = pairs(past, past.product, day=now)
    near = stored or neighbours_of(model.shelf, bought.item, decayed(bought, 100.0))
    rows = candidates(model.shelf, bought, {0: near})
    # Before features are built: nothing is counted for what cannot be shown.
    if excluded is not None:
        rows = rows.where(~excluded[rows.product])
    x = baskets.features(model.shelf, past, rows, np.array([now]))
    score = model.ranker.scores(x)
    # Before diversity, so that it also parts what the session lifted.
    if lift is not None:
        score = score + lift[rows.product]
    kinds = model.shelf.category[rows.product]
    top = diversity.diverse(score, kinds, most=most, price=price)
    return Ranking(
        product=rows.product[top],
        score=score[top],
        parts=model.ranker.parts(x[top]),
        values=x[top],
        above=x[top] > model.ranker.mean,
    )


def neighbours_of(
    shop: Shelf, items: NDArray[Any], weights: NDArray[Any], *, me: int = -1
) -> Stored:
    """Return the products that the customers most alike buy most."""
    near = shop.neighbours.scores(items, weights, me=me)
    top = diversity.best(np.where(near > 0, near, -np.inf), NEAR)
    # Own products as well: how much the neighbours buy them is a feature of theirs.
    kept = np.union1d(top, items).astype(np.int32)
    return Stored(product=kept, near=near[kept])


def candidates(shop: Shelf, bought: Pairs, stored: Mapping[int, Stored]) -> Rows:
    """Gather own products, the stored ones and best sellers of each stored customer."""
    weight = decayed(bought, 100.0)
    top = diversity.best(shop.popular, POPULAR)
    who: list[Codes] = []
    what: list[Codes] = []
    score: list[Numbers] = []
    for customer, near in stored.items():
        start, end = np.searchsorted(bought.customer, (customer, customer + 1))
        mine = bought.item[start:end]
        own = mine[diversity.best(weight[start:end], OWN)]
        # Less all of mine: an own product beyond OWN must not come back as a new one.
        new = np.setdiff1d(np.concatenate([near.product, top]), mine)
        found = np.union1d(own, new).astype(np.int32)
        who.append(np.full(len(found), customer, np.int32))
        what.append(found)
        score.append(_looked_up(near, found))
    return Rows(
        customer=np.concatenate(who),
        product=np.concatenate(what),
        near=np.concatenate(score),
    )


def _looked_up(near: Stored, products: Codes) -> Numbers:
    if not len(near.product):
        return np.zeros(len(products))
    # near.product is sorted (union1d); best sellers may be missing from it.
    spot = np.searchsorted(near.product, products).clip(max=len(near.product) - 1)
    return np.where(near.product[spot] == products, near.near[spot], 0.0)
