from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import sizes


@pytest.mark.parametrize(
    ("text", "amount", "unit", "packs"),
    [
        ("6x330 ml", "1980", "ml", 6),
        ("6 x 33cl", "1980", "ml", 6),
        ("0,5 L", "500", "ml", 1),
        ("0,125 l", "125", "ml", 1),
        ("1,000 g", "1000", "g", 1),
        ("1.5 L", "1500", "ml", 1),
        ("750ML", "750", "ml", 1),
        (".5 kg", "500", "g", 1),
        ("16 OZ", "453.592370", "g", 1),
        ("16 FL OZ", "473.1764730", "ml", 1),
        ("16 fl. oz.", "473.1764730", "ml", 1),
        ("12 PK/12 OZ", "4082.331330", "g", 12),
        ("187 ML/4 PK", "748", "ml", 4),
        (".5 L 6 PK", "3000", "ml", 6),
        ("4/375 ML", "1500", "ml", 4),
        ("1/2 GAL", "1892.705892", "ml", 1),
        ("14 1/4 OZ", "403.980704531250", "g", 1),
        ("1 LB 9 OZ", "708.738078125", "g", 1),
        ("8 CT/16 OZ", "453.592370", "g", 1),
        ("330 ml x 6", "1980", "ml", 6),
        ("20 CT", "20", "pc", 1),
        ("6 pack", "6", "pc", 6),
        ("1 dozen", "12", "pc", 1),
        ("440 SQ FT", "408773.3760", "cm2", 1),
        ("500克", "500", "g", 1),
        ("330毫升", "330", "ml", 1),
        ("2 斤", "1000", "g", 1),
    ],
)
def test_a_label_is_read(text: str, amount: str, unit: str, packs: int) -> None:
    assert sizes.parsed(text) == sizes.Size(amount=D(amount), unit=unit, packs=packs)


@pytest.mark.parametrize(
    "text",
    ["", "CTN", "MEDIUM", "PT", "0 g", "1/0 oz", "4 X3 X8.75 IN", "large", "7", "x ml"],
)
def test_what_says_nothing_clear_is_none(text: str) -> None:
    assert sizes.parsed(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("330 ml", "33 cl", True),
        ("16 OZ", "473 ml", True),  # a bare ounce may be fluid
        ("16 OZ", "454 g", True),
        ("16 OZ", "1 lb", True),
        ("16 FL OZ", "454 g", False),
        ("6x330 ml", "330 ml", False),
        ("12 OZ", "14 OZ", False),
        ("12 CT", "12 OZ", False),
        ("12 OZ", "", None),
        ("15 OZ", "15.25 OZ", False),
        ("1.4 OZ", "40 g", True),
        ("11.2 OZ", "330 ml", True),
        ("2 kg", "4x500 g", None),
        ("2x1 kg", "4x500 g", False),
    ],
)
def test_labels_are_compared_by_what_they_mean(
    one: str, other: str, same: bool | None
) -> None:
    assert sizes.same(one, other) is same
    assert sizes.same(other, one) is same


def test_a_name_is_left_without_its_size() -> None:
    assert sizes.without("Cola Zero 6x330 ml PET") == "cola zero pet"
    assert sizes.without("7 Up 2L") == "7 up"


def test_a_name_is_read_in_words_of_which_a_size_is_one() -> None:
    told = sizes.pieces("Green Tea, 100 g loose")
    assert [word for word, _ in told] == ["Green", "Tea,", "100 g", "loose"]
    assert [size is None for _, size in told] == [True, True, False, True]
    assert told[2][1] == sizes.pieces("100g")[0][1]


@given(st.text())
def test_no_word_of_a_name_is_lost(name: str) -> None:
    told = "".join("".join(word.split()) for word, _ in sizes.pieces(name))
    assert told.lower() == "".join(name.lower().split())


@given(st.text("0123456789 ./,x×-OZMLGPKCTf ", max_size=24))
def test_any_label_is_read_or_not_but_never_breaks(text: str) -> None:
    size = sizes.parsed(text)
    assert size is None or (0 < size.amount < sizes.MOST and size.packs >= 1)


@given(st.integers(1, 500), st.integers(1, 48), st.sampled_from(["ml", "g", "oz"]))
def test_packs_multiply(amount: int, packs: int, unit: str) -> None:
    one, many = (
        sizes.parsed(f"{amount} {unit}"),
        sizes.parsed(f"{packs}x{amount} {unit}"),
    )
    assert one is not None
    assert many is not None
    assert (many.amount, many.packs) == (one.amount * packs, packs)
