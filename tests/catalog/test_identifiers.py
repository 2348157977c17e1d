"""GTINs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.identifiers import canonical, is_gtin


@pytest.mark.parametrize(
    ("number", "right"),
    [
        ("4006381333931", True),
        ("036000291452", True),
        ("96385074", True),
        ("10012345000017", True),
        ("4006381333932", False),
        ("36000291452", False),
        ("", False),
        ("400638133393X", False),
    ],
)
def test_a_check_digit_tells_a_gtin(number: str, *, right: bool) -> None:
    assert is_gtin(number) is right


@given(st.text("0123456789", min_size=12, max_size=12), st.integers(0, 11))
def test_no_single_wrong_digit_passes(digits: str, place: int) -> None:
    whole = next(n for n in (f"{digits}{d}" for d in range(10)) if is_gtin(n))
    other = str((int(whole[place]) + 1) % 10)

    assert not is_gtin(whole[:place] + other + whole[place + 1 :])


def test_a_upc_is_the_ean_with_a_nought_before_it() -> None:
    assert canonical("036000291452") == canonical("0036000291452")
