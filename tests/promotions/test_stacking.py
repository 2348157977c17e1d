"""Which combination of strategies wins, proved against trying every one."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotions.conditions import Scope
from promotions.discounts import Coins, Line, Missed
from promotions.rules import (
    Amount,
    Bundle,
    Conditions,
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
from promotions.stacking import Illegal, Objective, best
from promotions.turns import Basket, Candidate, Pool, off, together

CENTS = Coins(unit=Decimal("0.01"))
TEA = Line(sku="tea", category="TEA", quantity=1, price=1000)
MILK = Line(sku="milk", category="MILK", quantity=1, price=1000)


def basket(*lines: Line, **more: Any) -> Basket:
    spare = sum(line.amount for line in lines)
    return Basket(lines=lines, coins=CENTS, **({"spare": spare} | more))


def candidate(
    key: str,
    terms: Terms,
    in_basket: Basket,
    *categories: str,
    floor: float = 0,
    budget: int = 10**9,
    pools: Sequence[Pool] = (),
    **rule: Any,
) -> Candidate:
    made = Rule(**rule)
    return Candidate(
        key=key,
        order=(made.priority, key),
        terms=terms,
        rule=made,
        inside=Scope.of(made, terms, categories).inside(in_basket.lines),
        room=[
            int(line.price * (1 - floor)) * line.quantity for line in in_basket.lines
        ],
        budget=budget,
        pools=pools,
    )


def pool(left: int, *, money: bool = False) -> Pool:
    return Pool(left=left, empty=Missed(reason="empty"), money=money)


def cut(rate: str) -> Percentage:
    return Percentage(rate=Decimal(rate))


def won(candidates: Sequence[Candidate], on: Basket, **more: Any) -> dict[str, int]:
    stack = best(candidates, on, **more)
    assert stack.exact
    return {key: applied.worth for key, applied in stack.applied.items()}


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


@pytest.mark.parametrize("shares", [False, True])
def test_hundreds_that_share_few_uses_are_searched_to_the_end(shares: bool) -> None:
    """Who draws on a nearly empty pool promises no more than what it can give."""
    lines = [
        Line(sku=f"{n}", category=f"{n}", quantity=1, price=997) for n in range(50)
    ]
    on = basket(*lines)
    for shared in ([pool(1)], [pool(7)], [pool(500, money=True)]):
        many = [
            candidate(
                f"{n:03}",
                cut(f"0.{100 + n}"),
                on,
                f"{n * 7 % 50}",
                pools=shared,
                shares_lines=shares,
            )
            for n in range(500)
        ]

        assert won(many, on)


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


def test_a_search_that_had_to_stop_says_so_and_gives_what_it_found() -> None:
    lines = [Line(sku=f"{n}", category=f"{n}", quantity=1, price=997) for n in range(9)]
    on = basket(*lines)
    many = [
        candidate(
            f"{n}",
            cut(f"0.{10 + n}"),
            on,
            *(f"{(n + k) % 9}" for k in range(n % 4 + 1)),
        )
        for n in range(40)
    ]

    stopped = best(many, on, most_work=30)
    whole = best(many, on)

    assert whole.exact
    assert not stopped.exact
    assert 0 < stopped.worth <= whole.worth


def test_a_thousand_on_one_line_are_searched_to_the_end() -> None:
    on = basket(TEA)
    many = [candidate(f"{n:04}", cut(f"0.{n + 1:04}"), on) for n in range(1000)]

    assert won(many, on) == {"0999": 100}


cents = st.integers(1, 700).map(lambda n: Decimal(n) / 100)
rates = st.integers(1, 90).map(lambda n: Decimal(n) / 100)
simple = st.builds(Percentage, rate=rates)
terms = simple | st.one_of(
    st.builds(Percentage, rate=rates, each=st.sampled_from(["line", "order"])),
    st.builds(Amount, amount=cents, each=st.sampled_from(["unit", "line", "order"])),
    st.builds(FixedPrice, price=cents),
    st.builds(
        Threshold,
        spend=cents,
        amount=cents,
        higher=st.just((Tier(spend=Decimal(20), rate=Decimal("0.2")),)),
    ),
    st.builds(Multibuy, take=st.integers(2, 3), rate=rates, same_sku=st.booleans()),
    st.builds(
        Bundle,
        slots=st.just((Slot(skus=("s0",)), Slot(categories=("A",)))),
        price=cents,
    ),
    st.builds(Gift, spend=cents, sku=st.just("g"), name=st.just("g"), value=cents),
    st.builds(Shipping, rate=rates),
)
group_and_mode = st.sampled_from(
    [
        *[("", "stack"), ("h", "stack"), ("", "stack")],
        *[("b", "best"), ("b", "best"), ("f", "first"), ("w", "worst")],
    ]
)
lines = st.builds(
    Line,
    sku=st.sampled_from(["s0", "s1", "s2"]),
    category=st.sampled_from(["A", "B", "C"]),
    quantity=st.integers(1, 3),
    price=st.integers(0, 700) | st.integers(500, 3000),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Basket, list[Candidate]]:
    on = basket(
        *draw(st.lists(lines, min_size=1, max_size=4)),
        shipping=draw(st.sampled_from([0, 499])),
        spare=draw(st.sampled_from([100, 10_000])),
    )
    pools = [
        *(pool(draw(st.sampled_from([300, 10**9])), money=True) for _ in range(2)),
        *(pool(draw(st.integers(1, 3))) for _ in range(2)),
    ]
    made = []
    for n in range(draw(st.integers(2, 6))):
        group, mode = draw(group_and_mode)
        conditions = Conditions(
            least_amount=draw(st.sampled_from([Decimal(0)] * 3 + [Decimal(5)])),
            basis=draw(st.sampled_from(["initial", "discounted"])),
            of=draw(st.sampled_from(["scope", "basket"])),
        )
        made.append(
            candidate(
                f"{n}",
                draw(terms),
                on,
                *draw(st.sampled_from([(), ("A",), ("B", "C")])),
                floor=draw(st.sampled_from([0, 0.3, 0.9])),
                budget=draw(st.sampled_from([10**9, 10**9, 200])),
                pools=draw(st.lists(st.sampled_from(pools), unique=True)),
                conditions=conditions,
                priority=draw(st.integers(0, 2)),
                exclusive=draw(st.integers(0, 9)) == 0,
                group=group,
                mode=mode,
                shares_lines=draw(st.booleans()),
                basis=draw(st.sampled_from(["initial", "discounted"])),
                most_per_order=draw(st.sampled_from([None, Decimal(1)])),
            )
        )
    return on, made


@st.composite
def scarce(draw: st.DrawFn) -> tuple[Basket, list[Candidate]]:
    """Many small ones on few lines, with less of everything than they want."""
    on = basket(
        *(Line(sku=c, category=c, quantity=1, price=1000) for c in "ABC"),
        spare=draw(st.sampled_from([500, 3000])),
    )
    pools = [
        *(pool(draw(st.integers(100, 900)), money=True) for _ in range(2)),
        *(pool(draw(st.integers(1, 3))) for _ in range(2)),
    ]
    mug = Gift(spend=Decimal(1), sku="mug", name="Mug", value=Decimal(2))
    shares = draw(st.sampled_from([False, False, True]))
    given_too = simple | simple | st.just(mug) if draw(st.booleans()) else simple
    scopes = st.sampled_from(["A", "B", "C", "A", "B", "C", "AB", "ABC"])
    made = [
        candidate(
            f"{n}",
            draw(given_too),
            on,
            *draw(scopes),
            floor=draw(st.sampled_from([0, 0, 0.7])),
            pools=draw(st.lists(st.sampled_from(pools), unique=True, max_size=2)),
            priority=draw(st.integers(0, 2)),
            shares_lines=shares and draw(st.booleans()),
        )
        for n in range(draw(st.integers(4, 8)))
    ]
    return on, made


def goes(
    one: Candidate,
    alone: Sequence[Candidate],
    on: Basket,
    objective: Objective,
    required: frozenset[str],
) -> bool:
    """Say whether nobody else of its group goes instead, whatever else there is.

    Of a "best" group any may go where all combinations are compared for the customer.
    """
    mode, group = one.rule.mode, one.rule.group
    if mode == "stack" or (mode == "best" and objective == "customer"):
        return True

    def place(of: Candidate) -> Any:
        (applied,) = (together([of], on) or {}).values()
        asked = mode == "best" and of.key in required
        worth = {"best": -applied.worth, "worst": applied.worth, "first": 0}[mode]
        return not asked, worth, of.order

    return all(
        place(one) <= place(rival) for rival in alone if rival.rule.group == group
    )


def best_of_all(
    candidates: Sequence[Candidate],
    on: Basket,
    objective: Objective,
    required: frozenset[str],
) -> int | None:
    """Try every combination of those that apply by themselves and may go."""
    alone = [one for one in candidates if together([one], on)]
    alone = [one for one in alone if goes(one, alone, on, objective, required)]
    legal: dict[frozenset[str], int] = {}
    for size in range(len(alone) + 1):
        for some in combinations(alone, size):
            stack = together(some, on)
            if stack is not None:
                keys = frozenset(one.key for one in some)
                legal[keys] = sum(one.worth for one in stack.values())
    allowed = {keys: worth for keys, worth in legal.items() if required <= keys}
    if objective == "margin":
        allowed = {
            keys: worth
            for keys, worth in allowed.items()
            if not any(keys < more and len(more) == len(keys) + 1 for more in legal)
        }
        return min(allowed.values(), default=None)
    return max(allowed.values(), default=None)


@settings(max_examples=400, deadline=None)
@given(cases(), st.sampled_from(["customer", "margin"]), st.booleans())
def test_no_legal_combination_is_better(
    case: tuple[Basket, list[Candidate]], objective: Objective, require: bool
) -> None:
    on, candidates = case
    prove(on, candidates, objective, frozenset(["0"] if require else []))


@settings(max_examples=800, deadline=None)
@given(scarce(), st.sampled_from(["", "", "", "0", "01"]))
def test_no_legal_combination_makes_more_of_what_is_scarce(
    case: tuple[Basket, list[Candidate]], required: str
) -> None:
    prove(*case, "customer", frozenset(required))


def prove(
    on: Basket,
    candidates: Sequence[Candidate],
    objective: Objective,
    required: frozenset[str],
) -> None:
    """Compare what is found with the best of all, and see that it is allowed."""
    expected = best_of_all(candidates, on, objective, required)

    try:
        stack = best(candidates, on, objective=objective, required=required)
    except Illegal:
        assert expected is None
        return

    assert (stack.worth, stack.exact) == (expected, True)
    assert required <= stack.applied.keys()
    alone = [one for one in candidates if together([one], on)]
    assert all(
        goes(one, alone, on, objective, required)
        for one in alone
        if one.key in stack.applied
    )
    drawn: dict[Pool, int] = {}
    for one in candidates:
        for shared in one.pools if one.key in stack.applied else ():
            taken_of = shared.takes(stack.applied[one.key])
            drawn[shared] = drawn.get(shared, 0) + taken_of
    assert all(taken_of <= shared.left for shared, taken_of in drawn.items())
    taken = off(stack.applied, len(on.lines))
    assert all(
        0 <= part <= line.amount for part, line in zip(taken, on.lines, strict=True)
    )
