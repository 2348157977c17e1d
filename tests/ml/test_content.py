"""Names stand in for orders where there are none."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ml.content import Content

NAMES = ["Green Tea Sencha", "Black Tea Assam", "Hand Soap", "Dish Soap", "Oat Milk"]
EVERY = np.arange(len(NAMES))


def test_the_nearest_name_comes_first() -> None:
    known = Content.of(NAMES, ["", "50 G", "", "1 L", "1 L"])

    assert known.alike("White Tea Sencha", "", EVERY).argmax() == 0
    assert known.alike("Soap for Dishes", "", EVERY).argmax() == 3
    same = known.alike("Tea", "50 g", EVERY) - known.alike("Tea", "", EVERY)
    assert np.allclose(same, [0, 0.1, 0, 0, 0])


def test_a_name_of_unknown_letters_is_like_none() -> None:
    known = Content.of(NAMES, [""] * len(NAMES))

    assert not known.alike("", "", EVERY[:0]).size
    assert np.isfinite(known.alike("", "", EVERY)).all()
    assert (known.alike("Ωξψ", "", EVERY) < 0.5).all()


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.text(max_size=30))
def test_likeness_is_a_cosine_whatever_the_text(names: list[str], asked: str) -> None:
    known = Content.of(names, [""] * len(names))

    found = known.alike(asked, "", np.arange(len(names)))

    assert ((found > -1e-3) & (found < 1 + 1e-3)).all()
