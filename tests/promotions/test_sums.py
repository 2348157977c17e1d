from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

from analytics import events, projections, store
from analytics.models import Customer
from promotions import sums
from promotions.models import ArmDay, Strategy
from tests.conftest import Make

START = datetime(2026, 6, 1, 9, tzinfo=UTC)
UNTIL = START + timedelta(days=20)
COST = Decimal("0.7")


def assign(strategy: Strategy, customer: UUID, arm: str, at: datetime) -> None:
    said = events.OfferAssigned(
        strategy=strategy.id,
        arm=arm,
        variant="10%" if arm == "treatment" else None,
        probability=0.5,
        segment="Loyal",
        offer=uuid4(),
    )
    store.append([said], at=at, customer=customer)


def order(customer: UUID, number: str, paid: str, at: datetime, **more: Any) -> None:
    line = events.OrderLine(sku="tea", paid=Decimal(paid), **more)
    lines = (line, events.OrderLine(sku="milk", paid=Decimal(2)))
    made = events.OrderCompleted(order_id=number, currency="USD", lines=lines)
    store.append([made], at=at, customer=customer)


def day(n: float) -> datetime:
    return START + timedelta(days=n)


def counted(subject: UUID, **where: Any) -> dict[tuple[str, str], np.ndarray]:
    """Return the Gram matrices of (slice, arm), all days and variants added up."""
    size = len(sums.COLUMNS)
    found: dict[tuple[str, str], np.ndarray] = {}
    for row in ArmDay.objects.filter(subject=subject, **where):
        gram = found.setdefault((row.slice, row.arm), np.zeros((size, size)))
        for value, (a, b) in zip(row.sums, sums.pairs(), strict=True):
            i, j = sums.COLUMNS.index(a), sums.COLUMNS.index(b)
            gram[i, j] += value
            gram[j, i] = gram[i, j]
    return found


def mean(gram: np.ndarray, name: str) -> float:
    return float(gram[0, sums.COLUMNS.index(name)] / gram[0, 0])


def summed(strategy: Strategy) -> dict[tuple[str, str], np.ndarray]:
    while projections.catch_up():
        pass
    sums.refresh_strategy(strategy.id, until=UNTIL)
    return counted(strategy.id)


@pytest.fixture
def tried(live: Make) -> Strategy:
    strategy = live(holdout=0.5)
    campaign = strategy.campaign
    campaign.starts_at, campaign.ends_at = day(-1), day(10)
    campaign.save()
    return strategy


def test_the_sums_are_those_of_the_units_one_by_one(tried: Strategy) -> None:
    chance = np.random.default_rng(5)
    expected: dict[str, list[list[float]]] = {"treatment": [], "holdout": []}
    for n in range(40):
        who, arm = uuid4(), ("treatment", "holdout")[n % 2]
        since = day(float(chance.uniform(0, 3)))
        assign(tried, who, arm, since)
        before = after = Decimal(0)
        for k in range(int(chance.integers(0, 6))):
            at = day(float(chance.uniform(-20, 15)))
            paid = Decimal(int(chance.integers(1, 5000))) / 100
            order(who, f"{n}-{k}", str(paid), at)
            if at < since:
                before += paid + 2
            else:
                after += paid + 2
        x, y, kept = float(before), float(after), float(1 - COST)
        expected[arm].append([1, y, y * kept, 0, 0, 0, 0, x, x * kept])

    grams = summed(tried)

    for arm, rows in expected.items():
        z = np.array(rows)
        orders = sums.COLUMNS.index("orders")
        gram = grams["all", arm].copy()
        gram[orders, :] = gram[:, orders] = 0
        np.testing.assert_allclose(gram, z.T @ z, rtol=1e-9, atol=1e-6)


