"""No legal combination is better: searched to the end, against all there are."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promotions.coins import Line
from promotions.rules import (
    Amount,
    Bundle,
    Conditions,
    FixedPrice,
    Gift,
    Multibuy,
    Percentage,
    Shipping,
    Slot,
    Threshold,
    Tier,
)
from promotions.stacking import Illegal, Objective, best
from promotions.turns import Basket, Candidate, Pool, off, together
from tests.promotions.stacked import TEA, basket, candidate, cut, lines, pool, won


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
