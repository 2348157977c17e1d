"""Are listings of use: for what stands in, for what is new, for a search; how fast.

Runs on the data that `make run` loads (The Complete Journey). **Substitutes** are taken
from what households did in the last 182 days, by the statistically validated network of
Tumminello et al. (PLoS ONE 2011) as Tian, Lautz, Wallis and Lambiotte apply it to sales
(EPJ Data Science 2021): two products of a category, each in 20 orders or more, between
which households went from one purchase of the category to the next more often than the
products' shares explain (Poisson, p < 0.01, three times at least), and which lay less
than half as often in one order. All that ranks knows the days before alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse, stats
from sklearn.feature_extraction.text import TfidfVectorizer

from analytics import clock
from catalog.models import Product
from demo.bench import listing_speed, new_products, table
from demo.bench.table import Row, show
from ml import indexing, lines, listings, sentences
from ml.listings import Listing
from ml.purchases import Purchases

LATE = 182
FEWEST, ASKED, TOP = 20, 1500, 20
OURS = "vectors and bought in one order"
"""As served."""
Scorer = Callable[[int], NDArray[Any]]


def run() -> None:
    """Measure on what the log and the catalogue hold."""
    indexing.refresh(whole=True)
    history = lines.arrays(lines.read(until=clock.now()))
    fields = ("name", "category", "brand", "size")
    told = {sku: said for sku, *said in Product.objects.values_list("sku", *fields)}
    listed = [
        Listing(**dict(zip(fields, told.get(sku, ("", "", "", "")), strict=True)))
        for sku in history.products
    ]
    past = history.purchases
    rows = [
        *_substitutes(past, listed),
        *new_products.cold(past, listed, len(history.customers)),
    ]
    show("Listings", [*rows, *listing_speed.speed()])


@dataclass(frozen=True, kw_only=True)
class _Shelf:
    """Products that were sold in the judged days, and what was known before."""

    listed: Sequence[Listing]
    category: NDArray[Any]
    popular: NDArray[Any]
    together: Any
    truth: Mapping[int, frozenset[int]]

    def inside(self, one: int) -> NDArray[Any]:
        """Mark the products of its category."""
        return np.asarray(self.category == self.category[one], float)

    def bought(self, one: int) -> NDArray[Any]:
        """Say how often each was in one order with it."""
        return np.asarray(self.together[one].toarray().ravel())


def _substitutes(past: Purchases, listed: Sequence[Listing]) -> Iterator[Row]:
    shelf = _judged(past, listed)
    chance = np.random.default_rng(7)
    asked = chance.permutation(sorted(shelf.truth))[:ASKED].tolist()
    # Only ties are broken by it.
    luck = chance.random(len(shelf.listed)) * 1e-6
    recall = {
        name: np.array([_recall(way(one) + luck, one, shelf.truth) for one in asked])
        for name, way in _ways(shelf).items()
    }
    ours = recall.pop(OURS)
    for name, found in recall.items():
        told = f"{name}; {table.signed(ours - found)}"
        yield Row(
            figure=f"substitutes, recall@{TOP} of {len(asked)} products",
            ours=f"{100 * ours.mean():.1f} %",
            peer=f"{told}: {100 * found.mean():.1f} %",
            ratio=float(found.mean() / ours.mean()),
            goal=1.0,
        )


def _ways(shelf: _Shelf) -> dict[str, Scorer]:
    """Return the ways of ranking what stands in for a product."""
    texts = [listings.described(one) for one in shelf.listed]
    known, of = np.unique(texts, return_inverse=True)
    words = _by(shelf, of, _tfidf(known.tolist(), analyzer="word", ngram_range=(1, 2)))
    signs = _tfidf(known.tolist(), analyzer="char_wb", ngram_range=(3, 4))
    meant = _by(shelf, of, sentences.encode(known.tolist()))
    inside, bought, popular = shelf.inside, shelf.bought, shelf.popular
    return {
        "the category in random order": inside,
        "the category's best sellers": lambda one: inside(one) + 0.9 * popular,
        "words (TF-IDF) in the category": words,
        "pieces of words (TF-IDF) in the category": _by(shelf, of, signs),
        "bought in one order, then best sellers": lambda one: (
            inside(one) + 0.05 * popular + bought(one)
        ),
        "vectors alone": meant,
        "words (TF-IDF) and bought in one order": lambda one: words(one) + bought(one),
        OURS: lambda one: meant(one) + bought(one),
    }


def _by(shelf: _Shelf, of: NDArray[Any], matrix: Any) -> Scorer:
    """Rank by likeness of texts, of which `of` says each product's."""

    def score(one: int) -> NDArray[Any]:
        near = matrix @ matrix[of[one]].T
        flat = near.toarray().ravel() if sparse.issparse(near) else near
        return np.asarray(flat[of] + 0.05 * shelf.popular + shelf.inside(one))

    return score


