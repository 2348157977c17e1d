"""What hurts the users of other engines, each with a test that would have caught it.

docs/promotion-pains.md lists all of them, with the threads, and where each is tested.
"""

import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from analytics.models import Customer, StoredEvent
from catalog.models import Product
from ml.models import CustomerProfile
from promotions import approval, book, counters
from promotions.coins import Line
from promotions.models import Campaign, Redemption, Sheet, Strategy
from tests.conftest import NOW, Counted, Make

pytestmark = pytest.mark.usefixtures("shelf")
Automatic = Callable[..., Strategy]


@pytest.fixture
def automatic(live: Make) -> Automatic:
    """Return a function that makes a strategy live for everybody."""

    def make(kind: str = "percentage", **fields: Any) -> Strategy:
        return live(kind, trigger="automatic", holdout=0, **fields)

    return make


def menu(kind: str, **terms: Any) -> dict[str, Any]:
    return {"it": {"kind": kind, **terms}}


def qualify(api: APIClient, *skus: str, **more: Any) -> Any:
    lines = [{"sku": sku, "quantity": 1} for sku in skus]
    answer = api.post("/api/v1/qualifications", {"lines": lines} | more, format="json")
    assert answer.status_code == 200, answer.json()
    return answer.json()


def redeem(api: APIClient, order_id: str, *skus: str, **more: Any) -> Any:
    lines = [{"sku": sku, "quantity": 1} for sku in skus]
    return api.post(
        "/api/v1/redemptions",
        {"order_id": order_id, "lines": lines} | more,
        format="json",
        headers={"Idempotency-Key": str(uuid4())},
    )


def test_a_discount_works_the_moment_it_is_approved_with_no_worker_running(
    api: APIClient, proposed: Make
) -> None:
    """Saleor 16485, 15892: discounts did not work while beat was down."""
    strategy = proposed(trigger="automatic", holdout=0)
    assert qualify(api, "tea")["discount"] == "0.00"

    approval.approve(strategy.id, by="olga", comment="Go.", at=timezone.now())
    assert qualify(api, "tea")["discount"] == "1.00"

    approval.end(strategy.id, by="olga", comment="Stop.", at=timezone.now())
    assert qualify(api, "tea")["discount"] == "0.00"


def test_a_cart_reads_only_the_strategies_that_touch_it(automatic: Automatic) -> None:
    """Vendure 3075, Oscar 3063: each promotion slowed every cart."""
    campaign = automatic().campaign
    for n in range(20):
        automatic(scope=[f"K{n}"], campaign=campaign)
    line = Line(sku="x", category="K7", quantity=1, price=100)

    found = book.automatic([line], currency="USD", at=timezone.now())

    assert [one.strategy.categories for one in found] == [("K7",)]


def test_a_cart_costs_the_same_few_queries_however_many_apply(
    api: APIClient, automatic: Automatic, statements: Counted
) -> None:
    campaign = automatic().campaign
    for _ in range(20):
        automatic(campaign=campaign)
    qualify(api, "tea")
    statements()

    qualify(api, "tea")

    assert 0 < statements() <= 6


@pytest.mark.parametrize("rate", ["0.99", "1"])
def test_nothing_is_ever_free_or_below_its_floor(
    api: APIClient, automatic: Automatic, rate: str
) -> None:
    """Spree 7734, Saleor 17453, 5689."""
    shares = {"shares_lines": True}
    automatic(menu=menu("percentage", rate=rate), rule=shares)
    automatic(menu=menu("percentage", rate="0.7"), rule=shares)
    automatic("amount", menu=menu("amount", amount="50"), rule=shares, scope=[])

    assert Decimal(qualify(api, "tea")["total"]) >= Decimal("7.37")


def test_a_promotion_without_effect_uses_nothing_up(
    api: APIClient, automatic: Automatic
) -> None:
    """Vendure 5278: a zero-effect promotion burned a use."""
    strategy = automatic(rule={"limits": [{"most": "1"}]})
    lines = [{"sku": "tea", "quantity": 1, "price": "0.05"}]

    answer = redeem(api, "o-1", lines=lines)

    assert (answer.status_code, answer.json()["redemptions"]) == (201, [])
    strategy.refresh_from_db()
    assert (strategy.redemptions, strategy.spent) == (0, Decimal(0))
    assert redeem(api, "o-2", "tea").json()["discount"] == "1.00"


