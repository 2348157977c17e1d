"""The metrics agree with examples worked by hand."""

from math import log2

import numpy as np
import pytest

from ml import ranked

TOP = np.array([[5, 2, 9], [1, 3, -1]])
TRUTH = np.sort(ranked.keys(np.array([0, 0, 1]), np.array([2, 9, 4])))
WANTED = np.array([4, 1])


def test_hits_are_of_the_list_s_own_truth() -> None:
    assert ranked.hits(TOP, TRUTH).tolist() == [[False, True, True], [False] * 3]


def test_what_the_shop_cannot_rank_still_counts_as_missed() -> None:
    found = ranked.quality(ranked.hits(TOP, TRUTH), WANTED)
    assert found.recall.tolist() == [0.5, 0.0]
    assert found.hit.tolist() == [1.0, 0.0]


def test_the_two_definitions_of_ndcg_differ_by_their_ideal() -> None:
    found = ranked.quality(ranked.hits(TOP, TRUTH), WANTED)
    got = 1 / log2(3) + 1 / log2(4)
    three = 1 + 1 / log2(3) + 1 / log2(4)
    assert found.ndcg[0] == pytest.approx(got / three)
    assert found.ndcg_all[0] == pytest.approx(got / (three + 1 / log2(5)))


def test_repeat_and_explore_recall_add_up() -> None:
    hit = ranked.hits(TOP, TRUTH)
    own = TOP == 2
    whole = ranked.quality(hit, WANTED).recall.mean()
    parts = (ranked.share(hit, own, WANTED), ranked.share(hit, ~own, WANTED))
    assert parts == (0.125, 0.125)
    assert sum(parts) == pytest.approx(whole)


def test_diversity_counts_categories_and_unknown_ones_differ() -> None:
    category = np.array([0, 0, 1, 0, 2, 1, 0, 0, 0, -1], np.int32)
    assert ranked.distinct(TOP, category) == 1.5
    assert ranked.unlikeness(TOP, category) == pytest.approx((2 / 3 + 0) / 2)
    assert ranked.coverage(TOP, 10) == 0.5


def test_a_gain_over_cuts_carries_the_paired_error() -> None:
    ours = [np.array([0.2, 0.4]), np.array([0.3, 0.5])]
    theirs = [np.array([0.1, 0.1]), np.array([0.3, 0.3])]
    gain = ranked.gain(ours, theirs)
    assert gain.value == pytest.approx(0.15)
    assert gain.error == pytest.approx(np.sqrt(0.01 + 0.01) / 2)
