"""What each kind of terms is worth on a basket, in cents."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.coins import (
    Applied,
    Coins,
    Left,
    Line,
    Missed,
    More,
    Rounding,
    rounded,
    split,
)
from promotions.conditions import Scope
from promotions.discounts import apply
from promotions.rules import (
    Amount,
    Bundle,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Rule,
    Shipping,
    Slot,
    Terms,
    Threshold,
    Tier,
)

CENTS = Coins(unit=Decimal("0.01"))
PLAIN = Rule()


def line(price: int, quantity: int = 1, category: str = "TEA", sku: str = "") -> Line:
    sku = sku or category.lower()
    return Line(sku=sku, category=category, quantity=quantity, price=price)


def given_by(
    terms: Terms,
    lines: Sequence[Line],
    *,
    floor: float = 0,
    shipping: int = 0,
    rule: Rule = PLAIN,
    coins: Coins = CENTS,
    categories: Sequence[str] = ("TEA",),
) -> Applied | Missed:
    """Apply terms to lines of which each may be sold at `floor` times its price."""
    room = [int(one.price * (1 - floor)) * one.quantity for one in lines]
    left = Left(
        lines=lines,
        amount=[one.amount for one in lines],
        room=room,
        shipping=shipping,
        spare=sum(room),
    )
    inside = Scope.of(rule, terms, categories).inside(lines)
    return apply(terms, left, inside, coins, rule)


def rate(text: str) -> Percentage:
    return Percentage(rate=Decimal(text))


TEN = rate("0.10")
FIVE_OFF = Threshold(spend=Decimal(20), amount=Decimal(5))
TIERS = Threshold(
    spend=Decimal(20),
    amount=Decimal(2),
    higher=(
        Tier(spend=Decimal(40), amount=Decimal(6)),
        Tier(spend=Decimal(60), rate=Decimal("0.2")),
    ),
)
MUG = Gift(spend=Decimal(20), sku="mug", name="Mug", value=Decimal(4))
THREE_FOR_TWO = Multibuy(take=3)
SECOND_HALF = Multibuy(take=2, rate=Decimal("0.5"))
SET = Bundle(
    slots=(Slot(categories=("TEA",)), Slot(quantity=2, categories=("MILK",))),
    price=Decimal(10),
)


@pytest.mark.parametrize(
    ("terms", "lines", "expected"),
    [
        (TEN, [line(1000)], {0: 100}),
        (TEN, [line(1000, 3)], {0: 300}),
        (TEN, [line(999)], {0: 99}),
        (TEN, [line(1000), line(200, category="MILK")], {0: 100}),
        (
            Percentage(rate=Decimal("0.10"), each="order"),
            [line(995), line(995, sku="b")],
            {0: 100, 1: 99},
        ),
        (Amount(amount=Decimal(3)), [line(1000), line(2000)], {0: 100, 1: 200}),
        (Amount(amount=Decimal(3)), [line(100)], {0: 100}),
        (Amount(amount=Decimal(3), each="unit"), [line(1000, 2)], {0: 600}),
        (Amount(amount=Decimal(3), each="line"), [line(1000, 2)], {0: 300}),
        (FixedPrice(price=Decimal(8)), [line(1000, 2), line(500)], {0: 400}),
        (FIVE_OFF, [line(2000)], {0: 500}),
        (FIVE_OFF, [line(1000), line(2000)], {0: 167, 1: 333}),
        (TIERS, [line(2000)], {0: 200}),
        (TIERS, [line(4500)], {0: 600}),
        (TIERS, [line(6000)], {0: 1200}),
        (THREE_FOR_TWO, [line(500, 3)], {0: 500}),
        (THREE_FOR_TWO, [line(500, 7)], {0: 1000}),
        (THREE_FOR_TWO, [line(500, 2), line(300, 1)], {1: 300}),
        (THREE_FOR_TWO, [line(900), line(800), line(700), line(100)], {2: 700}),
        (SECOND_HALF, [line(999, 2)], {0: 499}),
        (Multibuy(take=3, times=1), [line(500, 9)], {0: 500}),
        (
            Multibuy(take=2, same_sku=True),
            [line(500, 1), line(400, 2, sku="b")],
            {1: 400},
        ),
        (SET, [line(800), line(300, 2, "MILK")], {0: 229, 1: 171}),
        (SET, [line(800, 2), line(300, 5, "MILK")], {0: 457, 1: 343}),
        (SET, [line(500, 3), line(800), line(300, 2, "MILK")], {1: 229, 2: 171}),
    ],
)
def test_terms_discount_the_lines_in_scope(
    terms: Terms, lines: list[Line], expected: dict[int, int]
) -> None:
    applied = given_by(terms, lines)

    assert isinstance(applied, Applied)
    assert dict(applied.lines) == expected


@pytest.mark.parametrize(
    ("terms", "lines", "reason", "more"),
    [
        (TEN, [], "nothing_in_scope", None),
        (TEN, [line(200, category="MILK")], "nothing_in_scope", None),
        (TEN, [line(0)], "nothing_in_scope", None),
        (TEN, [line(5)], "margin_floor", None),
        (FIVE_OFF, [line(200, category="MILK")], "nothing_in_scope", None),
        (FixedPrice(price=Decimal(8)), [line(700)], "cheaper_already", None),
        (MUG, [line(1999)], "below_threshold", More(spend=1)),
        (THREE_FOR_TWO, [line(500, 2)], "too_few_units", More(quantity=1)),
        (
            Multibuy(take=3, same_sku=True),
            [line(500, 2), line(500, 1, sku="b")],
            "too_few_units",
            More(quantity=1),
        ),
        (SET, [line(800)], "bundle_incomplete", More(quantity=2)),
        (SET, [line(300), line(100, 2, "MILK")], "cheaper_already", None),
        (Shipping(), [line(800)], "nothing_to_ship", None),
    ],
)
def test_terms_that_do_not_apply_say_why_and_what_is_missing(
    terms: Terms, lines: list[Line], reason: str, more: More | None
) -> None:
    assert given_by(terms, lines) == Missed(reason=reason, more=more)


@pytest.mark.parametrize(
    ("lines", "missing", "amount"),
    [
        ([line(1680)], 320, "2"),
        ([line(3999)], 1, "6"),
    ],
)
def test_the_next_tier_is_told(lines: list[Line], missing: int, amount: str) -> None:
    outcome = given_by(TIERS, lines)

    more = outcome.more if isinstance(outcome, Missed) else outcome.next
    assert more is not None
    assert more.tier is not None
    assert (more.spend, more.tier.amount) == (missing, Decimal(amount))


def test_tiers_may_count_units() -> None:
    volume = Threshold(
        spend=Decimal(1),
        amount=Decimal("0.50"),
        higher=(Tier(spend=Decimal(1), quantity=3, rate=Decimal("0.1")),),
    )

    outcome = given_by(volume, [line(1000, 2)])
    assert isinstance(outcome, Applied)
    assert outcome.next is not None
    assert (outcome.discount, outcome.next.quantity) == (50, 1)
    assert given_by(volume, [line(1000, 3)]) == Applied(lines={0: 300})


def test_a_rate_is_cut_at_the_floor_and_an_amount_moves_to_other_lines() -> None:
    assert given_by(TEN, [line(1000)], floor=0.95) == Applied(lines={0: 50})
    assert given_by(FIVE_OFF, [line(2000)], floor=0.8) == Missed(reason="margin_floor")
    lines = [line(1000), line(2000, sku="b")]
    left = Left(lines=lines, amount=[1000, 2000], room=[100, 2000])
    assert apply(FIVE_OFF, left, [0, 1], CENTS, Rule()) == Applied(
        lines={0: 100, 1: 400}
    )


def test_a_gift_takes_nothing_off_the_lines_and_is_paid_by_the_basket() -> None:
    assert given_by(MUG, [line(2000)]) == Applied(gift="mug", gift_value=400)
    assert given_by(MUG, [line(2000)], floor=0.85) == Missed(reason="margin_floor")


@pytest.mark.parametrize(
    ("terms", "off"),
    [
        (Shipping(), 499),
        (Shipping(rate=Decimal("0.5")), 249),
        (Shipping(price=Decimal("1.99")), 300),
    ],
)
def test_shipping_is_free_or_reduced(terms: Terms, off: int) -> None:
    assert given_by(terms, [line(100)], shipping=499) == Applied(shipping=off)


def test_a_strategy_gives_no_more_than_its_caps() -> None:
    lines = [line(1000), line(3000, sku="b")]

    by_line = given_by(rate("0.5"), lines, rule=Rule(most_per_line=Decimal(6)))
    by_order = given_by(rate("0.5"), lines, rule=Rule(most_per_order=Decimal(6)))

    assert by_line == Applied(lines={0: 500, 1: 600})
    assert by_order == Applied(lines={0: 150, 1: 450})


def test_an_empty_scope_is_the_whole_basket_and_brands_and_skus_make_one() -> None:
    tea = Line(sku="tea", category="TEA", brand="Acme", quantity=1, price=1000)
    milk = line(1000, category="MILK")

    def lines_of(rule: Rule, *categories: str) -> dict[int, int]:
        found = given_by(TEN, [tea, milk], rule=rule, categories=categories)
        return dict(found.lines) if isinstance(found, Applied) else {}

    assert lines_of(Rule()) == {0: 100, 1: 100}
    assert lines_of(Rule(brands=("Acme",))) == {0: 100}
    assert lines_of(Rule(skus=("milk",))) == {1: 100}
    assert lines_of(Rule(skus=("milk",)), "TEA") == {0: 100, 1: 100}
    assert lines_of(Rule(excluded_skus=("milk",))) == {0: 100}


def test_yen_have_no_decimals() -> None:
    yen = Coins(unit=Decimal(1))

    assert given_by(TEN, [line(105)], coins=yen) == Applied(lines={0: 10})


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("down", [0, 0, 1]), ("half_up", [0, 1, 2]), ("half_even", [0, 0, 2])],
)
def test_the_shop_chooses_how_fractions_are_rounded(
    rounding: Rounding, expected: list[int]
) -> None:
    assert [rounded(top, 10, rounding) for top in (4, 5, 15)] == expected


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=30))
def test_parts_add_up_to_the_whole_and_are_fair(
    amount: int, weights: list[int]
) -> None:
    shares = dict(enumerate(weights))

    parts = split(amount, shares)

    whole = sum(weights)
    assert sum(parts.values()) == (amount if whole else 0)
    for i, part in parts.items():
        assert abs(part * whole - amount * shares[i]) < max(whole, 1)


lines = st.builds(
    line,
    st.integers(0, 50_000),
    st.integers(1, 20),
    st.sampled_from(["TEA", "MILK"]),
    st.sampled_from(["a", "b", "c"]),
)
rates = st.decimals(Decimal("0.01"), Decimal(1), places=2)
money = st.decimals(Decimal("0.01"), Decimal(300), places=2)
every_kind = st.one_of(
    st.builds(Percentage, rate=rates, each=st.sampled_from(["line", "order"])),
    st.builds(Amount, amount=money, each=st.sampled_from(["unit", "line", "order"])),
    st.builds(FixedPrice, price=money),
    st.builds(Threshold, spend=money, amount=money),
    st.builds(Multibuy, take=st.integers(2, 5), rate=rates, same_sku=st.booleans()),
    st.builds(Bundle, slots=st.just(SET.slots), price=money),
)
WHOLE = (Threshold, Bundle)


@given(
    every_kind,
    st.lists(lines, max_size=12),
    st.floats(0, 1),
    st.sampled_from([(), ("TEA",)]),
)
def test_no_line_ever_goes_below_its_floor_or_below_zero(
    terms: Terms, lines: list[Line], floor: float, scope: tuple[str, ...]
) -> None:
    outcome = given_by(terms, lines, floor=floor, categories=scope)

    if isinstance(outcome, Missed):
        return
    for i, off in outcome.lines.items():
        assert 0 < off <= int(lines[i].price * (1 - floor)) * lines[i].quantity
        assert isinstance(terms, Bundle) or not scope or lines[i].category in scope
    if isinstance(terms, Threshold):
        inside = sum(ln.amount for ln in lines if not scope or ln.category in scope)
        assert outcome.discount == min(CENTS.of(terms.amount), inside)


@given(st.lists(lines, min_size=1, max_size=8), st.integers(2, 5))
def test_of_each_group_the_cheapest_units_are_free(
    lines: list[Line], take: int
) -> None:
    units = sorted((ln.price for ln in lines for _ in range(ln.quantity)), reverse=True)
    groups = len(units) // take
    expected = sum(units[take * n + take - 1] for n in range(groups))

    outcome = given_by(Multibuy(take=take), lines, categories=())

    got = outcome.discount if isinstance(outcome, Applied) else 0
    assert got == expected
