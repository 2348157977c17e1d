"""The ranking model as it serves: products by sku, one customer at a time. Pure NumPy.

Joins the ranker (ml.ranking) and what goes together (ml.companions) in one model file.
A session's products, looked at or in the cart, count as weak purchases: what goes with
them is lifted in everybody's ranking, and is all there is to go by for a stranger.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import compress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ml import diversity, ranking
from ml.artefacts import Artefact
from ml.baskets import FEATURES
from ml.companions import Companions
from ml.content import Content
from ml.neighbours import decayed
from ml.purchases import Codes, History, Numbers, Purchases, pairs
from ml.ranking import RankingModel, Stored

KIND = "ranking"
PRICE = 0.02
"""Of diversity: on The Complete Journey it costs 0.0013 ± 0.0006 of recall at ten
(0.1464), and brings 7.8 distinct categories instead of 7.5."""

SESSION = 10.0
"""What a companion's cosine adds to the log-odds. With one, two, three products of the
next basket given, recall of its rest at ten is 0.1428, 0.1429, 0.1440; with a weight of
1 less by 0.0019 ± 0.0006, 0.0033 ± 0.0009, 0.0059 ± 0.0013 (decision 20)."""
SESSION_PART = "session"
"""Among a product's parts: what a session's or a cart's companions added."""
POPULAR = 0.1
"""What the best seller has over others in a list by names, cosines of 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """A product, its score, and what each feature, or the session, added.

    `values` are the features' own; `above` names those above the average candidate's.
    """

    sku: str
    score: float
    parts: Mapping[str, float]
    values: Mapping[str, float] = field(default_factory=dict)
    above: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What the catalogue says of a product that is asked about."""

    sku: str
    category: str
    name: str = ""
    package: str = ""


