"""Which combination of strategies wins, case by case."""

from decimal import Decimal

import pytest

from promotions.coins import Line
from promotions.rules import Gift, Shipping
from promotions.stacking import Illegal, Objective, best
from promotions.turns import Pool
from tests.promotions.stacked import TEA, basket, candidate, cut, pool, won

MILK = Line(sku="milk", category="MILK", quantity=1, price=1000)


BOTH = basket(TEA, MILK)


def test_strategies_on_different_lines_stack() -> None:
    a, b = (
        candidate("a", cut("0.1"), BOTH, "TEA"),
        candidate("b", cut("0.2"), BOTH, "MILK"),
    )

    assert won([a, b], BOTH) == {"a": 100, "b": 200}


def test_of_two_on_one_line_the_better_wins() -> None:
    a, b = (
        candidate("a", cut("0.1"), BOTH, "TEA"),
        candidate("b", cut("0.2"), BOTH, "TEA"),
    )

    stack = best([a, b], BOTH)

    assert stack.applied.keys() == {"b"}
    assert stack.missed["a"].reason == "another_offer_is_better"


def test_two_small_ones_beat_a_large_one_where_they_save_more() -> None:
    wide = candidate("wide", cut("0.2"), BOTH)
    a = candidate("a", cut("0.15"), BOTH, "TEA")
    b = candidate("b", cut("0.3"), BOTH, "MILK")

    assert won([wide, a, b], BOTH) == {"a": 150, "b": 300}


def test_ten_and_twenty_per_cent_share_a_line_only_if_both_say_so() -> None:
    """Spree's PR 1923: 10 % and 20 % were both applied."""
    on = basket(TEA)
    plain = [candidate("a", cut("0.1"), on), candidate("b", cut("0.2"), on)]
    one = [plain[0], candidate("b", cut("0.2"), on, shares_lines=True)]
    both = [
        candidate("a", cut("0.1"), on, shares_lines=True),
        candidate("b", cut("0.2"), on, shares_lines=True, priority=1),
    ]

    assert won(plain, on) == won(one, on) == {"b": 200}
    assert won(both, on) == {"a": 100, "b": 200}


def test_a_rate_may_be_taken_of_what_is_left() -> None:
    on = basket(TEA)
    both = [
        candidate("a", cut("0.1"), on, shares_lines=True),
        candidate(
            "b", cut("0.2"), on, shares_lines=True, priority=1, basis="discounted"
        ),
    ]

    assert won(both, on) == {"a": 100, "b": 180}


def test_seventy_and_forty_per_cent_do_not_make_it_free() -> None:
    """Saleor's 17453: a voucher and a promotion gave the goods away."""
    on = basket(TEA)
    both = [
        candidate("a", cut("0.7"), on, shares_lines=True, floor=0.2),
        candidate("b", cut("0.4"), on, shares_lines=True, floor=0.1),
    ]

    assert sum(won(both, on).values()) == 800


def test_an_exclusive_one_stands_alone_if_it_is_better() -> None:
    a = candidate("a", cut("0.1"), BOTH, "TEA")
    b = candidate("b", cut("0.1"), BOTH, "MILK")

    small = candidate("small", cut("0.15"), BOTH, "TEA", exclusive=True)
    large = candidate("large", cut("0.25"), BOTH, "TEA", exclusive=True)

    assert won([a, b, small], BOTH).keys() == {"a", "b"}
    assert won([a, b, large], BOTH) == {"large": 250}


@pytest.mark.parametrize("objective", ["customer", "margin"])
@pytest.mark.parametrize(
    ("mode", "winner"), [("first", "a"), ("best", "b"), ("worst", "c")]
)
def test_one_of_a_group_applies_whatever_the_objective(
    mode: str, winner: str, objective: Objective
) -> None:
    lines = [
        Line(sku=name, category=name, quantity=1, price=1000)
        for name in ("x", "y", "z")
    ]
    on = basket(*lines)
    three = [
        candidate("a", cut("0.2"), on, "x", group="g", mode=mode, priority=1),
        candidate("b", cut("0.3"), on, "y", group="g", mode=mode, priority=2),
        candidate("c", cut("0.1"), on, "z", group="g", mode=mode, priority=3),
    ]

    assert won(three, on, objective=objective).keys() == {winner}


@pytest.mark.parametrize("objective", ["customer", "margin"])
def test_of_a_best_group_the_one_that_is_asked_for_applies(
    objective: Objective,
) -> None:
    both = [
        candidate("a", cut("0.2"), BOTH, "TEA", group="g", mode="best"),
        candidate("b", cut("0.3"), BOTH, "MILK", group="g", mode="best"),
    ]

    asked = won(both, BOTH, objective=objective, required=frozenset("a"))

    assert asked == {"a": 200}
    with pytest.raises(Illegal):
        best(both, BOTH, objective=objective, required=frozenset("ab"))


def test_gifts_are_paid_out_of_what_the_discounts_leave() -> None:
    gift = Gift(spend=Decimal(1), sku="mug", name="Mug", value=Decimal(4))

    for spare, expected in ((700, {"a", "gift"}), (600, {"gift"})):
        on = basket(TEA, spare=spare)
        both = [candidate("a", cut("0.3"), on), candidate("gift", gift, on)]
        assert won(both, on).keys() == expected