def test_amounts_are_on_one_declared_tax_basis(
    api: APIClient, automatic: Automatic, settings: Any
) -> None:
    """Vendure 1237, Medusa 5776: 10 € off gave 39, not 40."""
    automatic("amount", menu=menu("amount", amount="1"))

    body = qualify(api, "tea", tax="included")
    assert (body["tax"], body["total"]) == ("included", "9.00")
    refused = api.post(
        "/api/v1/qualifications", {"lines": [], "tax": "excluded"}, format="json"
    )
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "tax"

    settings.PRICES_INCLUDE_TAX = False
    assert qualify(api, "tea")["tax"] == "excluded"


def test_a_segment_may_be_asked_for(
    api: APIClient, automatic: Automatic, ana: Customer, ben: Customer
) -> None:
    """Saleor 4048, open since 2019."""
    automatic(rule={"conditions": {"segments": ["loyal"]}})
    for customer, segment in ((ana, "loyal"), (ben, "new")):
        CustomerProfile.objects.create(
            customer=customer.key, segment=segment, orders=1, spend=1, computed_at=NOW
        )

    assert qualify(api, "tea", customer="ana")["discount"] == "1.00"
    assert qualify(api, "tea", customer="ben")["discount"] == "0.00"
    assert qualify(api, "tea")["discount"] == "0.00"


def test_the_first_order_is_the_first_even_before_its_event_came(
    api: APIClient, automatic: Automatic, ana: Customer
) -> None:
    automatic(rule={"conditions": {"first_order": True}})

    assert redeem(api, "o-1", "tea", customer="ana").json()["discount"] == "1.00"
    assert redeem(api, "o-2", "tea", customer="ana").json()["discount"] == "0.00"
    assert qualify(api, "tea", customer="nobody yet")["discount"] == "0.00"


def test_a_gift_is_in_stock_and_leaves_with_eligibility(
    api: APIClient, automatic: Automatic
) -> None:
    """Saleor PR 18425, Spree: gifts stayed, or cost a negative price."""
    automatic("gift")

    assert [e["gift"] for e in qualify(api, "tea", "tea")["effects"]] == ["mug"]
    assert qualify(api, "tea")["effects"] == []
    Product.objects.filter(sku="mug").update(stock=0)
    assert qualify(api, "tea", "tea")["effects"] == []


def test_the_last_gift_is_given_once(api: APIClient, automatic: Automatic) -> None:
    """What was given away since the feed came is not in stock any more."""
    automatic("gift")
    automatic("gift", scope=["MILK"])
    Product.objects.filter(sku="mug").update(stock=1)
    milk = [{"sku": "milk", "quantity": 10}]

    first = redeem(api, "o-1", "tea", "tea")
    assert [e["gift"] for e in first.json()["effects"]] == ["mug"]
    assert qualify(api, "tea", "tea")["effects"] == []
    assert redeem(api, "o-2", lines=milk).json()["effects"] == []

    redemption = first.json()["redemptions"][0]
    api.post(
        f"/api/v1/redemptions/{redemption}/rollback",
        {},
        format="json",
        headers={"Idempotency-Key": "back"},
    )
    assert [e["gift"] for e in qualify(api, "tea", "tea")["effects"]] == ["mug"]

    Product.objects.filter(sku="mug").update(stock=5, updated_at=timezone.now())
    assert [e["gift"] for e in qualify(api, "tea", "tea")["effects"]] == ["mug"]


def test_a_rule_cannot_change_under_a_cart(automatic: Automatic) -> None:
    """Saleor PR 18592: a rule that went away broke the checkout."""
    from django.db import DatabaseError, transaction

    strategy = automatic()

    with pytest.raises(DatabaseError, match="keeps its"), transaction.atomic():
        Campaign.objects.update(zone="Asia/Shanghai")
    for change in (
        {"menu": menu("percentage", rate="0.9")},
        {"rule": {"exclusive": True}},
        {"scope": ["MILK"]},
        {"least_margin": Decimal("0.01")},
    ):
        with pytest.raises(DatabaseError, match="keeps its rule"), transaction.atomic():
            Strategy.objects.filter(id=strategy.id).update(**change)


