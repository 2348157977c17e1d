"""One customer, now: features, chances and recommendations straight from the log.

What a customer did a moment ago counts in the next answer, because nothing lies in
between: the web process reads the customer's own events and evaluates the models' plain
arrays. No learning library is imported. When something is missing, the answer falls
back step by step: live by the champion or who stands in (registry.chain), last night's
list, the shop's best sellers, nothing; `source` says which it was.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from analytics import identity, lookup
from analytics.models import EVERYBODY
from ml import model_files, own_past, propensity, registry
from ml.codes import day_of, recoded
from ml.features import columns_of
from ml.models import PROPENSITY, RANKING, Shortlist
from ml.propensity import PropensityModel
from ml.purchases import Numbers
from ml.ranking import Stored
from ml.reasons import Why
from ml.served import Listing, RankedShop, Recommended
from ml.wordings import SAID

POPULAR_ORDERS = 1000.0
"""Orders that a product's share of them is told by, in logs."""
BROKEN = (
    registry.NoChampion,
    model_files.Tampered,
    propensity.Outdated,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
)
"""What a model's file may lack, or a row of another model say; every answer then falls
back instead of failing, and the log of the process says why."""
log = logging.getLogger(__name__)
Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Chances:
    """P(buys within the horizon | no offer) and the spend then, by category."""

    categories: tuple[str, ...]
    probability: Numbers
    spend: Numbers
    model: PropensityModel
    rows: NDArray[np.float32]

    @property
    def known(self) -> bool:
        """Whether the customer has ordered; else the chances are everybody's."""
        return bool(columns_of(self.rows)["customer_orders_all"].any())

    def raised(self, place: int) -> list[str]:
        """Name the features that raised a category's chance and may be said."""
        return [SAID[fact].feature for fact in self._said[place] if fact >= 0]

    def why(self, places: Sequence[int]) -> list[Why]:
        """Explain some categories' chances, for operators."""
        return self.model.why(self.rows, places)

    @cached_property
    def _said(self) -> NDArray[np.int64]:
        return self.model.sayable(self.rows, self.probability)


@dataclass(frozen=True, kw_only=True)
class Recommendations:
    """Products, best first, and how they were come by."""

    found: Sequence[Recommended]
    source: str


def chances(person: UUID, *, at: datetime) -> Chances | None:
    """Return one customer's chances on what the log holds now; None without a model."""
    mine = own_past.history(identity.keys(person), at=at)
    try:
        _, known = _serving(PROPENSITY, _propensity)
        past = recoded(mine.purchases, categories=(mine.categories, known.categories))
        rows = known.built(past, day=day_of(at), customers=1)
        expected = known.expected(rows)
    except BROKEN as error:
        _say(error)
        return None
    return Chances(
        categories=known.categories,
        probability=expected.probability[0],
        spend=expected.spend[0],
        model=known,
        rows=rows,
    )


def recommendations(
    person: UUID | None,
    *,
    at: datetime,
    most: int,
    cart: Sequence[str] = (),
    excluded: Collection[str] = (),
) -> Recommendations:
    """Rank products for a customer, or a stranger (None), with what is in the cart."""
    keys = identity.keys(person) if person else []
    mine, looked = own_past.history(keys, at=at), own_past.session(keys, at=at)
    try:
        model, shop = _serving(RANKING, _ranked)
        found = shop.recommended(
            shop.coded(mine),
            now=day_of(at),
            stored=_night(person, model),
            most=most,
            session=shop.codes([*looked, *cart]),
            excluded=_mask(shop, {*excluded, *cart}),
        )
    except BROKEN as error:
        _say(error)
        return _stored(person, most=most, excluded={*excluded, *cart})
    return Recommendations(found=found, source="live")


def together(
    skus: Sequence[str], *, most: int, excluded: Collection[str] = ()
) -> list[str]:
    """Return what is bought together with these products; nothing without a model."""
    shop = _shop()
    return shop.similar(skus, most=most, excluded=_mask(shop, excluded)) if shop else []


def alike(one: Listing, *, most: int, excluded: Collection[str] = ()) -> list[str]:
    """Return other products of the category; nothing without a model."""
    shop = _shop()
    if shop is None:
        return []
    return shop.alike(one, most=most, excluded=_mask(shop, excluded))


def popularity(skus: Sequence[str]) -> dict[str, float]:
    """Return how well products sell, 1 the best seller; nothing without a model."""
    shop = _shop()
    if shop is None or not len(shop.model.skus):
        return {}
    # In logs: one best seller would leave all others at nothing.
    shown = np.log1p(shop.model.shelf.popular * POPULAR_ORDERS)
    top = max(float(shown.max()), 1e-9)
    place = shop.place
    return {sku: float(shown[place[sku]]) / top for sku in skus if sku in place}


def companions(sku: str) -> dict[str, float]:
    """Return how often products lie in one order with this one: shrunk cosines."""
    shop = _shop()
    if shop is None or sku not in shop.place:
        return {}
    score = shop.together.scores(shop.codes([sku]))
    return {shop.model.skus[code]: float(score[code]) for code in np.flatnonzero(score)}


def ranked_skus() -> Collection[str]:
    """Return the products that are ranked by orders; none without a model."""
    shop = _shop()
    return shop.place.keys() if shop else ()


def _night(person: UUID | None, model: UUID) -> Stored | None:
    """Return the neighbours' products, if the same model foretold them."""
    if person is None:
        return None
    row = lookup.row(
        "SELECT products, near FROM ml_shortlist WHERE customer = %s AND model_id = %s",
        [person, model],
    )
    return (
        Stored(product=np.array(row[0], np.int32), near=np.array(row[1]))
        if row
        else None
    )


def _stored(
    person: UUID | None, *, most: int, excluded: Collection[str]
) -> Recommendations:
    """Fall back on the night's list, then on the best sellers."""
    # In the order in which they are tried, the customer's own first.
    sources = {EVERYBODY: "popular"}
    if person:
        sources = {person: "night"} | sources
    listed = Shortlist.objects.filter(customer__in=sources)
    lists = dict(listed.values_list("customer", "skus"))
    for key, source in sources.items():
        skus = [sku for sku in lists.get(key, ()) if sku not in excluded]
        if skus:
            found = [Recommended(sku=sku, score=0.0, parts={}) for sku in skus[:most]]
            return Recommendations(found=found, source=source)
    return Recommendations(found=[], source="none")


def _say(error: Exception) -> None:
    # A young shop has no model: that is no fault, and would fill the log.
    if not isinstance(error, registry.NoChampion):
        log.error("A model cannot answer: %s: %s", type(error).__name__, error)


def _shop() -> RankedShop | None:
    try:
        return _serving(RANKING, _ranked)[1]
    except BROKEN as error:
        _say(error)
        return None


def _mask(shop: RankedShop, skus: Collection[str]) -> NDArray[np.bool_]:
    mask = np.zeros(len(shop.model.skus), bool)
    mask[shop.codes(list(skus))] = True
    return mask


def _serving(task: str, read: Callable[[str], Read]) -> tuple[UUID, Read]:
    """Return the champion, or who stands in, should its file be broken."""
    model, checksum = registry.serving(task)
    try:
        return model, read(checksum)
    except model_files.UNREADABLE:
        other, found = registry.first_of(task, read)
        return other.pk, found


# A checksum's file never changes, so a model is read once a process.
@lru_cache(maxsize=2)
def _propensity(checksum: str) -> PropensityModel:
    return PropensityModel.of(model_files.load(checksum))


@lru_cache(maxsize=2)
def _ranked(checksum: str) -> RankedShop:
    return RankedShop.of(model_files.load(checksum))
