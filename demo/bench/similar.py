"""Are listings of use: for what stands in, for what is new, for a search; how fast.

Runs on the data that `make run` loads (The Complete Journey). **Substitutes** are taken
from what households did in the last 182 days, by the statistically validated network of
Tumminello et al. (PLoS ONE 2011) as Tian, Lautz, Wallis and Lambiotte apply it to sales
(EPJ Data Science 2021): two products of a category, each in 20 orders or more, between
which households went from one purchase of the category to the next more often than the
products' shares explain (Poisson, p < 0.01, three times at least), and which lay less
than half as often in one order. All that ranks knows the days before alone.
**New** products were first sold in the 56 days before a cut-off and hidden until it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray
from scipy import sparse, stats
from sklearn.feature_extraction.text import TfidfVectorizer

from analytics import clock
from catalog.models import Product
from demo.bench.table import Row, against, least, show
from ml import indexing, lines, listings, searching, sentences, tastes
from ml.listings import MODEL, Listing
from ml.models import ProductContent
from ml.neighbours import decayed
from ml.purchases import Purchases, pairs

LATE = 182
HORIZON, HIDDEN, CUTS = 28, 56, (84, 56, 28)
FEWEST, ASKED, TOP = 20, 1500, 20
PERSONS = 500
"""At each cut-off, drawn by lot."""
SIZES = (5_000, 50_000)
OURS = "vectors and bought in one order"
"""As served."""
Scorer = Callable[[int], NDArray[Any]]
QUERIES = (
    *("milk", "shampo", "frozen pizza", "red grapes", "cat food", "baby diapers"),
    *("洗发水", "婴儿尿布", "冷冻披萨", "猫粮", "牛奶", "苹果", "纸巾", "酸奶"),
    *("chocolate ice cream", "dog treats", "paper towels", "yogurt strawbery"),
    *("something sweet for children", "coffee beans", "toothpaste", "light bulbs"),
)


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
    rows = [*_substitutes(past, listed), *_cold(past, listed, len(history.customers))]
    show("Listings", [*rows, *_speed()])


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
        told = f"{name}; {_signed(ours - found)}"
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


def _signed(gain: NDArray[Any]) -> str:
    error = gain.std() / len(gain) ** 0.5
    return f"ours {100 * gain.mean():+.1f} ± {100 * error:.1f}"


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


def _cold(past: Purchases, listed: Sequence[Listing], customers: int) -> Iterator[Row]:
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
            peer=f"{name}; {_signed(ours - peer)}: {100 * peer.mean():.2f} %",
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


class _Undone(Exception):
    """What was measured is taken back."""


def _speed() -> Iterator[Row]:
    """Measure with so many products, each with a text of its own; nothing stays."""
    for size in SIZES:
        rows: list[Row] = []
        try:
            with transaction.atomic():
                _only(size)
                rows += _measured(size)
                raise _Undone
        except _Undone:
            yield from rows


def _only(size: int) -> None:
    """Leave so many products, all with texts and vectors that differ."""
    with connection.cursor() as cursor:
        # Else the keys' checks wait for the end, and PostgreSQL drops no index of a
        # table that has some pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("DELETE FROM ml_producttwin")
        cursor.execute("DELETE FROM ml_productcontent WHERE source = 'text'")
        cursor.execute("DELETE FROM ml_contentvector WHERE source = 'text'")
        cursor.execute("DROP INDEX content_near_texts")
    rows = Product.objects.exclude(price=None).exclude(stock=0).order_by("sku")[:size]
    products = list(rows)
    texts = [f"{listings.described(_listing(one))} {one.sku}" for one in products]
    vectors = sentences.encode(texts)
    with connection.cursor() as cursor:
        names = "id, source, checksum, model, text, vector"
        copy_in = f"COPY ml_contentvector ({names}) FROM STDIN"
        with cursor.copy(copy_in) as copy:
            for i, (text, row) in enumerate(zip(texts, vectors, strict=True)):
                key = listings.digest(text)
                copy.write_row(
                    # Above any id that the sequence has given.
                    (10**9 + i, "text", key, MODEL, text, listings.written(row))
                )
        _fill_words(cursor, texts)
        with cursor.copy(
            "COPY ml_productcontent (product_id, source, seen, content_id, fault)"
            " FROM STDIN"
        ) as copy:
            for i, one in enumerate(products):
                copy.write_row((one.sku, "text", "", 10**9 + i, ""))


def _fill_words(cursor: Any, texts: Sequence[str]) -> None:
    made = "CREATE TEMP TABLE bench_words (id bigint, words text[]) ON COMMIT DROP"
    cursor.execute(made)
    with cursor.copy("COPY bench_words FROM STDIN") as copy:
        for i, text in enumerate(texts):
            copy.write_row((10**9 + i, listings.words(text)))
    cursor.execute(
        "UPDATE ml_contentvector v SET words = array_to_tsvector(b.words)"
        " FROM bench_words b WHERE b.id = v.id"
    )


def _listing(one: Product) -> Listing:
    return Listing(name=one.name, category=one.category, brand=one.brand, size=one.size)


def _measured(size: int) -> Iterator[Row]:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE INDEX content_near_texts ON ml_contentvector"
            " USING hnsw (vector halfvec_cosine_ops) WHERE source = 'text'"
        )
        built = time.perf_counter() - began
        for table in ("ml_contentvector", "ml_productcontent"):
            cursor.execute(f"ANALYZE {table}")
    skus = list(
        Product.objects.filter(pk__in=_held_skus())
        .order_by("sku")
        .values_list("sku", flat=True)[:: max(size // 100, 1)]
    )
    some = f"{size:,} products"
    searches = _times(lambda text: searching.search(text, most=20), QUERIES * 5)
    likes = _times(lambda sku: searching.alike(sku, most=10), skus)
    yield against(f"a search, p95, {some}", searches[1], 100, 1.0, "goal", "ms")
    yield against(f"a search, p50, {some}", searches[0], 100, None, "goal", "ms")
    yield against(f"what is similar, p95, {some}", likes[1], 100, 1.0, "goal", "ms")
    exact, took = _recalled("off", "true")
    found, quick = _recalled("on", "true")
    hits = np.mean([len(a & b) / len(a) for a, b in zip(exact, found, strict=True)])
    said = f"of the exact 20, HNSW of {some} ({built:.0f} s to build)"
    yield least(said, float(100 * hits), 95, "%")
    yield against(f"the nearest 20, HNSW, {some}", quick, took, 1.0, "exact", "ms")
    rare = "mod(v.id, 200) = 7"
    exact, _ = _recalled("off", rare)
    found, quick = _recalled("on", rare)
    hits = np.mean(
        [len(a & b) / max(len(a), 1) for a, b in zip(exact, found, strict=True)]
    )
    yield least(f"the same among 0.5 % ({quick:.0f} ms)", float(100 * hits), 95, "%")


def _held_skus() -> Any:
    return ProductContent.objects.filter(source="text").values("product")


def _recalled(index: str, where: str) -> tuple[list[set[int]], float]:
    """Return the nearest 20 of texts for some queries, and the median time."""
    sql = f"""
        SELECT v.id FROM ml_contentvector v WHERE v.source = 'text' AND {where}
        ORDER BY v.vector <=> %s::halfvec LIMIT 20
    """  # noqa: S608 - our own words
    found, times = [], []
    with searching.tuned(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL enable_indexscan = {index}")
        other = {"on": "off", "off": "on"}[index]
        cursor.execute(f"SET LOCAL enable_seqscan = {other}")
        for row in sentences.encode(list(QUERIES)):
            began = time.perf_counter()
            cursor.execute(sql, [listings.written(row)])
            found.append({key for (key,) in cursor.fetchall()})
            times.append(time.perf_counter() - began)
        cursor.execute("SET LOCAL enable_indexscan = on")
        cursor.execute("SET LOCAL enable_seqscan = on")
    return found, float(np.median(times)) * 1e3


def _times(ask: Callable[[str], object], asked: Sequence[str]) -> tuple[float, float]:
    """Return the median and the 95th percentile in wall milliseconds, one client."""
    times = []
    for one in asked:
        began = time.perf_counter()
        ask(one)
        times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times)), float(np.percentile(times, 95))