def test_next_weeks_promotions_can_be_seen_today(
    api: APIClient, proposed: Make
) -> None:
    """Sylius 67, Reaction PR 6726, Magento backlog 11: no preview."""
    strategy = proposed(trigger="automatic", holdout=0)
    soon = timezone.now() + timedelta(days=7)
    Campaign.objects.update(starts_at=soon, ends_at=soon + timedelta(days=1))
    preview = {"proposed": [str(strategy.id)], "as_of": soon.isoformat()}

    assert qualify(api, "tea", **preview)["discount"] == "1.00"
    assert qualify(api, "tea", as_of=soon.isoformat())["discount"] == "0.00"
    approval.approve(strategy.id, by="olga", comment="Go.", at=timezone.now())
    assert qualify(api, "tea")["discount"] == "0.00"
    assert qualify(api, "tea", as_of=soon.isoformat())["discount"] == "1.00"


def test_looking_records_nothing(api: APIClient, automatic: Automatic) -> None:
    automatic()
    before = StoredEvent.objects.count()

    qualify(api, "tea", codes=["GUESS"])

    assert StoredEvent.objects.count() == before
    assert not Redemption.objects.exists()
    assert not Sheet.objects.exists()


def test_tiers_are_one_promotion(api: APIClient, automatic: Automatic) -> None:
    """Shopify function-examples 145: tiered volume was impossible."""
    higher = [{"quantity": 3, "spend": "20", "rate": "0.2"}]
    tiers = menu("threshold", spend="10", amount="1", higher=higher)
    automatic("threshold", menu=tiers, scope=[])

    two, three = qualify(api, "tea", "tea"), qualify(api, "tea", "tea", "tea")

    assert (two["discount"], three["discount"]) == ("1.00", "6.00")
    assert two["effects"][0]["next"] == {
        "spend": "0.00",
        "quantity": 1,
        "hint": "1 more to get 20 % off",
    }


def test_what_a_tier_wants_of_money_and_of_units_is_said_of_each(
    api: APIClient, automatic: Automatic
) -> None:
    higher = [{"quantity": 3, "spend": "35", "rate": "0.2"}]
    tiers = menu("threshold", spend="10", amount="1", higher=higher)
    automatic("threshold", menu=tiers, scope=[])

    [effect] = qualify(api, "tea", "tea")["effects"]

    assert effect["next"]["hint"] == "15.00 USD more and 1 more to get 20 % off"


@pytest.mark.parametrize(
    ("zone", "at", "applies"),
    [
        ("UTC", "2026-10-25T21:59:59Z", True),
        ("UTC", "2026-10-25T22:00:00Z", False),
        ("Europe/Berlin", "2026-10-25T20:59:59Z", True),  # 21:59, an hour after DST
        ("Europe/Berlin", "2026-10-25T21:00:00Z", False),
        ("Europe/Berlin", "2026-10-24T20:30:00Z", False),  # 22:30, still in summer
        ("Asia/Shanghai", "2026-10-25T13:59:59Z", True),
        ("Asia/Shanghai", "2026-10-24T23:00:00Z", False),  # 07:00 on Sunday
        ("Asia/Shanghai", "2026-10-25T00:00:00Z", True),  # 08:00 on Sunday
    ],
)
def test_hours_and_weekdays_are_the_campaigns_zones(
    api: APIClient, automatic: Automatic, zone: str, at: str, applies: bool
) -> None:
    """Revive 634, Virto 956, EDD 7492, Umbraco 806."""
    hours = {"conditions": {"hours": [8, 22], "weekdays": [7]}}
    october = Campaign.objects.create(
        name="October",
        zone=zone,
        starts_at=datetime(2026, 10, 1, tzinfo=UTC),
        ends_at=datetime(2026, 11, 1, tzinfo=UTC),
        budget=Decimal(100),
        currency="USD",
    )
    automatic(rule=hours, campaign=october)

    assert (qualify(api, "tea", as_of=at)["discount"] != "0.00") is applies


def test_the_night_passes_midnight(api: APIClient, automatic: Automatic) -> None:
    automatic(rule={"conditions": {"hours": [22, 2]}})
    Campaign.objects.update(starts_at=datetime(2026, 1, 1, tzinfo=UTC))

    def off(hour: int) -> bool:
        at = datetime(2026, 11, 30, hour, tzinfo=UTC).isoformat()
        return bool(qualify(api, "tea", as_of=at)["effects"])

    assert [hour for hour in range(24) if off(hour)] == [0, 1, 22, 23]