def _tfidf(texts: list[str], **how: Any) -> Any:
    return TfidfVectorizer(sublinear_tf=True, **how).fit_transform(texts).tocsr()


def _recall(
    score: NDArray[Any], one: int, truth: Mapping[int, frozenset[int]]
) -> float:
    score[one] = -np.inf
    top = np.argpartition(-score, TOP)[:TOP]
    return len(truth[one].intersection(top.tolist())) / min(TOP, len(truth[one]))


def _judged(past: Purchases, listed: Sequence[Listing]) -> _Shelf:
    since = float(past.day.max()) - LATE
    names = np.array([one.category for one in listed])
    _, category = np.unique(names, return_inverse=True)
    late = _once(past.where((past.day >= since) & (names[past.product] != "")))
    held = np.bincount(late.product, minlength=len(listed))
    kept = np.flatnonzero(held >= FEWEST)
    place = np.full(len(listed), -1)
    place[kept] = np.arange(len(kept))
    before = _once(past.where(past.day < since))
    sold = np.log1p(np.bincount(before.product, minlength=len(listed))[kept])
    late = late.where(place[late.product] >= 0)
    before = before.where(place[before.product] >= 0)
    return _Shelf(
        listed=[listed[code] for code in kept.tolist()],
        category=category[kept],
        popular=sold / sold.max(),
        together=_companions(before, place, len(kept)),
        truth=_validated(late, place, category[kept]),
    )


def _once(some: Purchases) -> Purchases:
    """Keep one line for each product of an order."""
    keys = some.order * (int(some.product.max()) + 1) + some.product
    return some.where(np.unique(keys, return_index=True)[1])


def _held(of: NDArray[Any], items: NDArray[Any], width: int) -> Any:
    rows = np.unique(of, return_inverse=True)[1]
    ones = np.ones(len(items), np.float32)
    return sparse.csr_matrix((ones, (rows, items)), shape=(rows.max() + 1, width))


def _companions(before: Purchases, place: NDArray[Any], width: int) -> Any:
    """Return cosines over orders, shrunk as ml.companions has them."""
    held = _held(before.order, place[before.product], width)
    both = (held.T @ held).tocoo()
    count = np.bincount(place[before.product], minlength=width).clip(1)
    cosine = both.data / np.sqrt(count[both.row] * count[both.col])
    # Shrunk as of ten orders more without the pair; none goes with itself.
    data = cosine * both.data / (both.data + 10) * (both.row != both.col)
    return sparse.csr_matrix((data, (both.row, both.col)), shape=both.shape)


def _validated(
    late: Purchases, place: NDArray[Any], category: NDArray[Any]
) -> dict[int, frozenset[int]]:
    item = place[late.product]
    kind = category[item]
    order = np.lexsort((late.order, late.day, kind, late.customer))
    item, kind, who = item[order], kind[order], late.customer[order]
    basket = late.order[order]
    # A purchase begins where customer, category or order change.
    new = np.ones(len(item), bool)
    new[1:] = (np.diff(who) != 0) | (np.diff(kind) != 0) | (np.diff(basket) != 0)
    visit = np.cumsum(new) - 1
    at = np.flatnonzero(new)
    # Those that the same customer's next one in the category follows.
    goes_on = np.flatnonzero((np.diff(who[at]) == 0) & (np.diff(kind[at]) == 0))
    held = _held(visit, item, len(category))
    moved = held[goes_on].T @ held[goes_on + 1]
    # Either direction: one stands in for the other.
    moved = (moved + moved.T).tolil()
    moved.setdiag(0)
    moved = moved.tocsr()
    moved.eliminate_zeros()
    total = np.asarray(moved.sum(1)).ravel()
    whole = np.bincount(category, total)
    cells = moved.tocoo()
    one, other, times = cells.row, cells.col, cells.data
    expected = total[one] * total[other] / whole[category[one]].clip(1)
    baskets = _held(basket, item, len(category))
    shared = np.asarray((baskets.T @ baskets).tocsr()[one, other]).ravel()
    # P(at least so many), if households went from one to the other by shares alone.
    luck = stats.poisson.sf(times - 1, expected)
    good = (times >= 3) & (luck < 0.01) & (shared < times / 2)
    found: dict[int, set[int]] = {}
    for a, b in zip(one[good].tolist(), other[good].tolist(), strict=True):
        found.setdefault(a, set()).add(b)
    return {a: frozenset(some) for a, some in found.items()}
