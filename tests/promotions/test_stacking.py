from decimal import Decimal
from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st

from promotions import stacking
from promotions.discounts import Applied


def off(**lines: str) -> Applied:
    return Applied(
        lines={int(key[1:]): Decimal(amount) for key, amount in lines.items()}
    )


def test_offers_on_different_lines_stack() -> None:
    chosen = stacking.best({"a": off(_0="1"), "b": off(_1="2")}, Decimal(100))

    assert set(chosen) == {"a", "b"}


def test_of_two_on_one_line_the_better_wins() -> None:
    assert stacking.best({"a": off(_0="1"), "b": off(_0="2")}, Decimal(100)) == ["b"]


def test_two_small_offers_beat_one_large_where_they_save_more() -> None:
    candidates = {"wide": off(_0="2", _1="2"), "a": off(_0="3"), "b": off(_1="3")}

    assert set(stacking.best(candidates, Decimal(100))) == {"a", "b"}


def test_gifts_are_paid_out_of_what_the_discounts_leave() -> None:
    gift = Applied(lines={}, gift="mug", gift_value=Decimal(4))

    assert set(stacking.best({"a": off(_0="3"), "gift": gift}, Decimal(7))) == {
        "a",
        "gift",
    }
    assert stacking.best({"a": off(_0="3"), "gift": gift}, Decimal(6)) == ["gift"]


def test_nothing_stacks_to_nothing() -> None:
    assert stacking.best({}, Decimal(10)) == []


applied = st.builds(
    lambda lines: Applied(lines=lines),
    st.dictionaries(st.integers(0, 4), st.integers(1, 9).map(Decimal), min_size=1),
)


@given(
    st.dictionaries(st.integers(), applied, max_size=6), st.integers(0, 60).map(Decimal)
)
def test_no_legal_combination_saves_more(
    candidates: dict[int, Applied], room: Decimal
) -> None:
    def legal(keys: tuple[int, ...]) -> bool:
        used = [line for key in keys for line in candidates[key].lines]
        return len(used) == len(set(used)) and saved(keys) <= room

    def saved(keys: tuple[int, ...]) -> Decimal:
        return sum((candidates[key].discount for key in keys), Decimal(0))

    chosen = tuple(stacking.best(candidates, room))

    every = chain.from_iterable(combinations(candidates, n) for n in range(7))
    assert legal(chosen)
    assert saved(chosen) == max(saved(keys) for keys in every if legal(keys))