def test_a_campaigns_last_moment_is_out_and_its_first_is_in(
    api: APIClient, automatic: Automatic
) -> None:
    """Reaction 6612, Virto 956: the end date excluded its day."""
    automatic()
    start, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    Campaign.objects.update(starts_at=start, ends_at=end)
    tick = timedelta(microseconds=1)

    moments = (start - tick, start, end - tick, end)
    found = [bool(qualify(api, "tea", as_of=m.isoformat())["effects"]) for m in moments]

    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    ("period", "at", "first"),
    [
        ("day", "2026-10-25T23:30:00+00:00", "2026-10-26"),
        ("week", "2026-10-25T22:30:00+00:00", "2026-10-19"),
        ("week", "2026-10-25T23:30:00+00:00", "2026-10-26"),
        ("month", "2026-10-31T23:30:00+00:00", "2026-11-01"),
        ("ever", "2026-10-31T23:30:00+00:00", "0001-01-01"),
    ],
)
def test_a_limits_period_begins_at_the_zones_midnight(
    period: str, at: str, first: str
) -> None:
    assert zoneinfo.ZoneInfo("Europe/Berlin")
    begun = counters.begins(period, datetime.fromisoformat(at), "Europe/Berlin")

    assert begun.isoformat() == first


baskets = st.lists(
    st.tuples(st.sampled_from(["tea", "milk", "mug", "ufo"]), st.integers(1, 5)),
    max_size=6,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(baskets)
def test_what_was_shown_is_what_is_charged(
    api: APIClient, automatic: Automatic, basket: list[tuple[str, int]]
) -> None:
    """Openedx PR 1996: the page and the basket priced by two code paths."""
    if not Strategy.objects.exists():
        automatic()
        automatic("threshold", scope=[])
        automatic("shipping", menu=menu("shipping"), scope=[])
        automatic("multibuy", menu=menu("multibuy", take=3), scope=[])
    lines = [{"sku": sku, "quantity": n, "price": "3.33"} for sku, n in basket]
    cart = {"lines": lines, "shipping": "4.99"}

    shown = qualify(api, **cart)
    charged = redeem(api, str(uuid4()), **cart, total=shown["total"])

    assert charged.status_code == 201, charged.json()
    assert {k: v for k, v in charged.json().items() if k != "redemptions"} == shown
    rows = [Decimal(a["amount"]) for e in shown["effects"] for a in e["adjustments"]]
    off = Decimal(shown["discount"]) + Decimal(shown["shipping_discount"])
    assert sum(rows) == off
    assert off == sum(
        Decimal(r.discount)
        for r in Redemption.objects.filter(id__in=charged.json()["redemptions"])
    )
    assert sum(Decimal(ln["total"]) for ln in shown["lines"]) + Decimal(
        shown["shipping"]
    ) - Decimal(shown["shipping_discount"]) == Decimal(shown["total"])


def test_another_total_than_shown_is_refused(
    api: APIClient, automatic: Automatic
) -> None:
    automatic()

    answer = redeem(api, "o-1", "tea", total="8.99")

    assert (answer.status_code, answer.json()["code"]) == (409, "total_differs")
    assert not Redemption.objects.exists()


def test_ten_and_twenty_per_cent_on_one_line_are_not_both_given(
    api: APIClient, automatic: Automatic
) -> None:
    """Spree PR 1923, Vendure 3585: everything stacked."""
    automatic()
    automatic(menu=menu("percentage", rate="0.2"))

    assert qualify(api, "tea")["discount"] == "2.00"


def test_a_cart_of_nonsense_is_no_error(api: APIClient, automatic: Automatic) -> None:
    """Medusa 15823: a personal limit broke guests' carts."""
    automatic(rule={"limits": [{"most": "1", "per": "customer"}]})
    ufos = [{"sku": f"ufo {n}", "quantity": 10_000} for n in range(1000)]

    nonsense: list[dict[str, Any]] = [
        {"lines": []},
        {"lines": ufos},
        {"lines": ufos, "codes": ["x" * 200]},
    ]
    for cart in nonsense:
        answer = api.post("/api/v1/qualifications", cart, format="json")
        assert (answer.status_code, answer.json()["effects"]) == (200, [])


def test_shipping_is_free_only_for_what_its_strategy_is_about(
    api: APIClient, automatic: Automatic
) -> None:
    """A stranger's find: a cart of the excluded product alone went free."""
    automatic("shipping", menu=menu("shipping", rate="1"), scope=["TEA"])
    automatic(
        "shipping",
        menu=menu("shipping", rate="1"),
        scope=[],
        rule={"excluded_skus": ["milk"]},
    )

    assert qualify(api, "milk", shipping="5.00")["shipping_discount"] == "0.00"
    assert qualify(api, "tea", shipping="5.00")["shipping_discount"] == "5.00"


def test_an_order_s_cap_holds_for_shipping_and_gifts_too(
    api: APIClient, automatic: Automatic
) -> None:
    """A stranger's find: a cap of 3 gave 25 off shipping, and any gift."""
    rule = {"most_per_order": "3.00"}
    automatic("shipping", menu=menu("shipping", rate="1"), scope=[], rule=rule)
    gift = menu("gift", spend="5", sku="mug", name="Mug", value="4.00")
    automatic("gift", menu=gift, rule=rule)

    body = qualify(api, "tea", shipping="25.00")

    assert body["shipping_discount"] == "3.00"
    assert [one["kind"] for one in body["effects"]] == ["shipping"]


def test_goods_that_cost_the_shop_nothing_are_not_free_either(
    api: APIClient, automatic: Automatic
) -> None:
    """A stranger's find: two sharing discounts made goods of cost 0 free."""
    Product.objects.filter(sku="tea").update(cost=0)
    for rate in ("0.7", "0.4"):
        menu_ = menu("percentage", rate=rate)
        automatic(menu=menu_, rule={"shares_lines": True}, least_margin=Decimal(0))

    assert Decimal(qualify(api, "tea")["total"]) >= Decimal("0.01")


def test_an_order_that_used_nothing_may_come_again_with_another_cart(
    api: APIClient, automatic: Automatic
) -> None:
    """A stranger's find: for thirty days it was "redeemed with another content"."""
    automatic()
    assert redeem(api, "o-1", "milk").json()["redemptions"] == []

    again = redeem(api, "o-1", "tea")

    assert again.status_code == 201
    assert len(again.json()["redemptions"]) == 1


def test_a_retry_of_what_was_taken_back_is_no_discount(
    api: APIClient, automatic: Automatic
) -> None:
    """A stranger's find: it got 200, with a redemption that was no more."""
    strategy = automatic()
    body = {"order_id": "o-1", "lines": [{"sku": "tea", "quantity": 1}]}
    key = {"Idempotency-Key": "o-1"}
    first = api.post("/api/v1/redemptions", body, format="json", headers=key)
    [made] = first.json()["redemptions"]
    path = f"/api/v1/redemptions/{made}/rollback"
    back = {"Idempotency-Key": "return-1"}
    empty = api.post(path, {"lines": []}, format="json", headers=back)
    assert (empty.status_code, "lines" in str(empty.json())) == (400, True)
    assert api.post(path, {}, format="json", headers=back).status_code == 201

    retried = api.post("/api/v1/redemptions", body, format="json", headers=key)

    assert (retried.status_code, retried.json()["code"]) == (409, "taken_back")
    strategy.refresh_from_db()
    assert strategy.spent == 0
    anew = api.post(
        "/api/v1/redemptions", body, format="json", headers={"Idempotency-Key": "o-1b"}
    )
    assert anew.status_code == 201


@pytest.mark.parametrize("said", ["2026-06-01T12:00:00", "2026-06-01"])
def test_a_time_without_its_zone_is_refused(api: APIClient, said: str) -> None:
    answer = api.post(
        "/api/v1/qualifications", {"lines": [], "as_of": said}, format="json"
    )

    assert answer.status_code == 400
    assert "as_of" in str(answer.json())


@pytest.mark.parametrize("said", ["1e1", "5.", " 5 ", "+5", "", "1_0", "５"])
def test_an_amount_is_in_plain_digits(api: APIClient, said: str) -> None:
    line = {"sku": "tea", "quantity": 1, "price": said}

    answer = api.post("/api/v1/qualifications", {"lines": [line]}, format="json")

    assert answer.status_code == 400
    assert "price" in str(answer.json())


def test_nobody_s_id_makes_no_one_the_owner_of_a_code(
    api: APIClient, live: Make
) -> None:
    """A stranger's find: "undefined" was a customer, and every such cart theirs."""
    strategy = live(trigger="code", holdout=0)
    codes = [{"code": "MINE-1234", "customer": "undefined"}]
    api_codes = f"/api/v1/strategies/{strategy.pk}/codes"

    answer = api.post(api_codes, {"codes": codes}, format="json")

    assert "customer" in str(answer.json())
    assert not Customer.objects.filter(external_id="undefined").exists()
