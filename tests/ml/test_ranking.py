"""The ranker finds planted rhythms, gives nothing away of the future, and travels."""

import io
from dataclasses import replace

import numpy as np
import pytest

from ml import (
    baskets,
    companions,
    protocols,
    ranked,
    ranking,
    shelves,
    stranger_trials,
    together,
)
from ml.diversity import diverse
from ml.purchases import Purchases, pairs

CUSTOMERS, PRODUCTS, DAYS = 80, 40, 280


@pytest.fixture(scope="module")
def rhythmic() -> Purchases:
    """Each customer has eight staples: four every week, four every fourth."""
    return _shop(rhythm=True)


@pytest.fixture(scope="module")
def noise() -> Purchases:
    return _shop(rhythm=False)


def _shop(*, rhythm: bool) -> Purchases:
    chance = np.random.default_rng(11)
    rows = []
    for customer in range(CUSTOMERS):
        staples = chance.permutation(PRODUCTS)[:8]
        for week in range(DAYS // 7):
            day = week * 7 + chance.random()
            order = customer * 1000 + week
            weekly = staples[:4] if rhythm else chance.permutation(PRODUCTS)[:4]
            due = staples[4:][week % 4 :: 4] if rhythm else staples[:0]
            rows += [(customer, order, day, item) for item in (*weekly, *due)]
    rows.sort(key=lambda row: (row[2], row[1]))
    table = np.array(rows)
    customer, order, day, product = table.T
    ones = np.ones(len(rows))
    return Purchases(
        customer=customer.astype(np.int32),
        order=order.astype(np.int64),
        day=day.astype(float),
        product=product.astype(np.int32),
        category=(product % 5).astype(np.int32),
        quantity=ones,
        paid=2 * ones,
        shelf_discount=0 * ones,
        coupon_discount=0 * ones,
        until=ones + np.inf,
    )


def test_a_basket_s_first_products_foretell_the_rest_to_strangers(
    rhythmic: Purchases, noise: Purchases
) -> None:
    size = {"customers": CUSTOMERS, "products": PRODUCTS, "seed": 0}

    told = stranger_trials.judged(noise, day=DAYS, **size)
    found = stranger_trials.tabled(told)

    assert {row["given"] for row in found} == {0, 1, 2, 3}
    # Nobody's noise is foretold: ten of forty, less what was given.
    assert all(row["R@10"] < 0.4 for row in found)
    ours = [row for row in found if row["model"] == stranger_trials.OURS]
    assert all(row["liked + cosine gains"] == 0 for row in ours)
    assert stranger_trials.judged(rhythmic, day=DAYS, **size)[0, "liked"]


def test_a_stranger_s_own_orders_count_for_nothing(rhythmic: Purchases) -> None:
    strange = np.random.default_rng(0).permutation(CUSTOMERS) % 5 == 0
    day = DAYS - 28.0
    mine = rhythmic.where(~strange[rhythmic.customer])
    whole = shelves.shelf(
        mine.before(day), customers=CUSTOMERS, products=PRODUCTS, day=day
    )
    shop = stranger_trials.shop(rhythmic.before(day), day, strange, PRODUCTS)

    assert np.array_equal(shop.shelf.liked, whole.liked)


def test_every_customer_has_one_vote() -> None:
    line = _shop(rhythm=True).where(np.arange(40))
    often = line.customer.copy()
    often[:30], often[30:] = 0, 1
    past = replace(
        line,
        customer=often,
        order=np.arange(40),
        day=np.full(40, 10.0),
        product=(often == 1).astype(np.int32),
    )

    shelf = shelves.shelf(past, customers=2, products=2, day=11.0)

    assert np.allclose(shelf.liked, [0.5, 0.5])
    assert np.allclose(shelf.popular, [0.75, 0.25])


def _recall(past: Purchases, *, most: int) -> float:
    size = {"customers": CUSTOMERS, "products": PRODUCTS}
    ((trial, ranker),) = protocols.next_basket(past, day=DAYS, cuts=1, **size)
    found = trial.quality(trial.top(ranker.scores(trial.x), most=most))
    return float(found.recall.mean())


@pytest.fixture(scope="module")
def model(rhythmic: Purchases) -> ranking.RankingModel:
    size = {"customers": CUSTOMERS, "products": PRODUCTS}
    days = (DAYS - 56.0, DAYS - 28.0)
    learnt = protocols.fitted(
        [protocols.cut(rhythmic, day, **size).lesson() for day in days]
    )
    shop = shelves.shelf(rhythmic, day=DAYS, **size)
    skus = [f"p{code}" for code in shop.products]
    return ranking.RankingModel(skus=skus, day=DAYS, shelf=shop, ranker=learnt)


def test_a_planted_rhythm_is_found(rhythmic: Purchases) -> None:
    assert _recall(rhythmic, most=5) > 0.95


def test_noise_is_ranked_no_better_than_chance(noise: Purchases) -> None:
    assert _recall(noise, most=10) == pytest.approx(0.25, abs=0.06)


def test_what_happens_later_changes_nothing(rhythmic: Purchases) -> None:
    day = DAYS - 56.0
    size = {"customers": CUSTOMERS, "products": PRODUCTS}
    known = protocols.cut(rhythmic.before(day + 28), day, **size)
    assert np.array_equal(protocols.cut(rhythmic, day, **size).x, known.x)


def test_one_live_customer_has_the_features_of_the_batch(rhythmic: Purchases) -> None:
    size = {"customers": CUSTOMERS, "products": PRODUCTS}
    batch = protocols.cut(rhythmic, DAYS - 28.0, **size)
    past = shelves.recoded(rhythmic.before(DAYS - 28.0), batch.shelf.products, PRODUCTS)
    late = rhythmic.where(rhythmic.day >= DAYS - 28.0)
    for one in (0, 7, 79):
        mine = past.where(past.customer == one)
        mine.customer[:] = 0
        now = late.day[late.customer == one].min()
        rows = batch.rows.where(batch.rows.customer == one)
        rows.customer[:] = 0
        live = baskets.features(batch.shelf, mine, rows, np.array([now]))
        assert np.allclose(live, batch.x[batch.rows.customer == one], atol=1e-5)


def test_a_model_survives_its_file(
    model: ranking.RankingModel, rhythmic: Purchases
) -> None:
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **model.arrays())
    file.seek(0)
    again = ranking.RankingModel.restored(
        model.header(), dict(np.load(file, allow_pickle=False))
    )
    mine = rhythmic.where(rhythmic.customer == 0)
    assert np.array_equal(
        ranking.rank(model, mine, now=DAYS).score,
        ranking.rank(again, mine, now=DAYS).score,
    )


