"""Guards judge every kind of rule, and what a strategy would have done."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, store
from analytics.models import Customer
from catalog.models import Product
from promotions import (
    approval,
    backtest,
    drafts,
    guards,
    past_weeks,
    phrases,
    proposals,
    rule_faults,
    rules,
)
from promotions.guards import Tried, Usual
from promotions.models import Campaign, Offer, Strategy
from promotions.rules import Conditions, Limit, Rule, Slot, Terms, Tier
from tests.conftest import Body, Make

AMOUNTS = st.decimals(0, 10**9, places=2, allow_nan=False) | st.just(Decimal("NaN"))
RATES = st.decimals(0, 2, places=3, allow_nan=False)
TERMS: st.SearchStrategy[Terms] = st.one_of(
    st.builds(rules.Percentage, rate=RATES),
    st.builds(rules.Amount, amount=AMOUNTS, each=st.sampled_from(["unit", "order"])),
    st.builds(rules.FixedPrice, price=AMOUNTS),
    st.builds(
        rules.Threshold,
        spend=AMOUNTS,
        amount=AMOUNTS,
        higher=st.tuples(
            st.builds(Tier, spend=AMOUNTS, quantity=st.integers(0, 9), rate=RATES)
        ),
    ),
    st.builds(
        rules.Multibuy,
        take=st.integers(2, 9),
        reduced=st.integers(1, 9),
        rate=RATES,
    ),
    st.builds(
        rules.Bundle,
        price=AMOUNTS,
        slots=st.tuples(st.builds(Slot, quantity=st.integers(1, 9))),
    ),
    st.builds(
        rules.Gift, spend=AMOUNTS, value=AMOUNTS, sku=st.just("m"), name=st.just("M")
    ),
    st.builds(rules.Shipping, rate=RATES, price=st.none() | AMOUNTS),
)
RULES = st.builds(
    Rule,
    group=st.sampled_from(["", "a"]),
    mode=st.sampled_from(["stack", "first", "best", "worst"]),
    conditions=st.builds(
        Conditions,
        least_amount=AMOUNTS,
        weekdays=st.tuples(st.integers(1, 7)),
        hours=st.none() | st.tuples(st.integers(0, 23), st.integers(0, 24)),
        segments=st.just(("loyal",)) | st.just(()),
    ),
    limits=st.tuples(st.builds(Limit, most=AMOUNTS)),
)


@given(
    terms=TERMS,
    rule=RULES,
    price=st.decimals(0, 1000, places=2),
    currency=st.sampled_from(["USD", "JPY"]),
)
def test_no_guard_and_no_sentence_fails_for_any_rule(
    terms: Terms, rule: Rule, price: Decimal, currency: str
) -> None:
    if rule_faults.fault(terms, currency) or rule_faults.rule_fault(rule, currency):
        return  # refused before any guard sees it: also that must not raise
    usual = Usual(products=1, price=price, margin=Decimal("0.3"))

    found = guards.floor([terms], rule, Decimal("0.05"), usual)
    guards.group(rule, [("Tea", "best")])
    said = phrases.sentences(
        phrases.Said(
            title="Tea",
            menu={"a": terms},
            rule=rule,
            scope=["TEA"],
            trigger="automatic",
            currency=currency,
            zone="UTC",
            budget=Decimal(5),
            least_margin=Decimal("0.05"),
            holdout=0,
        )
    )

    deep = guards.depth(terms, price=price, least=rule.conditions.least_amount)
    assert 0 <= deep <= 1
    assert found.passed == (Decimal("0.3") - deep >= Decimal("0.05"))
    assert all(one[0].isupper() and one.endswith(".") for one in said), said


@pytest.mark.parametrize(
    ("terms", "deep"),
    [
        (rules.Percentage(rate=Decimal("0.1")), "0.1"),
        (rules.Amount(amount=Decimal(2), each="unit"), "0.2"),
        (rules.Amount(amount=Decimal(2)), "0.05"),
        (rules.FixedPrice(price=Decimal(9)), "0.1"),
        (rules.FixedPrice(price=Decimal(99)), "0"),
        (rules.Multibuy(take=4), "0.25"),
        (rules.Multibuy(take=2, rate=Decimal("0.5")), "0.25"),
        (rules.Bundle(slots=(Slot(quantity=2),), price=Decimal(16)), "0.2"),
        (
            rules.Threshold(
                spend=Decimal(20),
                amount=Decimal(2),
                higher=(Tier(spend=Decimal(50), rate=Decimal("0.15")),),
            ),
            "0.15",
        ),
        (
            rules.Gift(spend=Decimal(40), sku="m", name="M", value=Decimal(4)),
            "0.1",
        ),
        (rules.Shipping(), "0"),
    ],
)
def test_how_deep_each_kind_goes_at_a_price_of_10(terms: Terms, deep: str) -> None:
    found = guards.depth(terms, price=Decimal(10), least=Decimal(40))

    assert found == Decimal(deep)


def test_a_worst_basket_below_the_floor_does_not_pass() -> None:
    bad = Tried(baskets=9, touched=1, worst=Decimal("0.3"), kept=Decimal("0.01"))

    assert not guards.tried(bad, Decimal("0.02")).passed
    assert guards.tried(bad, Decimal("0.01")).passed


def test_untried_does_not_pass_and_no_orders_do() -> None:
    none = Tried(baskets=0, touched=0, worst=Decimal(0), kept=Decimal(1))

    assert not guards.untried().passed
    assert guards.tried(none, Decimal("0.02")).passed


def make(body: dict[str, Any]) -> Strategy:
    return proposals.propose(drafts.read(body), by="oscar", at=timezone.now())


def go_live(strategy: Strategy) -> None:
    backtest.review(strategy, at=timezone.now())
    approval.approve(strategy.id, by="olga", comment="Good.", at=timezone.now())


def test_a_strategy_too_deep_for_its_margin_cannot_be_approved(draft: Body) -> None:
    strategy = make(draft(kind="multibuy", menu={"3 for 2": {"take": 3}}))

    with pytest.raises(approval.GuardFailed, match="margin floor"):
        go_live(strategy)


def test_a_strategy_about_nothing_on_sale_cannot_be_approved(draft: Body) -> None:
    with pytest.raises(approval.GuardFailed, match="scope"):
        go_live(make(draft(scope=["UNICORNS"])))


def test_a_campaign_that_is_over_by_then_forbids_the_approval(draft: Body) -> None:
    strategy = make(draft())
    backtest.review(strategy, at=timezone.now())
    late = strategy.campaign.ends_at

    with pytest.raises(approval.GuardFailed, match="period"):
        approval.approve(strategy.id, by="olga", comment="Late.", at=late)

    early = late - timedelta(microseconds=1)
    approval.approve(strategy.id, by="olga", comment="In time.", at=early)


def test_a_campaign_without_money_left_forbids_the_approval(draft: Body) -> None:
    strategy = make(draft())
    Campaign.objects.update(spent=500)

    with pytest.raises(approval.GuardFailed, match="money"):
        go_live(strategy)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"value": "0.01"}, "mug costs 4.00 USD, more than its value of 0.01"),
        ({"sku": "yacht"}, "yacht is not on sale in USD"),
    ],
)
def test_a_gift_that_is_not_sold_or_costs_more_than_its_value_is_not_approved(
    draft: Body, changed: dict[str, str], said: str
) -> None:
    """Budgets and floors count the value: of 0.01, a yacht would pass any of them."""
    mug = {"spend": "20", "sku": "mug", "name": "Mug", "value": "4.00"}

    good = make(draft(kind="gift", menu={"a mug": mug}))
    bad = make(draft(kind="gift", menu={"a gift": mug | changed}))

    go_live(good)
    with pytest.raises(approval.GuardFailed, match=said):
        go_live(bad)


def test_a_group_goes_by_one_mode(draft: Body) -> None:
    go_live(make(draft(rule={"group": "tea", "mode": "best"})))
    go_live(make(draft(rule={"group": "tea", "mode": "best"})))

    with pytest.raises(approval.GuardFailed, match="“Tea week” says best"):
        go_live(make(draft(rule={"group": "tea", "mode": "worst"})))


def test_a_guard_of_the_moment_that_has_mended_itself_forbids_nothing(
    draft: Body,
) -> None:
    """The page said that all guards hold, and approval went by what was stored."""
    first = make(draft(rule={"group": "tea", "mode": "best"}))
    go_live(first)
    other = make(draft(rule={"group": "tea", "mode": "worst"}))
    with pytest.raises(approval.GuardFailed):
        go_live(other)

    approval.end(first.id, by="olga", comment="Over.", at=timezone.now())
    go_live(other)

    other.refresh_from_db()
    assert other.state == "live"


def order(customer: Customer | None, *lines: tuple[str, str, int, str]) -> None:
    made = events.OrderCompleted(
        order_id="1",
        currency="USD",
        lines=tuple(
            events.OrderLine(
                sku=sku, category=category, quantity=quantity, paid=Decimal(paid)
            )
            for sku, category, quantity, paid in lines
        ),
    )
    at = datetime(2026, 6, 5, 18, tzinfo=UTC)  # a Friday, 20:00 in Berlin
    store.append([made], at=at, customer=customer.key if customer else None)


def on_past_weeks(strategy: Strategy, **how: Any) -> past_weeks.Outcome:
    return past_weeks.total(list(past_weeks.run(strategy, **how)), "USD")


def test_weeks_that_were_sampled_at_other_rates_count_as_what_they_stand_for() -> None:
    def week(orders: int, touched: int, given: str) -> past_weeks.Week:
        whole = Decimal(given) * orders / 200
        return past_weeks.Week(
            since=timezone.now(),
            until=timezone.now(),
            orders=orders,
            baskets=200,
            touched=touched,
            customers=1,
            given=Decimal(given),
            cost=whole,
            worst=Decimal(0),
            kept=Decimal(1),
            floored=0,
            stopped=False,
        )

    weeks = [week(2000, 100, "400"), week(200, 50, "50"), week(200, 0, "0")]

    found = past_weeks.total(weeks, "USD")

    assert found.cost == 4050 == sum(one.cost for one in weeks)
    assert found.mean == Decimal("3.86")  # 4,050 of 1,000 and 50 touched baskets
    assert past_weeks.total([], "USD").mean == 0


def test_past_baskets_tell_reach_cost_and_the_worst_stack(
    draft: Body, ana: Customer
) -> None:
    order(ana, ("tea", "TEA", 2, "20.00"))
    order(None, ("milk", "MILK", 1, "2.00"))
    shared = {"shares_lines": True}
    go_live(make(draft(rule=shared)))
    strategy = make(draft(menu={"15%": {"rate": "0.15"}}, rule=shared))

    found = backtest.review(strategy, at=timezone.now())

    assert found
    assert (found.orders, found.baskets, found.touched) == (2, 2, 1)
    assert found.mean == Decimal("3.00")
    assert found.worst == Decimal("0.25")  # 2.00 of what is live, 3.00 of this
    assert found.kept == Decimal("0.0667")  # of 15.00, when 20.00 cost 14.00
    strategy.refresh_from_db()
    assert strategy.forecast["tried"]["touched"] == 1
    tried = [g for g in strategy.guards if g["name"] == "past baskets"]
    assert [guard["passed"] for guard in tried] == [True]


def test_past_baskets_are_judged_by_the_clock_of_their_order(draft: Body) -> None:
    order(None, ("tea", "TEA", 1, "10.00"))
    for hours, touched in (([19, 22], 1), ([18, 20], 0)):
        rule = {"conditions": {"hours": hours, "weekdays": [5]}}
        found = on_past_weeks(make(draft(rule=rule)), at=timezone.now())
        assert found.touched == touched


def test_baskets_cut_at_a_floor_are_counted(draft: Body) -> None:
    order(None, ("tea", "TEA", 1, "10.00"))
    body = draft(menu={"40%": {"rate": "0.40"}}, least_margin="0.05")

    found = on_past_weeks(make(body), at=timezone.now())

    assert (found.touched, found.floored) == (1, 1)
    assert found.mean == Decimal("2.63")  # down to 7.37
    assert found.kept >= Decimal("0.05")


def test_a_reduction_from_a_price_that_was_just_raised_cannot_be_approved(
    draft: Body,
) -> None:
    now = timezone.now()
    for days, price in ((60, "10.00"), (3, "12.00")):
        changed = events.PriceChanged(sku="tea", price=Decimal(price), currency="USD")
        store.append([changed], at=now - timedelta(days=days))
    Product.objects.filter(sku="tea").update(price=Decimal("12.00"))

    with pytest.raises(approval.GuardFailed, match="reference price"):
        go_live(make(draft(menu={"15%": {"rate": "0.15"}})))  # 10.20

    go_live(make(draft(menu={"20%": {"rate": "0.20"}})))  # 9.60


def test_only_first_orders_count_where_the_rule_asks_for_them(
    draft: Body, ana: Customer
) -> None:
    order(ana, ("tea", "TEA", 1, "10.00"))
    order(ana, ("tea", "TEA", 1, "10.00"))
    rule = {"conditions": {"first_order": True}}

    assert on_past_weeks(make(draft(rule=rule)), at=timezone.now()).touched == 1


def test_shipping_reaches_baskets_and_its_cost_is_not_made_up(draft: Body) -> None:
    order(None, ("tea", "TEA", 1, "10.00"))
    body = draft(kind="shipping", menu={"free": {}}, scope=[])

    found = on_past_weeks(make(body), at=timezone.now())

    assert (found.touched, found.cost, found.mean) == (1, Decimal(0), Decimal(0))


def test_a_trial_stops_when_its_time_is_over(draft: Body) -> None:
    order(None, ("tea", "TEA", 1, "10.00"))

    found = on_past_weeks(make(draft()), at=timezone.now(), seconds=0)

    assert (found.stopped, found.baskets) == (True, 0)


def test_a_trial_that_comes_too_late_writes_nothing(draft: Body) -> None:
    strategy = make(draft())
    approval.reject(strategy.id, by="olga", comment="No.", at=timezone.now())

    assert backtest.review(strategy, at=timezone.now()) is None
    strategy.refresh_from_db()
    assert strategy.forecast == {}


def test_proposals_wait_for_their_trial_and_are_tried_again_next_day(
    draft: Body,
) -> None:
    strategy, now = make(draft()), timezone.now()
    assert backtest.waiting(at=now) == [strategy]

    backtest.review(strategy, at=now)

    assert backtest.waiting(at=now) == []
    assert backtest.waiting(at=now + timedelta(hours=25)) == [strategy]


def _menu(strategy: Strategy) -> None:
    strategy.menu = {"50%": {"kind": "percentage", "rate": "0.5"}}
    strategy.save()


def _sql(strategy: Strategy) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE promotions_strategy SET least_margin = 0")


def _again(strategy: Strategy) -> None:
    Strategy.objects.update(state="proposed")


def _zone(strategy: Strategy) -> None:
    Campaign.objects.update(zone="Asia/Tokyo")


CHANGES: list[Callable[[Strategy], Any]] = [
    _menu,
    _sql,
    _again,
    _zone,
    lambda strategy: Strategy.objects.update(rule={"priority": 1}),
    lambda strategy: Strategy.objects.update(trigger="code", holdout=0),
    lambda strategy: Strategy.objects.bulk_update([_titled(strategy)], ["title"]),
    lambda strategy: Strategy.objects.filter(id=strategy.id).delete(),
]


def _titled(strategy: Strategy) -> Strategy:
    strategy.title = "Another"
    return strategy


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("decided", ["live", "ended", "rejected"])
def test_a_decided_strategy_cannot_be_changed_by_any_road(
    proposed: Make, change: Callable[[Strategy], Any], decided: str
) -> None:
    strategy = proposed()
    now = timezone.now()
    if decided == "rejected":
        approval.reject(strategy.id, by="olga", comment="No.", at=now)
    else:
        approval.approve(strategy.id, by="olga", comment="Yes.", at=now)
    if decided == "ended":
        approval.end(strategy.id, by="olga", comment="Stop.", at=now)
    strategy.refresh_from_db()
    before = Strategy.objects.values().get()

    with pytest.raises((DatabaseError, ValidationError)), transaction.atomic():
        change(strategy)

    assert Strategy.objects.values().get() == before
    assert Campaign.objects.get().zone == "UTC"


def test_a_proposal_may_still_be_withdrawn(proposed: Make) -> None:
    proposed().delete()

    assert not Strategy.objects.exists()


def test_the_rows_come_back_from_the_log(draft: Body) -> None:
    old = make(draft(rule={"limits": [{"most": 2, "per": "customer"}]}))
    go_live(old)
    new = proposals.propose_version(
        old.id, drafts.read(draft(title="Again")), by="oscar", at=timezone.now()
    )
    go_live(new)

    for strategy in Strategy.objects.all():
        told = store.read_stream(strategy.stream)[0].event
        assert isinstance(told, events.StrategyProposed)
        again = Strategy(
            id=strategy.id,
            campaign=Campaign.objects.get(id=str(told.campaign)),
            replaces_id=told.replaces,
            **{
                name: getattr(told, name)
                for name in msgspec.structs.asdict(told)
                if name not in ("by", "campaign", "replaces", "scope", "forecast")
            },
        )
        again.scope = list(told.scope)
        for field in ("campaign_id", "replaces_id", "menu", "rule", "scope", "version"):
            assert getattr(again, field) == getattr(strategy, field), field
        for field in ("trigger", "least_margin", "budget", "holdout", "title", "kind"):
            assert getattr(again, field) == getattr(strategy, field), field


def test_neither_an_automatic_strategy_nor_a_codes_makes_personal_offers(
    draft: Body, ana: Customer
) -> None:
    from promotions import measurement, targeting

    for trigger in ("automatic", "code"):
        go_live(make(draft(trigger=trigger)))

    computed = targeting.refresh(at=timezone.now())

    assert (computed.offers, computed.strategies) == (0, {})
    assert not Offer.objects.exists()
    assert measurement.refresh(until=timezone.now()) == {}
