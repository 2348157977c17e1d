"""Kinds of questions are learnt from examples, and how far a guess can be believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions import intents, spelt

FILLED = st.text(min_size=1, max_size=40)
WORDS = {
    "offers": "deal bargain discount reduction",
    "ends": "until when expires last",
    "refund": "money back returned paid",
}


def made(rng: np.random.Generator, size: int) -> tuple[list[str], list[str]]:
    """Return texts of three kinds, which their words tell."""
    kinds = [list(WORDS)[i % 3] for i in range(size)]
    fill = ["the", "a", "my", "for", "shop", "please", "tea"]
    texts = []
    for kind in kinds:
        own = rng.choice(WORDS[kind].split(), 1)
        texts.append(" ".join([*rng.choice(fill, 4), *own]))
    return texts, kinds


def vectors(rng: np.random.Generator, size: int) -> np.ndarray:
    rows = rng.standard_normal((size, 16)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def dense(rows: spelt.Rows) -> np.ndarray:
    found = np.zeros(rows.shape, np.float32)
    found[rows.row, rows.column] = rows.value
    return found


def test_weights_are_those_of_the_equations_solved_at_once() -> None:
    rng = np.random.default_rng(3)
    texts, kinds = made(rng, 240)
    meaning = vectors(rng, 240)

    found = intents.fit(texts, kinds, meaning, np.zeros(4))

    letters = dense(found.spelling.rows(texts))
    rows = np.hstack([intents.MEANING**0.5 * meaning, letters]).astype(float)
    truth = np.array([[float(kind == one) for one in found.kinds] for kind in kinds])
    square = rows.T @ rows + intents.RIDGE * np.eye(rows.shape[1])
    exact = np.linalg.solve(square, rows.T @ (truth - 1 / 4))
    assert np.abs(rows @ found.weights - rows @ exact).max() < 0.01


@pytest.mark.parametrize("kinds_before", ["the same", "others"])
def test_what_was_learnt_before_shortens_the_way_and_changes_nothing(
    kinds_before: str,
) -> None:
    rng = np.random.default_rng(11)
    texts, kinds = made(rng, 240)
    meaning = vectors(rng, 240)
    few = kinds[:230] if kinds_before == "the same" else ["x"] * 230
    before = intents.fit(texts[:230], few, meaning[:230], np.zeros(4))

    alone = intents.fit(texts, kinds, meaning, np.zeros(4))
    after = intents.fit(texts, kinds, meaning, np.zeros(4), before=before)

    assert after.kinds == alone.kinds
    (_, facts), (_, others) = (one.weighed(texts, meaning) for one in (alone, after))
    assert np.abs(facts - others).max() < 0.01


def test_a_word_that_tells_a_kind_is_found_and_noise_is_not_believed() -> None:
    rng = np.random.default_rng(5)
    texts, kinds = made(rng, 600)
    meaning = vectors(rng, 600)
    shuffled = list(rng.permutation(kinds))

    told = intents.belief_of(texts, kinds, meaning)
    noise = intents.belief_of(texts, shuffled, meaning)

    new, truth = made(rng, 90)
    their = vectors(rng, 90)
    sure = intents.fit(texts, kinds, meaning, told).guess(new, their)
    unsure = intents.fit(texts, shuffled, meaning, noise).guess(new, their)
    assert np.mean([g.kind == t for g, t in zip(sure, truth, strict=True)]) > 0.95
    assert np.mean([one.chance for one in sure]) > 0.9
    assert np.mean([one.chance for one in unsure]) < 0.5


def test_one_more_example_counts() -> None:
    rng = np.random.default_rng(7)
    texts, kinds = made(rng, 120)
    meaning = vectors(rng, 120)
    odd, where = "zanzibar", vectors(rng, 1)

    more = intents.fit(
        [*texts, odd], [*kinds, "ends"], np.vstack([meaning, where]), np.zeros(4)
    )

    assert more.guess([odd], where)[0].kind == "ends"


@given(FILLED, FILLED)
def test_a_text_s_row_has_length_one_or_nothing_known(one: str, other: str) -> None:
    rows = dense(spelt.learn([one]).rows([one, other]))

    for length in np.linalg.norm(rows, axis=1):
        assert length == pytest.approx(1, abs=1e-5) or length == 0


def test_pieces_are_words_their_letters_and_pairs_of_han() -> None:
    assert {"=tea", "<te", "tea>", " tea", "tea "} <= {*spelt.pieces("Tea")}
    assert {"#包", "#包邮"} <= {*spelt.pieces("包邮")}
    assert not list(spelt.pieces("?!"))


@given(st.lists(FILLED, min_size=1, max_size=5), st.integers(1, 3))
def test_sparse_products_are_those_of_the_whole_table(
    texts: list[str], wide: int
) -> None:
    rows = spelt.learn(texts[::2]).rows(texts)
    table = dense(rows)
    rng = np.random.default_rng(1)
    down = rng.random((rows.shape[1], wide), np.float32)
    up = rng.random((rows.shape[0], wide), np.float32)

    assert rows @ down == pytest.approx(table @ down, abs=1e-5)
    assert rows.across(up) == pytest.approx(table.T @ up, abs=1e-5)


def test_of_no_examples_nothing_is_guessed() -> None:
    rng = np.random.default_rng(9)
    learnt = intents.fit([""], [""], vectors(rng, 1), np.array([2.0, 8.0, 0.5, -1.5]))

    (guess,) = learnt.guess(["anything"], vectors(rng, 1))
    assert guess.kind == ""
    assert guess.chance < 0.5
