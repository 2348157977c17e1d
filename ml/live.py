"""One customer, now: features, chances and recommendations straight from the log.

What a customer did a moment ago counts in the next answer, because nothing lies in
between: the web process reads the customer's own events and evaluates the models' plain
arrays. No learning library is imported. When something is missing, the answer falls
back step by step: live by the champion or who stands in (registry.chain), last night's
list, the shop's best sellers, nothing; `source` says which it was.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TypeVar
from uuid import UUID

import msgspec
import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from analytics import glances, identity, lookup
from analytics.models import EVERYBODY
from ml import propensity, registry, returns
from ml.codes import day_of, recoded
from ml.features import columns_of
from ml.models import PROPENSITY, RANKING, Shortlist
from ml.neighbours import decayed
from ml.propensity import PropensityModel
from ml.purchases import History, Numbers, Purchases, pairs
from ml.ranking import Stored
from ml.reasons import Why
from ml.returns import Back, Line, Order
from ml.served import Listing, RankedShop, Recommended
from ml.wordings import SAID

EVER = datetime(1970, 1, 1, tzinfo=UTC)
SESSION = timedelta(hours=1)
POPULAR_ORDERS = 1000.0
"""Orders that a product's share of them is told by, in logs."""
ORDERS = ("order_completed", "order_cancelled", "order_refunded")
LOOKED = ("product_viewed", "product_clicked", "product_added")
BROKEN = (
    registry.NoChampion,
    registry.Tampered,
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


class _Looked(msgspec.Struct, gc=False):
    sku: str


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
    mine = history(identity.keys(person), at=at)
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
    mine, looked = history(keys, at=at), _session(keys, at=at)
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


def bought(person: UUID, *, at: datetime, half_life: float) -> dict[str, float]:
    """Return a customer's orders of each product, older ones counting less."""
    mine = history(identity.keys(person), at=at)
    past = mine.purchases
    if not len(past):
        return {}
    # One customer, so a pair is a product.
    found = pairs(past, past.product, day=day_of(at))
    weight = decayed(found, half_life)
    return {
        mine.products[code]: float(weight[row])
        for row, code in enumerate(found.item.tolist())
    }


def history(keys: Sequence[UUID], *, at: datetime) -> History:
    """Read a customer's order lines before `at`, without what has gone back."""
    # What has gone back is out already: all that is left stands.
    lines = list(_lines(keys, at=at))
    products, product = _coded([line.sku for _, _, line in lines])
    named, category = _coded([line.category for _, _, line in lines])
    # "" sorts first, and becomes −1, as in lines.arrays.
    if named[:1] == [""]:
        named, category = named[1:], category - 1

    def column(name: str) -> Numbers:
        return np.array([getattr(line, name) for _, _, line in lines], np.float64)

    # All of them at each answer: 3,000 orders of 20 lines take 0.15 to 0.25 s (decision
    # 18).
    purchases = Purchases(
        customer=np.zeros(len(lines), np.int32),
        order=np.array([position for position, _, _ in lines], np.int64),
        day=np.array([moment for _, moment, _ in lines], np.float64) / 86_400e6,
        product=product,
        category=category,
        quantity=column("quantity"),
        paid=column("paid"),
        shelf_discount=column("shelf_discount"),
        coupon_discount=column("coupon_discount"),
        until=np.full(len(lines), np.inf),
    )
    return History(
        purchases=purchases,
        customers=[str(keys[0])] if keys else [],
        products=products,
        categories=named,
    )


def _lines(keys: Sequence[UUID], *, at: datetime) -> Iterator[tuple[int, int, Line]]:
    """Yield position, microseconds and line of what stands at `at`, oldest first."""
    rows = glances.trail(keys, types=ORDERS, since=EVER, until=at) if keys else []
    # First all that went back: an order's refund comes after it. By number within this
    # customer's own trail, so nobody can cancel another's order.
    back: dict[str, list[Back]] = {}
    for _, kind, moment, data in rows:
        if kind != "order_completed":
            told = _returned.decode(data)
            back.setdefault(told.order_id, []).append(replace(told, at=moment))
    for position, kind, moment, data in rows:
        if kind == "order_completed":
            order = _order.decode(data)
            for line, until in returns.parts(order.lines, back.get(order.order_id, ())):
                if until is None:
                    yield position, moment, line


_order = msgspec.json.Decoder(Order, strict=False)  # money is text in the log
_returned = msgspec.json.Decoder(Back, strict=False)
_looked = msgspec.json.Decoder(_Looked)


def _coded(names: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    known = sorted(set(names))
    place = {name: code for code, name in enumerate(known)}
    return known, np.array([place[name] for name in names], np.int32)


def _session(keys: Sequence[UUID], *, at: datetime) -> list[str]:
    """Return what was looked at or put into the cart within the hour, newest first."""
    if not keys:
        return []
    rows = glances.trail(keys, types=LOOKED, since=at - SESSION, until=at)
    # trail tells the oldest first.
    return [_looked.decode(data).sku for *_, data in reversed(rows)]


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
    except registry.UNREADABLE:
        other, found = registry.first_of(task, read)
        return other.pk, found


# A checksum's file never changes, so a model is read once a process.
@lru_cache(maxsize=2)
def _propensity(checksum: str) -> PropensityModel:
    return PropensityModel.of(registry.load(checksum))


@lru_cache(maxsize=2)
def _ranked(checksum: str) -> RankedShop:
    return RankedShop.of(registry.load(checksum))
