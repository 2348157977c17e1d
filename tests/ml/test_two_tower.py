"""Keras, kept short: importing it takes longer than all of its tests' training."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml import bags, two_tower, vectors
from ml.two_tower import Settings, Trained
from tests.ml.planted import CUSTOMERS, ITEMS, purchases

SMALL = Settings(size=8, hidden=8, batch=64, rate=0.01, passes=4)
CONTENT = {"category": (np.arange(ITEMS) % 2).astype(np.int32)}
LAST = 17_077.0


def trained(*, signal: bool, settings: Settings = SMALL) -> Trained:
    past = purchases(signal=signal)
    days = [17_014.0 + 7 * week for week in range(9)]
    told = bags.examples(past, past.product, days=days, customers=CUSTOMERS)
    check = bags.examples(past, past.product, days=[LAST - 7], customers=CUSTOMERS)
    return two_tower.train(told, check, CONTENT, seed=0, settings=settings)


def bag_of(*, signal: bool) -> bags.Bags:
    past = purchases(signal=signal).before(LAST)
    return bags.bags(past, past.product, day=LAST, customers=CUSTOMERS)


@pytest.fixture(scope="module")
def found() -> Trained:
    return trained(signal=True)


def test_planted_kinds_are_found(found: Trained) -> None:
    score = vectors.scores(found.vectors(bag_of(signal=True)), np.arange(CUSTOMERS))

    like = np.arange(CUSTOMERS)[:, None] % 2 == np.arange(ITEMS) % 2
    top = np.argsort(-score, axis=1)[:, :10]
    assert np.take_along_axis(like, top, 1).mean() > 0.9


def test_on_noise_popularity_is_not_beaten() -> None:
    future = purchases(signal=False, seed=9)
    taken = np.zeros((CUSTOMERS, ITEMS), bool)
    taken[future.customer, future.product] = True
    past = purchases(signal=False)
    best = np.argsort(-np.bincount(past.product, minlength=ITEMS))[:10]

    got = trained(signal=False).vectors(bag_of(signal=False))
    top = np.argsort(-vectors.scores(got, np.arange(CUSTOMERS)), axis=1)[:, :10]

    assert np.take_along_axis(taken, top, 1).mean() <= taken[:, best].mean()


def test_numpy_serves_what_keras_computes(found: Trained) -> None:
    bag = bag_of(signal=True)
    inputs = [bag.item, bag.weight, bag.context, np.arange(ITEMS, dtype=np.int32)]

    served = vectors.scores(found.vectors(bag), np.arange(CUSTOMERS))

    np.testing.assert_allclose(served, found.model(inputs), atol=1e-5, rtol=1e-5)


def test_the_file_gives_the_same_arrays_back(found: Trained, tmp_path: Path) -> None:
    two_tower.save(found.model, tmp_path / "towers.keras")

    again = two_tower.load(tmp_path / "towers.keras")

    np.testing.assert_array_equal(two_tower.item_vectors(again), found.items)
    np.testing.assert_array_equal(two_tower.tower(again).hidden, found.tower.hidden)


def test_the_same_seed_gives_the_same_arrays(found: Trained) -> None:
    again = trained(signal=True)

    assert (again.items == found.items).all()
    assert (again.tower.out == found.tower.out).all()


def test_training_stops_when_it_only_learns_by_heart() -> None:
    eager = replace(SMALL, passes=40, patience=1, rate=0.05, hidden_items=0.0)

    told = trained(signal=False, settings=eager)

    assert len(told.validation) < 40
    assert told.validation[-1] > min(told.validation)


def test_a_new_product_is_placed_by_its_content(found: Trained) -> None:
    new = two_tower.newcomers(found.model, {"category": np.array([0, 1, -1])})
    got = found.vectors(bag_of(signal=True))

    score = got.customers @ new.T
    assert score[::2, 0].mean() > score[::2, 1].mean()
    assert score[1::2, 1].mean() > score[1::2, 0].mean()


def test_the_smallest_case_finds_which_share_matters() -> None:
    chance = np.random.default_rng(0)
    x = chance.dirichlet(np.ones(5), 3000).astype(np.float32)
    y = (x.argmax(axis=1) + 1) % 5

    weights, biases, losses = two_tower.softmax(x, y.astype(np.int32), seed=0)

    assert (np.argmax(x @ weights + biases, axis=1) == y).mean() > 0.8
    assert losses[-1] < losses[0]