def test_shipping_is_reduced_once() -> None:
    on = basket(TEA, shipping=500)
    both = [
        candidate("free", Shipping(), on),
        candidate("half", Shipping(rate=Decimal("0.5")), on),
    ]

    assert won(both, on) == {"free": 500}


def test_a_campaign_pays_for_its_strategies_together() -> None:
    june = [pool(250, money=True)]
    both = [
        candidate("a", cut("0.1"), BOTH, "TEA", pools=june),
        candidate("b", cut("0.2"), BOTH, "MILK", pools=june),
    ]

    assert won(both, BOTH) == {"b": 200}


@pytest.mark.parametrize("shares", [False, True])
def test_the_best_uses_of_a_shared_limit_are_made(shares: bool) -> None:
    once, twice = [pool(1)], [pool(2)]
    tea = candidate("a", cut("0.1"), BOTH, "TEA", pools=once, shares_lines=shares)
    milk = candidate("b", cut("0.2"), BOTH, "MILK", pools=once, shares_lines=shares)
    free = candidate("c", cut("0.05"), BOTH, "TEA", pools=twice, shares_lines=shares)

    stack = best([tea, milk, free], BOTH)

    assert {key: one.worth for key, one in stack.applied.items()} == {
        "b": 200,
        "c": 50,
    }
    lost = stack.missed["a"]
    assert lost.beaten
    assert lost.reason == ("empty" if shares else "another_offer_is_better")


@pytest.mark.parametrize(
    ("shared", "expected"),
    [
        (pool(1), {"less": 400, "milk": 600}),
        (pool(900, money=True), {"less": 300, "milk": 600}),
    ],
)
def test_less_on_a_line_is_better_where_it_leaves_more_for_another(
    shared: Pool, expected: dict[str, int]
) -> None:
    money = [shared] if shared.money else []
    three = [
        candidate("more", cut("0.5"), BOTH, "TEA", pools=[shared]),
        candidate("less", cut("0.3" if money else "0.4"), BOTH, "TEA", pools=money),
        candidate("milk", cut("0.6"), BOTH, "MILK", pools=[shared]),
    ]

    assert won(three, BOTH) == expected


def test_who_is_beaten_by_a_shared_limit_is_told_so_and_who_is_beaten_is_not() -> None:
    once = [pool(1)]
    a = candidate("a", cut("0.1"), BOTH, "TEA", pools=once)
    b = candidate("b", cut("0.2"), BOTH, "MILK", pools=once)
    c = candidate("c", cut("0.15"), BOTH, "MILK", pools=once)

    stack = best([a, b, c], BOTH)

    assert stack.applied.keys() == {"b"}
    assert stack.missed["a"].reason == "empty"
    assert stack.missed["c"].reason == "another_offer_is_better"
    with pytest.raises(Illegal, match="b: empty"):
        best([a, b], BOTH, required=frozenset("ab"))


def test_the_last_gift_is_given_once() -> None:
    mug = Gift(spend=Decimal(1), sku="mug", name="Mug", value=Decimal(4))
    last, more = [pool(1)], [pool(2)]

    for stock, expected in ((last, {"a"}), (more, {"a", "b"})):
        both = [candidate(key, mug, BOTH, pools=stock) for key in "ab"]
        assert won(both, BOTH).keys() == expected


def test_a_gift_is_paid_above_its_own_strategys_floor() -> None:
    mug = Gift(spend=Decimal(1), sku="mug", name="Mug", value=Decimal(1))
    on = basket(TEA)

    for floor, expected in ((0.7, {"a", "mug"}), (0.71, {"a"})):
        both = [candidate("a", cut("0.2"), on), candidate("mug", mug, on, floor=floor)]
        assert won(both, on).keys() == expected


def test_a_smaller_discount_wins_where_it_leaves_what_a_gift_costs() -> None:
    mug = Gift(spend=Decimal(1), sku="mug", name="Mug", value=Decimal(4))
    on = basket(TEA, spare=650)
    three = [
        candidate("a", cut("0.3"), on, pools=[pool(9)]),
        candidate("b", cut("0.25"), on, pools=[pool(9)]),
        candidate("mug", mug, on, pools=[pool(9)]),
    ]

    assert won(three, on) == {"b": 250, "mug": 400}


def test_the_shop_may_choose_the_combination_that_costs_it_least() -> None:
    both = [
        candidate("a", cut("0.1"), BOTH, "TEA"),
        candidate("b", cut("0.2"), BOTH, "TEA"),
        candidate("c", cut("0.3"), BOTH, "MILK"),
    ]

    assert won(both, BOTH, objective="margin") == {"a": 100, "c": 300}


def test_what_is_required_is_in_the_combination_or_it_is_refused() -> None:
    a = candidate("a", cut("0.1"), BOTH, "TEA")
    b = candidate("b", cut("0.2"), BOTH, "TEA")
    c = candidate("c", cut("0.3"), BOTH, "MILK")

    assert won([a, b, c], BOTH, required=frozenset("a")) == {"a": 100, "c": 300}
    with pytest.raises(Illegal):
        best([a, b, c], BOTH, required=frozenset("ab"))
    with pytest.raises(Illegal, match="nothing_in_scope"):
        best([candidate("d", cut("0.1"), BOTH, "WINE")], BOTH, required=frozenset("d"))
