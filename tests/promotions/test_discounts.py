from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.discounts import (
    Applied,
    Gift,
    Line,
    Missed,
    Percentage,
    Terms,
    Threshold,
    apply,
    split,
    words,
)

CENT = Decimal("0.01")


def line(
    price: str, quantity: int = 1, category: str = "TEA", floor: str = "0"
) -> Line:
    return Line(
        sku=category.lower(),
        category=category,
        quantity=quantity,
        price=Decimal(price),
        floor=Decimal(floor),
    )


TEN = Percentage(rate=Decimal("0.10"))
FIVE_OFF = Threshold(spend=Decimal(20), amount=Decimal(5))
MUG = Gift(spend=Decimal(20), sku="mug", name="Mug", value=Decimal(4))


@pytest.mark.parametrize(
    ("terms", "lines", "expected"),
    [
        (TEN, [line("10.00")], {0: Decimal("1.00")}),
        (TEN, [line("10.00", 3)], {0: Decimal("3.00")}),
        (TEN, [line("9.99")], {0: Decimal("0.99")}),
        (TEN, [line("10.00"), line("2.00", category="MILK")], {0: Decimal("1.00")}),
        (TEN, [line("10.00", floor="9.50")], {0: Decimal("0.50")}),
        (FIVE_OFF, [line("20.00")], {0: Decimal("5.00")}),
        (
            FIVE_OFF,
            [line("10.00"), line("20.00")],
            {0: Decimal("1.67"), 1: Decimal("3.33")},
        ),
        (
            FIVE_OFF,
            [line("10.00", floor="9.00"), line("20.00")],
            {0: Decimal(1), 1: Decimal(4)},
        ),
    ],
)
def test_terms_discount_the_lines_in_scope(
    terms: Terms, lines: list[Line], expected: dict[int, Decimal]
) -> None:
    applied = apply(terms, lines, scope=["TEA"], unit=CENT)

    assert isinstance(applied, Applied)
    assert dict(applied.lines) == expected


@pytest.mark.parametrize(
    ("terms", "lines", "reason", "more"),
    [
        (TEN, [], "nothing_in_scope", Decimal(0)),
        (TEN, [line("2.00", category="MILK")], "nothing_in_scope", Decimal(0)),
        (TEN, [line("10.00", floor="10.00")], "margin_floor", Decimal(0)),
        (FIVE_OFF, [line("2.00", category="MILK")], "nothing_in_scope", Decimal(20)),
        (FIVE_OFF, [line("16.80")], "below_threshold", Decimal("3.20")),
        (FIVE_OFF, [line("20.00", floor="16.00")], "margin_floor", Decimal(0)),
        (MUG, [line("19.99")], "below_threshold", Decimal("0.01")),
        (MUG, [line("20.00", floor="17.00")], "margin_floor", Decimal(0)),
    ],
)
def test_terms_that_do_not_apply_say_why_and_what_is_missing(
    terms: Terms, lines: list[Line], reason: str, more: Decimal
) -> None:
    missed = apply(terms, lines, scope=["TEA"], unit=CENT)

    assert missed == Missed(reason=reason, more=more)


def test_a_gift_takes_nothing_off_the_lines() -> None:
    applied = apply(MUG, [line("20.00")], scope=["TEA"], unit=CENT)

    assert applied == Applied(lines={}, gift="mug", gift_value=Decimal(4))


def test_an_empty_scope_is_the_whole_basket() -> None:
    lines = [line("10.00"), line("10.00", category="MILK")]

    assert apply(FIVE_OFF, lines, scope=[], unit=CENT) == Applied(
        lines={0: Decimal("2.50"), 1: Decimal("2.50")}
    )


def test_yen_have_no_decimals() -> None:
    applied = apply(TEN, [line("105")], scope=[], unit=Decimal(1))

    assert applied == Applied(lines={0: Decimal(10)})


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        (TEN, "10 % off"),
        (FIVE_OFF, "spend 20 USD, get 5 USD off"),
        (MUG, "spend 20 USD, get “Mug” free"),
    ],
)
def test_terms_have_words(terms: Terms, said: str) -> None:
    assert words(terms, "USD") == said


amounts = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(9999), places=2)


@given(amounts, st.lists(amounts, min_size=1, max_size=30))
def test_parts_add_up_to_the_whole_and_are_fair(
    amount: Decimal, weights: list[Decimal]
) -> None:
    shares = dict(enumerate(weights))

    parts = split(amount, shares, CENT)

    assert sum(parts.values()) == amount
    for i, part in parts.items():
        exact = amount * shares[i] / sum(weights)
        assert abs(part - exact) < CENT


prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(500), places=2)
lines = st.builds(
    lambda price, cut, quantity, category: Line(
        sku="x",
        category=category,
        quantity=quantity,
        price=price,
        floor=(price * cut).quantize(CENT),
    ),
    prices,
    st.decimals(min_value=0, max_value=1, places=3),
    st.integers(1, 20),
    st.sampled_from(["TEA", "MILK"]),
)
terms = st.one_of(
    st.builds(Percentage, rate=st.decimals(Decimal("0.01"), Decimal(1), places=2)),
    st.builds(
        Threshold,
        spend=st.decimals(Decimal(1), Decimal(300), places=2),
        amount=st.decimals(Decimal("0.01"), Decimal(300), places=2),
    ),
)


@given(terms, st.lists(lines, max_size=12), st.sampled_from([[], ["TEA"]]))
def test_no_line_ever_goes_below_its_floor(
    terms: Terms, lines: list[Line], scope: list[str]
) -> None:
    outcome = apply(terms, lines, scope=scope, unit=CENT)

    if isinstance(outcome, Missed):
        return
    for i, off in outcome.lines.items():
        assert 0 < off <= lines[i].room
        assert not scope or lines[i].category in scope
        assert off == off.quantize(CENT)
    if isinstance(terms, Threshold):
        in_scope = [ln for ln in lines if not scope or ln.category in scope]
        whole = sum((ln.amount for ln in in_scope), Decimal(0))
        assert outcome.discount == min(terms.amount, whole)