@dataclass(frozen=True, kw_only=True)
class RankedShop:
    """`categories` names the shelf's category codes."""

    model: RankingModel
    categories: tuple[str, ...]
    together: Companions
    content: Content

    def artefact(self) -> Artefact:
        rooms = (("together", self.together), ("content", self.content))
        more = {
            f"{room}.{f.name}": getattr(part, f.name)
            for room, part in rooms
            for f in fields(part)
        }
        header = {**self.model.header(), "categories": list(self.categories)}
        return Artefact(
            kind=KIND, header=header, arrays={**self.model.arrays(), **more}
        )

    @classmethod
    def of(cls, artefact: Artefact) -> Self:
        """Read a model file; ValueError if it is another's, or of other features."""
        if artefact.kind != KIND:
            raise ValueError(f"A {artefact.kind} model ranks nothing.")
        rooms: dict[str, dict[str, Any]] = {"together": {}, "content": {}}
        own = {}
        for name, values in artefact.arrays.items():
            room, _, field = name.partition(".")
            if room in rooms:
                rooms[room][field] = values
            else:
                own[name] = values
        return cls(
            model=RankingModel.restored(artefact.header, own),
            categories=tuple(artefact.header["categories"]),
            together=Companions(**rooms["together"]),
            content=Content(**rooms["content"]),
        )

    @cached_property
    def place(self) -> Mapping[str, int]:
        return {sku: code for code, sku in enumerate(self.model.skus)}

    def codes(self, skus: Sequence[str]) -> NDArray[np.int64]:
        """Return the vocabulary's codes of those skus that it has."""
        known = [self.place[sku] for sku in skus if sku in self.place]
        # Each once: what was looked at twice goes with other things no better.
        return np.array(list(dict.fromkeys(known)), np.int64)

    def coded(self, history: History) -> Purchases:
        """Number products and categories as the model does."""
        past = history.purchases
        product = _table(history.products, self.place)
        kinds = {name: code for code, name in enumerate(self.categories)}
        category = _table(history.categories, kinds)
        return replace(
            past, product=product[past.product], category=category[past.category]
        )

    def shortlisted(
        self, past: Purchases, *, now: float, most: int
    ) -> tuple[Stored, list[str]]:
        """Return one customer's neighbours' products and the night's ranking."""
        bought = pairs(past, past.product, day=now)
        stored = ranking.neighbours_of(
            self.model.shelf, bought.item, decayed(bought, 100.0)
        )
        found = self.recommended(past, now=now, stored=stored, most=most)
        return stored, [one.sku for one in found]

    def recommended(
        self,
        past: Purchases,
        *,
        now: float,
        stored: Stored | None = None,
        most: int = 10,
        session: NDArray[Any] | None = None,
        excluded: NDArray[np.bool_] | None = None,
    ) -> list[Recommended]:
        """Rank for one customer; without any orders, by the session and best sellers.

        `past` is coded by `coded`, customer 0 on all lines; `session` are codes.
        """
        barred = self._nothing if excluded is None else excluded
        recent = np.zeros(0, np.int64) if session is None else session
        # Also who bought only what the vocabulary lacks: there is nothing to rank by.
        if not (past.product >= 0).any():
            return self._for_a_stranger(recent, barred, most)
        lift = SESSION * self.together.scores(recent) if len(recent) else None
        found = ranking.rank(
            self.model,
            past,
            now=now,
            stored=stored,
            most=most,
            price=PRICE,
            excluded=barred,
            lift=lift,
        )
        lifted = np.zeros(len(found.product)) if lift is None else lift[found.product]
        names = (*FEATURES, SESSION_PART)
        parts = np.column_stack([found.parts, lifted]).tolist()
        above = np.column_stack([found.above, lifted > 0])
        return [
            Recommended(
                sku=self.model.skus[product],
                score=float(found.score[i]),
                parts=dict(zip(names, parts[i], strict=True)),
                values=dict(zip(FEATURES, found.values[i].tolist(), strict=True)),
                above=frozenset(compress(names, above[i])),
            )
            for i, product in enumerate(found.product)
        ]

    def similar(
        self, skus: Sequence[str], *, most: int, excluded: NDArray[np.bool_]
    ) -> list[str]:
        """Return what is most bought together with these products."""
        score = self.together.scores(self.codes(skus))
        score[self.codes(skus)] = 0
        score[excluded] = 0
        return [self.model.skus[code] for code in _positive(score, most)]

    def alike(
        self, one: Listing, *, most: int, excluded: NDArray[np.bool_]
    ) -> list[str]:
        """Return the category's other products: bought by the same orders, then most.

        For a product that is not sold, or hardly yet, names stand in for orders.
        """
        if one.category not in self.categories:
            return []
        shelf = self.model.shelf
        inside = shelf.category == self.categories.index(one.category)
        code = self.codes([one.sku])
        if len(code):
            # Above 0 for the whole category: what nobody buys can still be shown last.
            score = 1e-6 + shelf.popular + self.together.scores(code)
        else:
            score = 1e-6 + shelf.popular * POPULAR / max(shelf.popular.max(), 1e-12)
            # Within the category 256 places of the name find 0.122 of the true
            # companions; over all categories 512 found 0.123 (decision 20).
            among = np.flatnonzero(inside)
            score[among] += self.content.alike(one.name, one.package, among)
        score = np.where(inside & ~excluded, score, 0.0)
        score[code] = 0
        return [self.model.skus[i] for i in _positive(score, most)]

    def _for_a_stranger(
        self, session: NDArray[Any], excluded: NDArray[np.bool_], most: int
    ) -> list[Recommended]:
        popular = self.model.shelf.liked
        lift = np.zeros(len(popular))
        if len(session):
            # A weight of 1: with 3 recall is 0.0618, 0.0688, 0.0756 for one to three
            # given, with 1 it is 0.0658, 0.0725, 0.0765 (popular + cosine, decision
            # 20).
            lift = self.together.scores(session)
        score = popular + lift
        usual = float(popular.mean()) if len(popular) else 0.0
        names = ("popular", SESSION_PART)
        score = np.where(excluded, 0.0, score)
        score[session] = 0
        return [
            Recommended(
                sku=self.model.skus[code],
                score=float(score[code]),
                parts=dict(zip(names, (popular[code], lift[code]), strict=True)),
                above=frozenset(compress(names, (popular[code] > usual, lift[code]))),
            )
            for code in _positive(score, most)
        ]

    @cached_property
    def _nothing(self) -> NDArray[np.bool_]:
        return np.zeros(len(self.model.skus), bool)


def _positive(score: Numbers, most: int) -> list[int]:
    top = diversity.best(score, most)
    return [int(code) for code in top if score[code] > 0]


def _table(names: Sequence[str], place: Mapping[str, int]) -> Codes:
    """Map old codes to the model's; the last entry answers for the code -1."""
    return np.array([*(place.get(name, -1) for name in names), -1], np.int32)
