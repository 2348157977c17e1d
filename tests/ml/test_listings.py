"""What listings say, and what was meant by a word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml import listings
from ml.listings import Listing, Vocabulary

OURS = Vocabulary({"shampoo": 40, "milk": 90, "yogurt": 30, "strawberry": 7, "牛奶": 3})


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (Listing(name="Fluid Milk", category="MILK/WHITE"), "fluid milk. milk white"),
        (Listing(name="Tea", description="Tea"), "tea"),
        (Listing(name="Tea", description="<b>Green</b>\n leaf"), "tea. green leaf"),
        (Listing(name="绿茶", size="100 克"), "绿茶. 100 克"),
        (Listing(name="A\0B", brand=" "), "ab"),
    ],
)
def test_a_listing_is_one_plain_line(one: Listing, text: str) -> None:
    assert listings.described(one) == text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Red wines, RED", ["red", "wine"]),
        ("berries boxes glass bus", ["berry", "box", "glass", "bus"]),
        ("低脂牛奶 1L", ["低脂", "脂牛", "牛奶", "1l"]),
        ("酒", ["酒"]),
        ("", []),
    ],
)
def test_words_of_both_languages(text: str, found: list[str]) -> None:
    assert listings.words(text) == found


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("milk", ["milk"]),
        ("shampo", ["shampoo"]),
        ("strawbery", ["strawberry"]),
        ("yog", ["yogurt"]),
        ("mlk", []),
        ("xyzzy", []),
        ("m1lk", []),
        ("牛奶", ["牛奶"]),
        ("马奶", []),
    ],
)
def test_a_slip_is_mended_a_stranger_is_not(said: str, meant: list[str]) -> None:
    assert OURS.spelt(said) == meant


def test_a_rare_word_says_more() -> None:
    assert OURS.weight("strawberry") > OURS.weight("milk") > 0


def test_common_words_find_nothing_where_rare_ones_find_enough() -> None:
    asked = ["milk", "yogurt", "strawberry"]
    assert OURS.telling(asked, least=5) == ["strawberry"]
    assert OURS.telling(asked, least=20) == ["strawberry", "yogurt"]
    assert OURS.telling(["milk"], least=5) == ["milk"]
    assert OURS.telling([], least=5) == []


def test_who_is_high_in_both_rankings_wins() -> None:
    fused = listings.fused(["a", "b", "c"], ["b", "d", "a"])
    assert list(fused)[:2] == ["b", "a"]
    assert listings.fused(["a"], ["a"]) == {"a": 1.0}
    assert listings.fused([], []) == {}


@given(st.lists(st.tuples(st.integers(), st.integers(0, 3)), unique_by=lambda x: x[0]))
def test_spreading_keeps_all_and_the_order_within_a_group(
    rows: list[tuple[int, int]],
) -> None:
    spread = listings.spread(rows, most=2)
    assert sorted(spread) == sorted(key for key, _ in rows)
    of = dict(rows)
    for group in range(4):
        assert [key for key in spread if of[key] == group] == [
            key for key, other in rows if other == group
        ]


@given(st.text(max_size=80))
def test_any_text_can_be_asked_for(text: str) -> None:
    for word in listings.words(text):
        assert word
        assert "'" not in word
        assert OURS.spelt(word) is not None
