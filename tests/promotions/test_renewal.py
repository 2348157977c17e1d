"""Offers that can be used again some days after a use."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from ml.models import Score, TrainedModel
from promotions import targeting
from promotions.models import Offer, Redemption, Strategy
from tests.conftest import Make, experienced
from tests.promotions.ordering import redeem
from tests.promotions.reserving import roll_back

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.fixture
def scored(ana: Customer, trained: TrainedModel) -> Customer:
    """Ana may buy tea, and a response to offers worth having."""
    Score.objects.create(
        customer=ana.key,
        category="TEA",
        probability=0.1,
        spend=Decimal(30),
        model=trained,
    )
    experienced(lift=0.9, low=0.7, high=1.1)
    return ana


def weekly(live: Make, **changed: Any) -> Strategy:
    fields: dict[str, Any] = {"renews_days": 7, "holdout": 0.0, "budget": Decimal(99)}
    return live(**(fields | changed))


def offered() -> Offer:
    targeting.refresh(at=timezone.now())
    return Offer.objects.get()


def days_pass(days: int) -> None:
    earlier = F("redeemed_at") - timedelta(days=days)
    Offer.objects.update(redeemed_at=earlier)
    Redemption.objects.update(redeemed_at=earlier)


def shown(api: APIClient) -> list[str]:
    path = "/api/v1/customers/ana/offers"
    return [one["id"] for one in api.get(path).json()["offers"]]


def test_it_is_offered_again_when_its_days_are_over_and_not_before(
    api: APIClient, live: Make, scored: Customer
) -> None:
    strategy = weekly(live)
    offer = offered()
    assert redeem(api, offer).status_code == 201
    assert shown(api) == []

    days_pass(6)
    targeting.refresh(at=timezone.now())
    early, at_once = shown(api), redeem(api, offer).status_code
    days_pass(1)
    targeting.refresh(at=timezone.now())

    assert early == []
    assert at_once == 422
    assert shown(api) == [str(offer.id)]
    assert redeem(api, offer).status_code == 201
    turns = Redemption.objects.order_by("turn").values_list("offer", "turn")
    assert list(turns) == [(offer.id, 0), (offer.id, 1)]
    strategy.refresh_from_db()
    assert (strategy.redemptions, strategy.spent) == (2, Decimal(4))


def test_what_is_for_one_use_stays_used(
    api: APIClient, live: Make, scored: Customer
) -> None:
    weekly(live, renews_days=None)
    assert redeem(api, offered()).status_code == 201

    days_pass(400)
    targeting.refresh(at=timezone.now())

    assert shown(api) == []


def test_giving_the_first_use_back_does_not_free_the_second(
    api: APIClient, live: Make, scored: Customer
) -> None:
    weekly(live)
    offer = offered()
    first = redeem(api, offer).json()["redemptions"][0]
    days_pass(8)
    targeting.refresh(at=timezone.now())
    second = redeem(api, offer).json()["redemptions"][0]

    assert roll_back(api, first).status_code == 201
    after_first = shown(api)
    assert roll_back(api, second).status_code == 201

    assert after_first == []
    assert shown(api) == [str(offer.id)]


def test_a_new_version_heeds_how_long_ago_a_use_was(
    api: APIClient, live: Make, scored: Customer
) -> None:
    old = weekly(live)
    assert redeem(api, offered()).status_code == 201
    weekly(live, replaces=old, campaign=old.campaign, version=2)

    targeting.refresh(at=timezone.now())
    at_once = shown(api)
    days_pass(8)
    targeting.refresh(at=timezone.now())

    assert at_once == []
    assert len(shown(api)) == 1


def test_the_database_knows_each_turn_is_used_once(
    api: APIClient, live: Make, scored: Customer
) -> None:
    weekly(live)
    redeem(api, offered())
    used = Redemption.objects.get()

    used.pk, used.order_id = None, "another"
    used._state.adding = True
    with pytest.raises(IntegrityError, match="once_per_turn"), transaction.atomic():
        used.save()


def test_only_personal_offers_renew(live: Make) -> None:
    with pytest.raises(ValidationError, match="strategy_renews"):
        live(trigger="automatic", holdout=0, renews_days=7)