def test_a_model_of_other_features_is_refused(model: ranking.RankingModel) -> None:
    with pytest.raises(ValueError, match="other features"):
        ranking.RankingModel.restored({"features": ["x"]}, model.arrays())


def test_parts_add_up_to_the_score(
    model: ranking.RankingModel, rhythmic: Purchases
) -> None:
    found = ranking.rank(model, rhythmic.where(rhythmic.customer == 0), now=DAYS)
    assert np.allclose(found.parts.sum(1) + model.ranker.bias, found.score)


def test_the_excluded_are_never_shown(
    model: ranking.RankingModel, rhythmic: Purchases
) -> None:
    mine = rhythmic.where(rhythmic.customer == 0)
    first = ranking.rank(model, mine, now=DAYS).product[0]
    gone = np.arange(len(model.skus)) == first
    assert first not in ranking.rank(model, mine, now=DAYS, excluded=gone).product


def test_a_customer_without_orders_gets_best_sellers(
    model: ranking.RankingModel, rhythmic: Purchases
) -> None:
    nobody = rhythmic.where(np.zeros(0, np.int64))
    assert len(ranking.rank(model, nobody, now=DAYS, most=5).product) == 5


def test_the_night_leaves_the_customer_out_of_his_own_neighbours(
    model: ranking.RankingModel,
) -> None:
    near = model.shelf.neighbours
    mine = slice(near.first[3], near.first[4])
    found = near.nearest(near.item[mine], near.weight[mine], me=3)
    assert 3 not in found
    assert len(found)


def test_a_price_on_sameness_buys_categories() -> None:
    score = np.array([5.0, 4.9, 4.8, 1.0, 0.0])
    category = np.array([0, 0, 0, 1, 2], np.int32)
    assert diverse(score, category, most=3).tolist() == [0, 1, 2]
    assert diverse(score, category, most=3, price=0.9).tolist() == [0, 3, 1]


def test_products_always_bought_together_complete_each_other(noise: Purchases) -> None:
    item = noise.product.copy()
    first = np.unique(noise.order, return_index=True)[1]
    half = first[noise.order[first] % 2 == 0]
    item[half], item[half + 1] = 0, 1
    paired = replace(noise, product=item)
    found = together.fit(paired, products=PRODUCTS)
    assert found.of(0)[0] == 1
    assert found.lift[0, 0] > 1
    assert isinstance(found, companions.Companions)
    assert found.completing(np.array([0]))[0] == 1


def test_trials_ask_for_the_first_order_only(rhythmic: Purchases) -> None:
    size = {"customers": CUSTOMERS, "products": PRODUCTS}
    trial = protocols.cut(rhythmic, DAYS - 28.0, **size)
    assert set(trial.wanted) == {5}
    assert len(trial.asked) == CUSTOMERS
    assert np.array_equal(np.unique(trial.truth // ranked.SPAN), np.arange(CUSTOMERS))


def test_the_shelf_counts_whole_orders(rhythmic: Purchases) -> None:
    shop = shelves.shelf(rhythmic, customers=CUSTOMERS, products=PRODUCTS, day=DAYS)
    bought = pairs(rhythmic, rhythmic.product, day=DAYS)
    assert shop.popular.sum() == pytest.approx(5.0)
    assert len(shop.products) == len(np.unique(bought.item))
