"""What hurts in amounts: free goods, taxes, totals that change, tiers, shipping.

docs/promotion-pains.md lists all of them, with the threads, and where each is tested.
"""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from catalog.models import Product
from promotions.models import Redemption, Strategy
from tests.promotions.at_checkout import Automatic, automatic, menu, qualify, redeem

__all__ = ["automatic"]

pytestmark = pytest.mark.usefixtures("shelf")


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


@pytest.mark.parametrize("said", ["1e1", "5.", " 5 ", "+5", "", "1_0", "５"])
def test_an_amount_is_in_plain_digits(api: APIClient, said: str) -> None:
    line = {"sku": "tea", "quantity": 1, "price": said}

    answer = api.post("/api/v1/qualifications", {"lines": [line]}, format="json")

    assert answer.status_code == 400
    assert "price" in str(answer.json())
