"""What a redemption exhausts is shown to nobody from then on."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import carts, offers, spending
from promotions.models import Offer, Redemption, Sheet, Strategy
from tests.conftest import Give, Make
from tests.promotions.ordering import redeem

pytestmark = pytest.mark.usefixtures("shelf")


def shown(api: APIClient, offer: Offer) -> bool:
    """Say whether the storefront sees the offer; a sheet is rendered if none is."""
    customer = Customer.objects.get(key=offer.customer)
    rows = carts.usable(customer.key, currency="USD", at=timezone.now())
    Sheet.objects.get_or_create(
        customer=customer.key,
        defaults={
            "body": offers.render(customer.name, rows, at=timezone.now()),
            "expires_at": timezone.now() + timedelta(days=1),
        },
    )
    answer = api.get(f"/api/v1/customers/{customer.name}/offers")
    return str(offer.id) in answer.content.decode()


def test_what_a_redemption_exhausts_is_shown_to_nobody_from_then_on(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    strategy = live(budget=Decimal("3.00"))  # after 2.00 the rest pays no such order
    bens = give(strategy, ben)
    assert shown(api, bens)

    redeem(api, give(strategy, ana))

    answer = api.get("/api/v1/customers/ben/offers")
    assert answer.json()["offers"] == []


def test_what_exhausts_a_campaign_hides_its_other_strategies_too(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    first = live(budget=Decimal("3.00"))
    other = live("threshold", campaign=first.campaign)
    Strategy.objects.filter(id=other.id).update(spent=9, redemptions=3)
    bens = give(other, ben)
    assert shown(api, bens)

    redeem(api, give(first, ana))

    assert api.get("/api/v1/customers/ben/offers").json()["offers"] == []


def test_a_redemption_reads_none_of_its_campaigns_other_automatic_strategies(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    """3,000 of them made it 20 times slower, while it held the campaign's lock."""
    first = live()
    personal = live("threshold", campaign=first.campaign)
    Strategy.objects.filter(id=personal.id).update(spent=9, redemptions=3)
    automatic = {"trigger": "automatic", "holdout": 0, "campaign": first.campaign}
    other = live(scope=["MILK"], **automatic)
    Strategy.objects.filter(id=other.id).update(spent=9, redemptions=3)

    redeem(api, give(first, ana))

    read = spending.siblings(list(Redemption.objects.all()))
    assert {row.id for row in read} == {first.id, personal.id}


def test_only_the_redemption_that_exhausts_has_the_offers_computed_again(
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    ben: Customer,
    django_capture_on_commit_callbacks: Callable[..., Any],
) -> None:
    strategy = live(budget=Decimal("3.00"))
    anas, bens = give(strategy, ana), give(strategy, ben)

    with django_capture_on_commit_callbacks() as first:
        assert redeem(api, anas).status_code == 201
    with django_capture_on_commit_callbacks() as second:
        one_tea = [{"sku": "tea", "quantity": 1}]
        assert redeem(api, bens, lines=one_tea).status_code == 201

    assert (len(first), len(second)) == (1, 0)
