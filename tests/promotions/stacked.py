"""Baskets and candidates, as tests of stacking write them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from promotions.coins import Coins, Line, Missed
from promotions.conditions import Scope
from promotions.rules import Percentage, Rule, Terms
from promotions.stacking import best
from promotions.turns import Basket, Candidate, Pool

CENTS = Coins(unit=Decimal("0.01"))
TEA = Line(sku="tea", category="TEA", quantity=1, price=1000)


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


lines = st.builds(
    Line,
    sku=st.sampled_from(["s0", "s1", "s2"]),
    category=st.sampled_from(["A", "B", "C"]),
    quantity=st.integers(1, 3),
    price=st.integers(0, 700) | st.integers(500, 3000),
)
