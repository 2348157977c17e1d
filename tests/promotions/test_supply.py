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
from promotions import constraints, flags, guards_now, standing, stock_needs, supply
from promotions.models import StandingRule, Strategy, Supply
from tests.conftest import Make, role
from tests.promotions.shelves import expected, goods, listed

pytestmark = pytest.mark.django_db


def states() -> dict[str, str]:
    return dict(Supply.objects.values_list("product_id", "state"))


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