def test_days_add_up_to_what_was_known_on_each_of_them(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    for n in range(4):
        order(who, str(n), "8.00", day(n + 0.5))

    summed(tried)

    revenue, squares = 0.0, 0.0
    place = list(sums.pairs()).index(("revenue", "revenue"))
    for n, row in enumerate(sums.read(tried.id, slice="all")):
        revenue += row.sums[1]
        squares += row.sums[place]
        assert revenue == pytest.approx(10 * (n + 1))
        assert squares == pytest.approx(revenue**2)


def test_what_goes_back_is_taken_off_and_only_once(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    order(who, "2", "6.00", day(1))
    order(who, "3", "4.00", day(1))
    back = [
        events.OrderRefunded(order_id="1", currency="USD", skus=("tea",)),
        events.OrderRefunded(order_id="2", currency="USD", amount=Decimal("2.00")),
        events.OrderRefunded(order_id="3", currency="USD"),
        events.OrderCancelled(order_id="3"),
    ]
    store.append(back, at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "returned") == pytest.approx(8 + 2 + 6)
    assert mean(gram, "revenue") == pytest.approx(10 + 8 + 6 - 16)
    # The tea and the third order came back; of the second only two dollars did.
    assert mean(gram, "profit") == pytest.approx((2 + 8 - 2) - 0.7 * (2 + 8))


def test_what_was_bought_before_and_came_back_after_is_nobodys_doing(
    tried: Strategy,
) -> None:
    who = uuid4()
    order(who, "1", "8.00", day(-1))
    assign(tried, who, "treatment", day(0))
    gone = events.OrderRefunded(order_id="1", currency="USD")
    store.append([gone], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "revenue") == mean(gram, "returned") == 0
    assert mean(gram, "before_revenue") == pytest.approx(10)


def test_discounts_cost_and_gifts_take_from_profit(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=uuid4(),
        variant="10%",
        offer=None,
        order_id="1",
        discount=Decimal("5.00"),
        gift_value=Decimal("4.00"),
        currency="USD",
    )
    back = events.RedemptionRolledBack(
        strategy=tried.id,
        redemption=used.redemption,
        rollback=uuid4(),
        order_id="1",
        amount=Decimal("1.00"),
        given_back=Decimal("1.00"),
        whole=False,
        currency="USD",
    )
    store.append([used, back], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    # What the gift cost, and the dollar that stays of the money off.
    assert mean(gram, "discount") == pytest.approx(0.7 * 4 + 1 - 1)
    assert mean(gram, "profit") == pytest.approx(-0.7 * 4)


def test_a_gift_that_came_back_has_cost_nothing(tried: Strategy) -> None:
    who, redemption = uuid4(), uuid4()
    told = events.CostChanged(sku="mug", cost=Decimal("2.00"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    gift = {"order_id": "1", "gift": "mug", "gift_value": Decimal("4.00")}
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=redemption,
        variant="mug",
        offer=None,
        discount=Decimal("4.00"),
        currency="USD",
        **gift,  # type: ignore[arg-type]
    )
    back = events.RedemptionRolledBack(
        strategy=tried.id,
        redemption=redemption,
        rollback=uuid4(),
        amount=Decimal("4.00"),
        given_back=Decimal("4.00"),
        whole=True,
        currency="USD",
        **gift,  # type: ignore[arg-type]
    )
    store.append([used], at=day(1), customer=who)
    given = summed(tried)["all", "treatment"]
    assert (mean(given, "profit"), mean(given, "discount")) == (-2.0, 2.0)

    store.append([back], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]
    assert (mean(gram, "profit"), mean(gram, "discount")) == (0.0, 0.0)


def test_a_gift_that_the_order_lists_too_costs_once(tried: Strategy) -> None:
    who = uuid4()
    told = events.CostChanged(sku="mug", cost=Decimal("2.00"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    lines = (
        events.OrderLine(sku="milk", paid=Decimal(10)),
        events.OrderLine(sku="mug", paid=Decimal(0)),
    )
    order = events.OrderCompleted(order_id="1", currency="USD", lines=lines)
    used = events.OfferRedeemed(
        strategy=tried.id,
        redemption=uuid4(),
        variant="mug",
        offer=None,
        order_id="1",
        discount=Decimal("4.00"),
        gift="mug",
        gift_value=Decimal("4.00"),
        currency="USD",
    )
    store.append([order, used], at=day(1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "profit") == pytest.approx(10 - 7 - 2)


def test_a_refund_in_another_currency_is_not_taken_for_ours(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    back = events.OrderRefunded(order_id="1", currency="EUR", amount=Decimal(5))
    store.append([back], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "revenue") == pytest.approx(10)


def test_a_customer_who_refuses_twice_is_one_who_refuses(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    for n, personalised in enumerate((False, True, False, False)):
        said = events.ConsentChanged(personalised=personalised)
        store.append([said], at=day(n + 1), customer=who)

    gram = summed(tried)["all", "treatment"]

    assert mean(gram, "refusals") == 1


def test_profit_is_after_what_goods_cost_where_the_feed_said_so(
    tried: Strategy,
) -> None:
    who = uuid4()
    told = events.CostChanged(sku="tea", cost=Decimal("1.50"), currency="USD")
    store.append([told], at=day(-1))
    assign(tried, who, "treatment", day(0))
    order(who, "1", "8.00", day(1), quantity=2)
    order(who, "2", "8.00", day(1), quantity=4)
    store.append([events.OrderCancelled(order_id="2")], at=day(2), customer=who)

    gram = summed(tried)["all", "treatment"]

    # Two teas at 1.50, and milk of which nothing is known but its price.
    assert mean(gram, "revenue") == pytest.approx(10)
    assert mean(gram, "profit") == pytest.approx(10 - 2 * 1.5 - 0.7 * 2)


def test_neither_other_currencies_nor_what_comes_after_the_washout_counts(
    tried: Strategy,
) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    line = events.OrderLine(sku="tea", paid=Decimal(9))
    euro = events.OrderCompleted(order_id="e", currency="EUR", lines=(line,))
    store.append([euro], at=day(1), customer=who)
    order(who, "late", "9.00", tried.campaign.ends_at + sums.WASHOUT)
    while projections.catch_up():
        pass

    sums.refresh_strategy(tried.id, until=day(100))

    assert mean(counted(tried.id)["all", "treatment"], "revenue") == 0


def test_a_person_in_two_arms_counts_in_none_and_is_counted(tried: Strategy) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "holdout", day(0))
    assign(tried, ana.key, "treatment", day(1))
    Customer.objects.filter(key=ana.key).update(person=phone.key)

    grams = summed(tried)

    assert ("all", "treatment") not in grams
    assert ("all", "holdout") not in grams
    assert grams["all", sums.CROSSED][0, 0] == 1


def test_who_was_assigned_by_two_keys_is_dropped_whatever_they_drew(
    tried: Strategy,
) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "treatment", day(0))
    assign(tried, ana.key, "treatment", day(1))
    Customer.objects.filter(key=ana.key).update(person=phone.key)

    grams = summed(tried)

    assert ("all", "treatment") not in grams
    assert grams["all", sums.CROSSED][0, 0] == 1


def test_people_of_two_keys_who_spend_more_are_no_effect(tried: Strategy) -> None:
    rng = np.random.default_rng(1)

    def drawn() -> str:
        return "holdout" if rng.random() < 0.05 else "treatment"

    for n in range(1500):
        both = rng.random() < 0.2
        phone = Customer.objects.create(anonymous_id=f"phone {n}")
        assign(tried, phone.key, drawn(), day(0))
        if both:
            known = Customer.objects.create(external_id=f"c{n}")
            assign(tried, known.key, drawn(), day(0))
            Customer.objects.filter(key=known.key).update(person=phone.key)
        order(phone.key, str(n), "98.00" if both else "8.00", day(1))

    grams = summed(tried)

    revenue = [mean(grams["all", arm], "revenue") for arm in ("treatment", "holdout")]
    assert revenue == pytest.approx([10, 10])


def test_a_person_of_several_keys_is_one_unit(tried: Strategy) -> None:
    ana = Customer.objects.create(external_id="ana")
    phone = Customer.objects.create(anonymous_id="phone")
    assign(tried, phone.key, "treatment", day(0))
    Customer.objects.filter(key=ana.key).update(person=phone.key)
    order(ana.key, "1", "8.00", day(1))

    gram = summed(tried)["all", "treatment"]

    assert gram[0, 0] == 1
    assert mean(gram, "revenue") == pytest.approx(10)


def test_what_was_shown_is_counted_from_the_first_exposure_on(tried: Strategy) -> None:
    who, other = uuid4(), uuid4()
    offer = uuid4()
    said = events.OfferAssigned(
        strategy=tried.id,
        arm="treatment",
        variant="10%",
        probability=0.5,
        offer=offer,
    )
    store.append([said], at=day(0), customer=who)
    assign(tried, other, "treatment", day(0))
    order(who, "1", "8.00", day(1))
    store.append([events.OfferShown(offer=offer)], at=day(2), customer=who)
    order(who, "2", "18.00", day(3))

    grams = summed(tried)

    assert grams["all", "treatment"][0, 0] == 2
    assert grams["shown", "treatment"][0, 0] == 1
    assert mean(grams["shown", "treatment"], "revenue") == pytest.approx(20)
    assert mean(grams["shown", "treatment"], "before_revenue") == pytest.approx(10)


def test_segments_and_weeks_add_up_to_all(tried: Strategy) -> None:
    for n in range(12):
        who = uuid4()
        assign(tried, who, ("treatment", "holdout")[n % 2], day(n))
        order(who, str(n), "8.00", day(n + 1))

    grams = summed(tried)

    for arm in ("treatment", "holdout"):
        weeks = [
            gram
            for (name, its), gram in grams.items()
            if name[:4] == "week" and its == arm
        ]
        assert len(weeks) > 1
        np.testing.assert_allclose(sum(weeks), grams["all", arm])
        np.testing.assert_allclose(grams["segment Loyal", arm], grams["all", arm])


def test_a_campaign_and_the_programme_stand_against_who_is_held_out_of_all(
    tried: Strategy,
) -> None:
    for arm, paid in (("treatment", "8"), ("holdout", "4"), ("held_out", "1")):
        who = uuid4()
        assign(tried, who, arm, day(0))
        order(who, arm, paid, day(1))
    while projections.catch_up():
        pass

    sums.refresh_campaign(tried.campaign_id, until=UNTIL)
    first = START.replace(day=1, hour=0)
    sums.refresh_month(first, until=UNTIL)

    for subject in (tried.campaign_id, sums.month(first)):
        grams = counted(subject, slice="all")
        assert grams["all", "treatment"][0, 0] == 2
        assert mean(grams["all", "treatment"], "revenue") == pytest.approx(8)
        assert mean(grams["all", "held_out"], "revenue") == pytest.approx(3)


def test_a_month_of_the_programme_counts_what_fell_in_it(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "june", "8.00", day(1))
    order(who, "july", "18.00", day(31))
    while projections.catch_up():
        pass

    july = datetime(2026, 7, 1, tzinfo=UTC)
    sums.refresh_month(july, until=day(90))

    gram = counted(sums.month(july))["all", "treatment"]
    assert gram[0, 0] == 1
    assert mean(gram, "revenue") == pytest.approx(20)


def test_what_goes_back_after_its_month_is_taken_off_there(tried: Strategy) -> None:
    who = uuid4()
    assign(tried, who, "treatment", day(0))
    order(who, "june", "8.00", day(1))
    order(who, "kept", "8.00", day(2))
    order(who, "july", "18.00", day(31))
    gone = events.OrderRefunded(order_id="june", currency="USD")
    store.append([gone], at=day(35), customer=who)
    late = events.OrderRefunded(order_id="kept", currency="USD")
    store.append([late], at=day(60), customer=who)
    while projections.catch_up():
        pass

    june, july = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7))
    for first in (june, july):
        sums.refresh_month(first, until=day(90))

    mine = [counted(sums.month(one))["all", "treatment"] for one in (june, july)]
    assert [mean(gram, "revenue") for gram in mine] == pytest.approx([10, 20])
    assert [mean(gram, "returned") for gram in mine] == pytest.approx([10, 0])


def test_summing_twice_changes_nothing(tried: Strategy) -> None:
    assign(tried, uuid4(), "treatment", day(0))

    once, twice = summed(tried), summed(tried)

    assert once.keys() == twice.keys()
    for key, gram in once.items():
        np.testing.assert_array_equal(gram, twice[key])
