"""What must hold before a strategy is approved."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics import events, store
from catalog.models import Product
from promotions import (
    approval,
    backtest,
    decision_rules,
    depths,
    guards,
    past_guards,
    phrases,
    rule_faults,
    rules,
)
from promotions.guards import Usual
from promotions.models import Campaign
from promotions.past_guards import Tried
from promotions.rules import Conditions, Limit, Rule, Slot, Terms, Tier
from tests.conftest import Body
from tests.promotions.guarded import go_live, make

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

    deep = depths.depth(terms, price=price, least=rule.conditions.least_amount)
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
    found = depths.depth(terms, price=Decimal(10), least=Decimal(40))

    assert found == Decimal(deep)


def test_a_worst_basket_below_the_floor_does_not_pass() -> None:
    bad = Tried(baskets=9, touched=1, worst=Decimal("0.3"), kept=Decimal("0.01"))

    assert not past_guards.tried(bad, Decimal("0.02")).passed
    assert past_guards.tried(bad, Decimal("0.01")).passed


def test_untried_does_not_pass_and_no_orders_do() -> None:
    none = Tried(baskets=0, touched=0, worst=Decimal(0), kept=Decimal(1))

    assert not past_guards.untried().passed
    assert past_guards.tried(none, Decimal("0.02")).passed


def test_a_strategy_too_deep_for_its_margin_cannot_be_approved(draft: Body) -> None:
    strategy = make(draft(kind="multibuy", menu={"3 for 2": {"take": 3}}))

    with pytest.raises(decision_rules.GuardFailed, match="margin floor"):
        go_live(strategy)


def test_a_strategy_about_nothing_on_sale_cannot_be_approved(draft: Body) -> None:
    with pytest.raises(decision_rules.GuardFailed, match="scope"):
        go_live(make(draft(scope=["UNICORNS"])))


def test_a_campaign_that_is_over_by_then_forbids_the_approval(draft: Body) -> None:
    strategy = make(draft())
    backtest.review(strategy, at=timezone.now())
    late = strategy.campaign.ends_at

    with pytest.raises(decision_rules.GuardFailed, match="period"):
        approval.approve(strategy.id, by="olga", comment="Late.", at=late)

    early = late - timedelta(microseconds=1)
    approval.approve(strategy.id, by="olga", comment="In time.", at=early)


def test_a_campaign_without_money_left_forbids_the_approval(draft: Body) -> None:
    strategy = make(draft())
    Campaign.objects.update(spent=500)

    with pytest.raises(decision_rules.GuardFailed, match="money"):
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
    with pytest.raises(decision_rules.GuardFailed, match=said):
        go_live(bad)


def test_a_group_goes_by_one_mode(draft: Body) -> None:
    go_live(make(draft(rule={"group": "tea", "mode": "best"})))
    go_live(make(draft(rule={"group": "tea", "mode": "best"})))

    with pytest.raises(decision_rules.GuardFailed, match="“Tea week” says best"):
        go_live(make(draft(rule={"group": "tea", "mode": "worst"})))


def test_a_guard_of_the_moment_that_has_mended_itself_forbids_nothing(
    draft: Body,
) -> None:
    """The page said that all guards hold, and approval went by what was stored."""
    first = make(draft(rule={"group": "tea", "mode": "best"}))
    go_live(first)
    other = make(draft(rule={"group": "tea", "mode": "worst"}))
    with pytest.raises(decision_rules.GuardFailed):
        go_live(other)

    approval.end(first.id, by="olga", comment="Over.", at=timezone.now())
    go_live(other)

    other.refresh_from_db()
    assert other.state == "live"


def test_a_reduction_from_a_price_that_was_just_raised_cannot_be_approved(
    draft: Body,
) -> None:
    now = timezone.now()
    for days, price in ((60, "10.00"), (3, "12.00")):
        changed = events.PriceChanged(sku="tea", price=Decimal(price), currency="USD")
        store.append([changed], at=now - timedelta(days=days))
    Product.objects.filter(sku="tea").update(price=Decimal("12.00"))

    with pytest.raises(decision_rules.GuardFailed, match="reference price"):
        go_live(make(draft(menu={"15%": {"rate": "0.15"}})))  # 10.20

    go_live(make(draft(menu={"20%": {"rate": "0.20"}})))  # 9.60
