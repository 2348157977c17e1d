"""Stock beside its forecast: what runs short is found, held back and told; no more."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from analytics import store
from catalog import levels
from catalog.models import StockDay, StockRule
from ml import forecasts
from ml.models import Forecast
from promotions import (
    approval,
    constraints,
    decision_rules,
    extra_units,
    flags,
    guards,
    guards_now,
    standing,
    stock_needs,
    supply,
)
from promotions.models import StandingRule, Strategy, Supply
from tests.conftest import Make, role
from tests.promotions.shelves import expected, listed

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return dict(Supply.objects.values_list("product_id", "state"))


def goods(short: int = 3, ample: int = 100) -> None:
    """A category that sells 20 a week of each of two products, counted now."""
    at = timezone.now()
    for sku, stock in (("few", short), ("many", ample)):
        listed(sku, at=at, stock=stock)
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)


def test_a_planted_shortage_is_found_and_none_is_invented() -> None:
    goods()
    assert states() == {"few": "short", "many": "fine"}
    few = Supply.objects.get(pk="few")
    assert few.cover == pytest.approx(7 * 3 / 20)
    assert few.chance_out > 0.9
    # Two weeks at risk, 28 days and the lead time up to the target.
    assert few.order > 80
    assert Supply.objects.get(pk="many").order == 0


def test_where_the_shop_sends_no_stock_nothing_is_said() -> None:
    at = timezone.now()
    listed("silent", at=at, stock=None)
    expected("silent", 20.0, at=at)
    assert supply.refresh(at=at) == 0
    assert states() == {}
    assert supply.short() == frozenset()


def test_what_has_no_forecast_is_only_said_to_be_unknown() -> None:
    at = timezone.now()
    listed("new", at=at, stock=4)
    supply.refresh(at=at)
    row = Supply.objects.get()
    assert (row.state, row.cover, row.order) == ("unknown", None, 0)


def test_what_expires_is_found() -> None:
    at = timezone.now()
    soon = at.date() + timedelta(days=7)
    listed("yogurt", at=at, stock=60, expires_on=soon)
    listed("some", at=at, stock=60, expires_on=soon, expiring=5)
    for sku in ("yogurt", "some"):
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
    assert states() == {"yogurt": "expiring", "some": "fine"}
    assert Supply.objects.get(pk="yogurt").unsold == pytest.approx(40, abs=3)


def test_what_has_expired_is_no_cover_and_is_ordered_anew() -> None:
    at = timezone.now()
    gone = at.date() - timedelta(days=1)
    listed("milk", at=at, stock=60, expires_on=gone)
    listed("curd", at=at, stock=100, expires_on=at.date() + timedelta(days=2))
    for sku in ("milk", "curd"):
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
    rows = Supply.objects.in_bulk(["milk", "curd"])
    assert rows["milk"].cover == 0
    assert rows["curd"].cover == pytest.approx(2)
    for row in rows.values():
        assert row.state == "expiring"
        assert row.chance_out > 0.9
        assert row.order > 80


def test_a_category_has_a_rule_of_its_own() -> None:
    StockRule.objects.create(
        category="TEA", service_level=Decimal("0.99"), lead_days=30
    )
    goods(short=60)
    assert states()["few"] == "short"
    assert Supply.objects.get(pk="few").lead_assumed


def test_what_is_under_way_counts_if_it_comes_in_time() -> None:
    at = timezone.now()
    late = at.date() + timedelta(days=30)
    listed("soon", at=at, stock=3, incoming=100)
    listed("late", at=at, stock=3, incoming=100, incoming_on=late)
    for sku in ("soon", "late"):
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
    assert states() == {"soon": "fine", "late": "short"}


def test_stock_is_kept_by_day() -> None:
    at = timezone.now()
    listed("tea", at=at - timedelta(days=2), stock=9)
    listed("tea", at=at, stock=7)
    listed("tea", at=at, stock=5)
    rows = StockDay.objects.order_by("day").values_list("day", "stock")
    assert list(rows) == [((at - timedelta(days=2)).date(), 9), (at.date(), 5)]


def test_a_category_is_short_by_its_demand() -> None:
    goods()
    assert supply.short() == {"TEA"}
    at = timezone.now()
    listed("best", at=at, stock=900)
    expected("best", 100.0, at=at)
    supply.refresh(at=at)
    assert supply.short() == frozenset()


def test_no_offer_is_newly_made_of_what_runs_short(live: Make) -> None:
    strategy = live()
    assert constraints._in_stock([strategy]).tolist() == [True]
    goods()
    assert constraints._in_stock([strategy]).tolist() == [False]


def test_what_runs_short_raises_a_flag_and_a_proposal_to_stop_it(live: Make) -> None:
    strategy, now = live(), timezone.now()
    assert flags.of(strategy, at=now) == []
    goods()
    [flag] = flags.of(strategy, at=now)
    assert flag.kind == StandingRule.Flag.SHORT
    [rule] = standing.propose_stops(at=now)
    assert (rule.state, rule.proposed_by) == ("proposed", "platform")
    assert standing.propose_stops(at=now) == []
    # Nothing ends before somebody approves it.
    assert standing.act(at=now) == []
    standing.approve(rule.id, by="olga", at=now)
    assert standing.act(at=now) == [strategy]
    assert Strategy.objects.get().state == "ended"


def test_ample_stock_raises_nothing(live: Make) -> None:
    goods(short=100)
    assert flags.of(live(), at=timezone.now()) == []
    assert standing.propose_stops(at=timezone.now()) == []


FORECAST = {"margin": 300.0, "cost": 100.0, "reach": 40, "days": 28}


def test_a_promotion_needs_its_stock_before_it_is_approved(proposed: Make) -> None:
    """400 of margin at 40 % of 10.00 are 100 units in 28 days: 25 in a week."""
    goods(short=20, ample=20)
    strategy, now = proposed(forecast=FORECAST), timezone.now()
    need = stock_needs.need(strategy, at=now)
    assert need.days == pytest.approx(7)
    assert need.usual == pytest.approx(40)
    assert need.extra == pytest.approx(25)
    assert need.missing == pytest.approx(25)
    with pytest.raises(decision_rules.GuardFailed, match="order 25 first"):
        approval.approve(strategy.id, by="olga", comment="Yes.", at=now)
    listed("few", at=now, stock=20, incoming=30)
    approval.approve(strategy.id, by="olga", comment="Yes.", at=now)


def test_what_expires_before_it_is_asked_for_helps_no_promotion(
    proposed: Make,
) -> None:
    """Of 25 units in a week for each, so many sell until their day."""
    at = timezone.now()
    today = at.date()
    listed("few", at=at, stock=20, expires_on=today - timedelta(days=1))
    listed("some", at=at, stock=60, expires_on=today + timedelta(days=2))
    listed("part", at=at, stock=60, expires_on=today + timedelta(days=2), expiring=30)
    listed("later", at=at, stock=60, expires_on=today + timedelta(days=90))
    for sku in ("few", "some", "part", "later"):
        expected(sku, 20.0, at=at)
    supply.refresh(at=at)
    strategy = proposed(forecast=FORECAST)

    need = stock_needs.need(strategy, at=at)

    each = (80 + 25) / 4
    assert need.days == pytest.approx(7)
    assert need.extra == pytest.approx(25)
    by_then = 2 * each / 7
    assert need.there == int(0 + by_then + (30 + by_then) + 60)
    assert need.missing == pytest.approx(each + (each - by_then), abs=0.1)
    with pytest.raises(decision_rules.GuardFailed, match="order 45 first"):
        approval.approve(strategy.id, by="olga", comment="Yes.", at=at)


def test_forecasts_that_nobody_makes_any_more_say_nothing_of_stock(
    proposed: Make, client: Client, olga: User
) -> None:
    goods()
    at = timezone.now() + forecasts.STALE + timedelta(hours=1)
    strategy = proposed(forecast=FORECAST)

    need = stock_needs.need(strategy, at=at)
    assert need.stale is not None
    assert (need.usual, need.missing) == (0, 0)
    told = guards_now.in_stock(strategy, at=at)
    assert told.passed
    assert "7 days ago, which is too old" in str(told.detail)

    supply.refresh(at=at)
    assert set(states().values()) == {"unknown"}
    assert supply.short() == frozenset()
    assert supply.outlooks(["few"], at) == {}
    Forecast.objects.update(computed_at=timezone.now() - timedelta(days=9))
    client.force_login(olga)
    for address in (reverse("stock"), reverse("product_stock", args=["few"])):
        assert "9 days ago, which is too old" in client.get(address).content.decode()


def test_a_forecast_goes_on_with_the_week_that_is_not_over() -> None:
    goods()
    today = timezone.now().date()
    before = supply.outlooks(["few"], timezone.now())["few"]
    Forecast.objects.update(first=today - timedelta(days=8))

    now = supply.outlooks(["few"], timezone.now())["few"]

    assert now.first == today - timedelta(days=1)
    assert len(now.units) == len(before.units) - 1


def test_what_is_not_known_of_a_hand_made_promotion_is_not_guessed_from_the_past(
    proposed: Make,
) -> None:
    at = timezone.now()
    expected("TEA", 20.0, at=at, level="category")
    goods()
    strategy = proposed(forecast={})

    assert extra_units.each_day(strategy, 40.0, at=at)
    later = at + forecasts.STALE
    assert extra_units.each_day(strategy, 40.0, at=later) is None


def test_a_promotion_becomes_an_order(live: Make) -> None:
    goods(short=40, ample=40)
    before = Supply.objects.get(pk="few")
    live(forecast=FORECAST)
    supply.refresh(at=timezone.now())
    after = Supply.objects.get(pk="few")
    assert before.promoted == 0
    # 35 days are ordered for, of which it runs 28: half of 100 units.
    assert after.promoted == pytest.approx(50, abs=2)
    assert after.reorder_point > before.reorder_point


def test_what_sells_nothing_beyond_is_not_stopped_by_a_shortage() -> None:
    told = guards.stock(
        products=1, known=1, days=7, wanted=9, extra=0.0, there=3, incoming=0, missing=6
    )
    assert told.passed


def test_the_guard_says_so_where_there_is_no_stock() -> None:
    told = guards.stock(
        products=3,
        known=0,
        days=0,
        wanted=0,
        extra=None,
        there=0,
        incoming=0,
        missing=0,
    )
    assert told.passed
    assert "sends no stock" in str(told.detail)


def test_who_sets_a_rule_is_in_the_log(client: Client, olga: User) -> None:
    client.force_login(olga)
    address = reverse("admin:catalog_stockrule_add")
    usual = {name: getattr(StockRule(), name) for name in levels.FIELDS}
    answer = client.post(address, usual | {"category": "TEA", "service_level": "0.98"})
    assert answer.status_code == 302
    rule = StockRule.objects.get()
    client.post(
        reverse("admin:catalog_stockrule_delete", args=[rule.pk]), {"post": "yes"}
    )
    logged = store.read(until=store.high_water(), types=["stock_rule_set"])
    said = [one.event for one in logged]
    assert [one.rule and one.rule["service_level"] for one in said] == ["0.98", None]  # type: ignore[attr-defined]
    assert {one.by for one in said} == {"olga"}  # type: ignore[attr-defined]
    assert not StockRule.objects.exists()


def test_who_may_set_a_rule_of_stock_may_take_it_back() -> None:
    for name in ("Buyers", "Approvers"):
        codes = set(role(name).permissions.values_list("codename", flat=True))
        assert {"change_stockrule", "delete_stockrule"} <= codes
    codes = set(role("Analysts").permissions.values_list("codename", flat=True))
    assert "delete_stockrule" not in codes


def test_the_list_of_products_leads_to_the_stock_of_each(
    client: Client, olga: User
) -> None:
    goods()
    client.force_login(olga)
    address = reverse("admin:catalog_product_changelist")
    link = f'href="{reverse("product_stock", args=["few"])}"'
    assert link in client.get(address).content.decode()

    buyer = User.objects.create_user("bo", is_staff=True)
    buyer.user_permissions.add(Permission.objects.get(codename="view_product"))
    client.force_login(buyer)
    page = client.get(address).content.decode()
    assert "few" in page
    assert link not in page
