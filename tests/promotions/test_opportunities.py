"""How customers stand to a category, and what goes with it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import numpy as np
import pytest

from analytics import events, projections, store
from ml import together
from ml.purchases import Purchases
from promotions import opportunities, strategies
from promotions.opportunities import Partner
from tests.promotions.test_strategies import learnt

__all__ = ["learnt"]

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)


def purchases(orders: Sequence[Sequence[int]]) -> Purchases:
    rows = [(n, item) for n, items in enumerate(orders) for item in items]
    order, category = np.array(rows, np.int32).T
    ones = np.ones(len(rows))
    return Purchases(
        customer=order,
        order=order.astype(np.int64),
        day=ones,
        product=category,
        category=category,
        quantity=ones,
        paid=ones,
        shelf_discount=0 * ones,
        coupon_discount=0 * ones,
        until=np.inf * ones,
    )


def drawn(seed: int, *, pair: float) -> Purchases:
    """Orders of 1 to 9 of ten categories by lot; `pair` of them have 0 and 1 too."""
    rng = np.random.default_rng(seed)
    orders = []
    for _ in range(1500):
        items = set(rng.permutation(np.arange(2, 12))[: rng.integers(1, 10)].tolist())
        items |= {0, 1} if rng.uniform() < pair else set()
        items |= {int(rng.integers(2))} if rng.uniform() < 0.1 else set()
        orders.append(sorted(items))
    return purchases(orders)


def test_full_baskets_alone_are_no_affinity_and_a_planted_pair_is() -> None:
    for seed in range(20):
        found = together.of_categories(drawn(seed, pair=0.1), categories=12)
        low = found.low - np.diag(np.diag(found.low))

        assert {tuple(map(int, one)) for one in np.argwhere(low >= 1.5)} == {
            (0, 1),
            (1, 0),
        }
        assert found.times[0, 1] > low[0, 1]
        by_lot = together.of_categories(drawn(seed, pair=0.0), categories=12)
        off = by_lot.low - np.diag(np.diag(by_lot.low))
        assert off.max() < 1.5


def test_a_pair_that_was_seen_twice_is_luck() -> None:
    orders = [[0, 1], [0, 1], *([2, 3] for _ in range(500))]

    found = together.of_categories(purchases(orders), categories=4)

    assert found.low[0, 1] < found.low[2, 3]
    assert found.times[0, 1] < 1.3


def order(who: UUID, days: int, *categories: str) -> store.Fact:
    lines = tuple(
        events.OrderLine(sku=name.lower(), category=name, paid=Decimal(5))
        for name in categories
    )
    made = events.OrderCompleted(order_id=str(uuid4()), currency="USD", lines=lines)
    return store.Fact(event=made, at=AT - timedelta(days=days), customer=who)


def tell(facts: list[store.Fact]) -> None:
    store.append_new(sorted(facts, key=lambda fact: fact.at))
    while projections.catch_up():
        pass


def crowd() -> list[store.Fact]:
    """Sixty customers whose orders hold tea with wine, or any two of the others."""
    facts = []
    for number in range(60):
        who = UUID(int=10_000 + number)
        other = ("MILK", "STAMPS", "COFFEE")
        facts += [order(who, 5 + 20 * k, "TEA", "WINE") for k in range(2)]
        facts += [
            order(who, 9 + 20 * k, other[k], other[(k + number) % 3]) for k in range(3)
        ]
    return facts


@pytest.mark.django_db
def test_partners_are_what_shares_orders_more_than_by_chance() -> None:
    tell(crowd())

    found = opportunities.partners(at=AT)

    assert set(found) == {"TEA", "WINE"}
    assert found["TEA"].category == "WINE"
    assert found["TEA"].times > 1.5
    assert opportunities.partners(at=AT + timedelta(days=400)) == {}


@pytest.mark.django_db
def test_without_orders_nothing_goes_together() -> None:
    assert opportunities.partners(at=AT) == {}


@pytest.mark.django_db
def test_everybody_stands_in_one_way_and_what_they_bought_goes_first() -> None:
    names = ("buys both", "buys wine", "bought wine", "left tea, buys wine", "nothing")
    people = [uuid4() for _ in names]
    both, wine, once, left, nothing = people
    tell(
        [
            *(order(both, 3 + 10 * k, "TEA", "WINE") for k in range(3)),
            *(order(wine, 3 + 10 * k, "WINE") for k in range(3)),
            order(once, 300, "WINE"),
            *(order(left, 200 + 10 * k, "TEA") for k in range(3)),
            *(order(left, 3 + 10 * k, "WINE") for k in range(3)),
            order(nothing, 3, "MILK"),
        ]
    )
    partner = Partner(category="WINE", times=2.5)

    stands = opportunities.kinds("TEA", people, at=AT, partner=partner)
    alone = opportunities.kinds("TEA", people, at=AT)

    assert dict(zip(names, stands.kinds, strict=True)) == {
        "buys both": "regular",
        "buys wine": "cross-sell",
        "bought wine": "unwon",
        "left tea, buys wine": "lapsing",
        "nothing": "unwon",
    }
    assert "cross-sell" not in alone.kinds
    margin = np.array([5.0, 4.0, 3.0, 2.0, -1.0])
    parts = {part.kind: part for part in opportunities.parts(stands, margin)}
    assert (parts["cross-sell"].partner, parts["cross-sell"].times) == ("WINE", 2.5)
    assert (parts["regular"].partner, parts["regular"].times) == ("", 1.0)
    assert sum(part.reach for part in parts.values()) == 4
    assert sum(part.margin for part in parts.values()) == 14


@pytest.mark.usefixtures("learnt")
def test_a_proposal_says_from_whom_a_cross_sell_would_come() -> None:
    facts = crowd()
    for number in range(40):
        facts += [order(UUID(int=number), 3 + 10 * k, "WINE") for k in range(3)]
    tell(facts)

    made = strategies.propose(at=AT)

    [tea] = [one for one in made if one.scope == ["TEA"]]
    [part] = [p for p in tea.forecast["parts"] if p["kind"] == "cross-sell"]
    assert (part["partner"], part["reach"]) == ("WINE", 40)
    times = f"{part['times']:.1f} times as often as by chance"
    said = f"40 who never bought there but buy WINE, which goes with it ({times})"
    assert said in tea.reason
