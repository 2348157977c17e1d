from dataclasses import replace

import numpy as np
import pytest

from ml import quality, stability
from ml.purchases import Purchases

DAYS = 200
COLUMNS = ("entity", "category", "recency", "orders")


def bought(rows: int = 6000) -> Purchases:
    """A steady shop: two lines an order."""
    chance = np.random.default_rng(5)
    order = np.arange(rows) // 2
    return Purchases(
        customer=chance.integers(0, 100, rows // 2).repeat(2).astype(np.int32),
        order=order,
        day=(np.sort(chance.random(rows // 2)) * DAYS).repeat(2),
        product=chance.integers(0, 50, rows).astype(np.int32),
        category=chance.integers(0, 8, rows).astype(np.int32),
        quantity=chance.integers(1, 4, rows).astype(float),
        paid=chance.gamma(2, 2, rows),
        shelf_discount=np.zeros(rows),
        coupon_discount=np.zeros(rows),
        until=np.full(rows, np.inf),
    )


def failed(past: Purchases, since: float = 0) -> set[str]:
    findings = quality.of_lines(past, since=since, until=DAYS)
    return {one.name for one in findings if not one.ok}


def rows(seed: int = 1, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    x = chance.normal(shift, 1, (5000, 4)).astype(np.float32)
    y = chance.random(5000) < 1 / (1 + np.exp(-x[:, 2] + shift))
    return x, y.astype(np.int8)


def test_clean_lines_pass() -> None:
    findings = quality.of_lines(bought(), since=0, until=DAYS)

    quality.insist(findings)
    assert len(findings) == 5
    assert all(one.ok and one.reason for one in findings)


def test_a_shop_that_fell_silent_fails_the_volume() -> None:
    past = bought()
    quiet = past.where((past.day < DAYS - 28) | (past.order % 10 == 0))

    assert failed(quiet) == {"volume"}


def test_amounts_in_several_currencies_are_told_and_stop_nothing() -> None:
    mixed = quality.of_currencies({"USD": 90, "JPY": 10})

    assert not mixed.ok
    assert not mixed.hard
    assert mixed.value == pytest.approx(0.1)
    assert "10.0% of the orders are not in USD" in mixed.reason
    assert quality.of_currencies({"USD": 99, "JPY": 1}).ok
    assert quality.of_currencies({}).ok


def test_a_hole_fails_the_gaps() -> None:
    past = bought()

    assert failed(past.where((past.day < 60) | (past.day > 70))) == {"gaps"}
    assert failed(past.where(past.day > 30)) == {"gaps"}
    assert failed(past, since=-20) == {"gaps"}


def test_orders_sent_twice_under_new_numbers_are_found() -> None:
    past = bought()
    twice = past.where(np.concatenate([np.arange(len(past)), np.arange(600)]))
    order = twice.order.copy()
    order[-600:] += 1_000_000

    assert failed(replace(twice, order=order)) == {"duplicates"}


def test_one_line_that_outweighs_the_shop_is_found() -> None:
    past = bought()
    paid = past.paid.copy()
    paid[7] = past.paid.sum()

    assert failed(replace(past, paid=paid)) == {"outliers"}


def test_negative_prices_are_found() -> None:
    past = bought()

    wrong = replace(past, paid=np.where(past.order % 20 == 0, -past.paid, past.paid))

    assert failed(wrong) == {"negative"}


def test_no_orders_at_all_stop_the_training() -> None:
    with pytest.raises(quality.BadData, match="no orders"):
        quality.insist(quality.of_lines(bought(), since=900, until=999))


def test_clean_rows_pass() -> None:
    x, y = rows()

    quality.insist(quality.of_rows(x, y, COLUMNS))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_feature_that_is_the_label_is_called_a_leak(sign: int) -> None:
    x, y = rows()
    x[:, 3] = sign * y + np.random.default_rng(0).normal(0, 0.1, len(y))

    with pytest.raises(quality.BadData, match="orders alone tells the label"):
        quality.insist(quality.of_rows(x, y, COLUMNS))


def test_numbers_that_are_none_are_found() -> None:
    x, y = rows()
    x[3, 2] = np.nan

    with pytest.raises(quality.BadData, match="not finite"):
        quality.insist(quality.of_rows(x, y, COLUMNS))


def test_labels_must_be_closed() -> None:
    closed = quality.of_labels(day=100, horizon=28, known_until=128)
    open_ = quality.of_labels(day=100, horizon=28, known_until=120)

    assert closed.ok
    assert not open_.ok
    assert "8.0 days" in open_.reason


def test_the_same_world_has_not_drifted() -> None:
    last = stability.summary(rows(1)[0], COLUMNS)

    findings = stability.drift(last, rows(2)[0], COLUMNS)

    assert set(last) == {"recency", "orders"}
    assert all(one.ok for one in findings)
    assert findings[0].value < 0.02


def test_a_moved_feature_is_told_and_a_moved_world_stops_the_training() -> None:
    last = stability.summary(rows()[0], COLUMNS)
    one = rows()[0]
    one[:, 3] += 2

    told = stability.drift(last, one, COLUMNS)
    quality.insist(told)
    assert not told[0].ok
    assert "orders moved most" in told[0].reason

    with pytest.raises(quality.BadData, match="moved far"):
        quality.insist(stability.drift(last, rows(shift=2)[0], COLUMNS))


def test_without_an_earlier_training_there_is_no_drift_to_tell() -> None:
    assert stability.drift({}, rows()[0], COLUMNS) == []
