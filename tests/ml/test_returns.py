"""What went back is no purchase: by night, live, and as of every cut-off alike."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, store
from analytics.models import Customer
from ml import features, lines, own_past, returns
from ml.codes import day_of
from ml.purchases import Purchases
from ml.returns import Back, Line
from tests.ml.conftest import key

BOUGHT = datetime(2025, 3, 3, 10, tzinfo=UTC)
LATER = BOUGHT + timedelta(days=10)
DAY = timedelta(days=1)

SKUS = st.sampled_from(["tea", "milk", "soap"])
LINES = st.lists(
    st.builds(
        Line,
        sku=SKUS,
        quantity=st.integers(1, 9).map(float),
        paid=st.integers(0, 900).map(lambda cents: cents / 100),
        shelf_discount=st.integers(0, 99).map(lambda cents: cents / 100),
    ),
    min_size=1,
    max_size=5,
)
BACK = st.lists(
    st.builds(
        Back,
        at=st.integers(0, 9),
        amount=st.none() | st.integers(0, 2000).map(lambda cents: cents / 100),
        skus=st.lists(SKUS, max_size=2),
    ),
    max_size=4,
)


@given(LINES, BACK)
def test_parts_add_up_to_the_order(bought: list[Line], back: list[Back]) -> None:
    found = returns.parts(bought, back)

    for name in ("quantity", "paid", "shelf_discount"):
        whole = sum(getattr(line, name) for line in bought)
        assert sum(getattr(line, name) for line, _ in found) == pytest.approx(whole)
        assert all(getattr(line, name) >= 0 for line, _ in found)
    assert {until for _, until in found} <= {None, *(one.at for one in back)}


@given(LINES, BACK)
def test_nothing_stays_of_a_cancelled_order(
    bought: list[Line], back: list[Back]
) -> None:
    found = returns.parts(bought, [*back, Back(at=5)])

    assert all(until is not None and until <= 5 for _, until in found)


@given(LINES, BACK)
def test_no_more_goes_back_than_was_refunded(
    bought: list[Line], back: list[Back]
) -> None:
    told = [one for one in back if one.amount is not None]
    gone = sum(line.paid for line, until in returns.parts(bought, told) if until)
    most = sum(one.amount or 0 for one in told)

    assert gone <= most + 1e-9


def ordered(customer: UUID, number: str, at: datetime = BOUGHT) -> store.Fact:
    rows = (
        events.OrderLine(sku="tea", category="hot", quantity=4, paid=Decimal(8)),
        events.OrderLine(
            sku="milk", category="cold", paid=Decimal(2), shelf_discount=Decimal("0.5")
        ),
    )
    happened = events.OrderCompleted(order_id=number, currency="EUR", lines=rows)
    return store.Fact(event=happened, at=at, customer=customer)


def refunded(
    customer: UUID, at: datetime = LATER, amount: str = "", skus: tuple[str, ...] = ()
) -> store.Fact:
    happened = events.OrderRefunded(
        order_id="a",
        currency="EUR",
        amount=Decimal(amount) if amount else None,
        skus=skus,
    )
    return store.Fact(event=happened, at=at, customer=customer)


def cancelled(customer: UUID, at: datetime = LATER, number: str = "a") -> store.Fact:
    happened = events.OrderCancelled(order_id=number)
    return store.Fact(event=happened, at=at, customer=customer)


@pytest.fixture
def ana(db: None) -> UUID:
    """Two orders, a and b, of four tea for 8 and one milk for 2."""
    Customer.objects.create(key=key("ana"), external_id="ana")
    second = ordered(key("ana"), "b", BOUGHT + DAY)
    store.append_new([ordered(key("ana"), "a"), second])
    return key("ana")


def nightly(customer: UUID, at: datetime) -> Purchases:
    history = lines.arrays(lines.read(until=at, customers=[customer]))
    return history.purchases.before(day_of(at))


def same(night: Purchases, now: Purchases) -> None:
    order = [np.lexsort((one.paid, one.product, one.order)) for one in (night, now)]
    for field in fields(Purchases):
        ours, theirs = (
            getattr(one, field.name)[rows]
            for one, rows in zip((night, now), order, strict=True)
        )
        if field.name == "until":  # a live answer has no later moment to know of
            assert (ours > night.newest).all()
        else:
            assert np.array_equal(ours, theirs), field.name


CASES = {
    "nothing": ([], 10, 20.0),
    "cancelled": ([cancelled(key("ana"))], 5, 10.0),
    "refunded whole": ([refunded(key("ana"))], 5, 10.0),
    "a line": ([refunded(key("ana"), skus=("tea",))], 6, 12.0),
    "one of four": ([refunded(key("ana"), amount="2", skus=("tea",))], 9, 18.0),
    "money only": ([refunded(key("ana"), amount="1")], 10, 19.0),
    "more than was paid": ([refunded(key("ana"), amount="99")], 5, 10.0),
    "twice": ([refunded(key("ana")), cancelled(key("ana"))], 5, 10.0),
    "another's order": ([cancelled(key("ben"))], 10, 20.0),
    "no such order": ([cancelled(key("ana"), number="z")], 10, 20.0),
    "before the order": ([cancelled(key("ana"), BOUGHT - DAY)], 5, 10.0),
}
"""What goes back, and the units and money that stay of both orders."""


@pytest.mark.parametrize("case", CASES)
def test_night_and_live_see_the_same(ana: UUID, case: str) -> None:
    back, units, paid = CASES[case]
    store.append_new(back)

    for at in (BOUGHT + 2 * DAY, LATER, LATER + DAY):
        night, now = nightly(ana, at), own_past.history([ana], at=at).purchases
        same(night, now)
    assert now.quantity.sum() == pytest.approx(units)
    assert now.paid.sum() == pytest.approx(paid)


def test_a_cancellation_does_not_leak_into_the_past(ana: UUID) -> None:
    end = LATER + timedelta(days=20)
    size = {"customers": 1, "categories": 2}

    def told(at: datetime) -> tuple[np.ndarray, np.ndarray]:
        past = lines.arrays(lines.read(until=end)).purchases
        day = day_of(at)
        seen = features.context(past, day=day, categories=2)
        x = features.build(past, day=day, context=seen, **size)
        return x, features.labels(past, day=day, horizon=28.0, **size)

    before = told(LATER - DAY)[0]
    bought = features.labels(
        lines.arrays(lines.read(until=end)).purchases,
        day=day_of(BOUGHT - DAY),
        horizon=7.0,
        **size,
    )
    store.append_new([cancelled(ana), cancelled(ana, number="b")])

    assert np.array_equal(told(LATER - DAY)[0], before)
    assert not np.array_equal(told(LATER + DAY)[0], before)
    # Labels know what was known at their end: after a week all stands, after four not.
    past = lines.arrays(lines.read(until=end)).purchases
    week = features.labels(past, day=day_of(BOUGHT - DAY), horizon=7.0, **size)
    assert np.array_equal(week, bought)
    assert bought.all()
    assert not told(BOUGHT - DAY)[1].any()
