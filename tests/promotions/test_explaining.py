"""Offers say why; the customer's page shows what is known and likely."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from analytics import access, events, links, store
from analytics.models import Customer
from ml.models import CustomerProfile, Score, TrainedModel
from promotions import offers, rendering
from promotions.models import Offer
from tests.conftest import Give, Make

OFFERS = "/api/v1/customers/ana/offers"


@pytest.fixture
def offered(ana: Customer, trained: TrainedModel, live: Make, give: Give) -> Offer:
    """An offer on tea to ana, who often buys it, and milk too."""
    for category, raised in (
        ("TEA", ["orders_91", "hazard"]),
        ("MILK", ["affinity"]),
    ):
        Score.objects.create(
            customer=ana.key,
            category=category,
            probability=0.6,
            spend=Decimal(9),
            raised=raised,
            model=trained,
        )
    offer = give(live(budget=Decimal(1000)), ana)
    rendering.render_all({}, store.high_water(), timezone.now())
    return offer


def reasons(api: APIClient) -> list[str]:
    (one,) = api.get(OFFERS).json()["offers"]
    said: list[str] = one["reasons"]
    return said


def test_an_offer_says_why_the_customer_is_likely_to_buy(
    offered: Offer, api: APIClient
) -> None:
    assert reasons(api) == [
        offered.strategy.title,
        "You often buy from Tea",
        "It may be time for Tea again",
    ]


def test_nothing_is_said_of_what_is_not_in_scope(
    offered: Offer, api: APIClient
) -> None:
    assert not any("Milk" in said for said in reasons(api))


def test_browsers_keys_are_not_told_what_somebody_buys(offered: Offer) -> None:
    key = access.create_key("web", ["offers"], publishable=True)
    web = APIClient()
    web.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    body = web.get(OFFERS)

    assert reasons(web) == [offered.strategy.title]
    assert b"often" not in body.content


def test_everybody_s_offers_are_explained_by_one_look_up(
    offered: Offer,
    ben: Customer,
    give: Give,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    other = give(offered.strategy, ben)

    with django_assert_num_queries(0):  # the look-up is past Django's cursor
        offers.explain([offered, other])

    assert offered.why == ["You often buy from Tea", "It may be time for Tea again"]
    assert other.why == []


@pytest.mark.parametrize("scope", [["MILK", "TEA"], []])
def test_several_categories_say_the_same_thing_once(
    ana: Customer, trained: TrainedModel, live: Make, give: Give, scope: list[str]
) -> None:
    """An empty scope is all of them."""
    for category, probability in (("TEA", 0.3), ("MILK", 0.9)):
        Score.objects.create(
            customer=ana.key,
            category=category,
            probability=probability,
            spend=Decimal(9),
            raised=["customer_orders_28", "orders_182"],
            model=trained,
        )
    offer = give(live(scope=scope), ana)

    offers.explain([offer])

    assert offer.why == ["You often shop with us", "You often buy from Milk"]


def page(client: Client, customer: Customer) -> str:
    """Return a customer's page and what it takes in once it is there."""
    html = ""
    for name in ("admin:analytics_customer_change", "customer_told"):
        answer = client.get(reverse(name, args=[customer.key]))
        assert answer.status_code == 200
        html += answer.content.decode()
    return html


def profile(customer: Customer, **given: object) -> CustomerProfile:
    values = {
        "customer": customer.key,
        "segment": "loyal",
        "orders": 12,
        "spend": Decimal("123.40"),
        "last_order_at": timezone.now(),
        "recency_score": 5,
        "lifetime_value": Decimal("240"),
        "churn_risk": 0.07,
        "cadence_days": 9.0,
        "deal_index": 1.4,
        "computed_at": timezone.now(),
    }
    return CustomerProfile.objects.create(**(values | given))


def test_the_page_shows_the_profile_in_words_and_the_offers(
    offered: Offer, ana: Customer, admin_client: Client
) -> None:
    profile(ana)

    html = page(admin_client, ana)

    assert "Loyal" in html
    assert "123.40 USD" in html
    assert "recency 5 of 5" in html
    assert "7 %" in html
    assert "9 days" in html
    assert "buys on discount more than others do" in html
    assert "You often buy from Tea" in html
    assert (
        reverse("admin:promotions_strategy_change", args=[offered.strategy_id]) in html
    )


def test_without_a_model_the_page_says_that_nothing_is_foretold(
    ana: Customer, admin_client: Client
) -> None:
    html = page(admin_client, ana)

    assert "Nothing is foretold" in html
    assert "profiles are made by night" in html


def test_nothing_is_computed_for_who_allows_nothing_personal(
    offered: Offer, ana: Customer, admin_client: Client
) -> None:
    profile(ana)
    no = events.ConsentChanged(personalised=False)
    links.apply([(ana.key, no, timezone.now())])

    html = page(admin_client, ana)

    assert "allows nothing personal" in html
    assert "Loyal" not in html
    assert "You often buy" not in html


def test_the_page_needs_few_look_ups(
    offered: Offer,
    ana: Customer,
    olga: User,
    client: Client,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    profile(ana)
    client.force_login(olga)

    with django_assert_max_num_queries(30):
        page(client, ana)
