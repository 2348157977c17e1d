"""A strategy is tried on past baskets before somebody decides."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from analytics import events, store
from analytics.models import Customer
from promotions import approval, backtest, past_weeks
from promotions.models import Strategy
from tests.conftest import Body
from tests.promotions.guarded import go_live, make


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
