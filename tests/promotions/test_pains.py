"""What hurts the users of other engines, each with a test that would have caught it.

docs/promotion-pains.md lists all of them, with the threads, and where each is tested.
"""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from catalog.models import Product
from ml.models import CustomerProfile
from promotions import approval, book
from promotions.coins import Line
from promotions.models import Campaign, Strategy
from tests.conftest import NOW, Counted, Make
from tests.promotions.at_checkout import Automatic, automatic, menu, qualify, redeem

__all__ = ["automatic"]

pytestmark = pytest.mark.usefixtures("shelf")


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
