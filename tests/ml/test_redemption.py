import numpy as np
import pytest

from ml import estimators, evaluation, redemption, trials
from ml.purchases import Purchases
from ml.redemption import Campaign

PEOPLE = 300
NAMES = list(redemption.FEATURES)


def bought(seed: int = 0) -> Purchases:
    """A year of weekly orders; a third of the customers like coupons."""
    chance = np.random.default_rng(seed)
    rows = PEOPLE * 52
    customer = np.repeat(np.arange(PEOPLE), 52).astype(np.int32)
    likes = customer % 3 == 0
    coupon = np.where(chance.random(rows) < np.where(likes, 0.2, 0.01), 0.5, 0.0)
    product = chance.integers(0, 20, rows).astype(np.int32)
    return Purchases(
        customer=customer,
        order=np.arange(rows),
        day=np.tile(np.arange(52) * 7.0, PEOPLE) + chance.random(rows) * 7,
        product=product,
        category=product // 5,
        quantity=np.ones(rows),
        paid=np.full(rows, 2.0),
        shelf_discount=np.zeros(rows),
        coupon_discount=coupon,
        until=np.full(rows, np.inf),
    )


def campaigns(*, signal: bool, count: int = 10) -> list[Campaign]:
    chance = np.random.default_rng(3)
    found = []
    for number in range(count):
        start = 60.0 + number * 28
        received = np.sort(chance.permutation(PEOPLE)[:200]).astype(np.int32)
        rate = np.where(received % 3 == 0, 0.4, 0.04) if signal else 0.15
        used = received[chance.random(200) < rate]
        found.append(
            Campaign(
                name=str(number),
                kind="A",
                start=start,
                end=start + 20,
                coupon=np.array([0, 0, 1], np.int32),
                product=np.array([1, 2, 3], np.int32),
                received=received,
                redeemer=used,
                redeemed_at=np.full(len(used), start + 5),
            )
        )
    return found


def row(past: Purchases, told: list[Campaign], one: Campaign) -> np.ndarray:
    return redemption.build(past, told, one, customers=PEOPLE)


def test_a_customer_s_row_is_counted_by_hand() -> None:
    line = bought().where(np.arange(2))
    past = Purchases(
        customer=np.array([4, 4], np.int32),
        order=line.order,
        day=np.array([10.0, 50.0]),
        product=np.array([1, 9], np.int32),
        category=np.array([0, 1], np.int32),
        quantity=line.quantity,
        paid=line.paid,
        shelf_discount=line.shelf_discount,
        coupon_discount=np.array([0.5, 0.0]),
        until=line.until,
    )
    told = campaigns(signal=True)
    me = told[0].received[:1] * 0 + 4
    early = Campaign(
        name="x", kind="B", start=5, end=8, coupon=me, product=me,
        received=me, redeemer=me, redeemed_at=np.array([6.0]),
    )  # fmt: skip
    now = Campaign(
        name="y", kind="B", start=60, end=70, coupon=me * 0, product=me * 0 + 1,
        received=me, redeemer=me, redeemed_at=np.array([61.0]),
    )  # fmt: skip

    values = dict(zip(NAMES, row(past, [early, now], now)[0].tolist(), strict=True))

    overall = 2 / 11
    assert values == pytest.approx(
        {
            "received": 1,
            "used": 1,
            "own_rate": (1 + 4 * overall) / 5,
            "coupon_share": (0.5**0.5 + 0.02) / (0.5**0.5 + 0.5**0.1 + 1),
            "coupon_recency": 50,
            "scope_recency": 50,
            "scope_coupons": 0.5**0.5,
            "category_spend": 2,
        },
        rel=1e-5,
    )
    assert redemption.labels(now).tolist() == [1]


def test_nothing_at_or_after_the_start_is_seen() -> None:
    past, told = bought(), campaigns(signal=True)
    now = told[5]
    before = [one for one in told if one.start < now.start]

    whole = row(past, told, now)

    assert np.array_equal(whole, row(past.before(now.start), [*before, now], now))


def test_a_planted_liking_of_coupons_is_found_and_noise_is_not() -> None:
    past = bought()

    found = trials.coupons(
        past, campaigns(signal=True), customers=PEOPLE, known_until=400
    )
    noise = trials.coupons(
        past, campaigns(signal=False), customers=PEOPLE, known_until=400
    )

    assert [one["model"] for one in found] == ["base_rate", "past_rate", "logistic"]
    assert found[-1]["auc"] > 0.75
    assert found[-1]["lift"] > 1.5
    assert found[-1]["log_loss"] < found[0]["log_loss"] - 0.03
    assert abs(noise[-1]["auc"] - 0.5) < 0.08


def test_open_campaigns_neither_teach_nor_test() -> None:
    told = campaigns(signal=True)

    teaching, tested = trials.parted(told, since=0, until=told[8].end)

    assert [one.name for one in tested] == ["5", "6", "7", "8"]
    assert [one.name for one in teaching] == ["0", "1", "2", "3", "4"]
    assert max(one.end for one in teaching) < min(one.start for one in tested)


def test_without_campaigns_there_is_no_table() -> None:
    assert trials.coupons(bought(), [], customers=PEOPLE, known_until=400) == []


def test_the_fit_forgets_and_is_the_same_again() -> None:
    past, told = bought(), campaigns(signal=True)
    x, y = row(past, told, told[8]), redemption.labels(told[8])

    first = estimators.redeeming(seed=0).fit(x, y).predict_proba(x)[:, 1]
    again = estimators.redeeming(seed=0).fit(x, y).predict_proba(x)[:, 1]

    assert np.array_equal(first, again)
    assert evaluation.auc(y, first) > 0.7
