"""Offers that last go on, bind the budget and keep their place until they are used."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from ml.models import Score
from promotions import targeting
from promotions.arms import HELD_OUT
from promotions.models import Offer, Strategy
from tests.conftest import Make
from tests.promotions.scoring import MANY, assigned, scored

__all__ = ["scored"]


def test_who_has_redeemed_takes_no_place_and_no_budget(
    scored: list[Customer], live: Make
) -> None:
    live(budget=Decimal(5), holdout=0.0)
    targeting.refresh(at=timezone.now())
    first = set(Offer.objects.values_list("customer", flat=True))
    Offer.objects.update(redeemed_at=timezone.now())

    targeting.refresh(at=timezone.now())

    fresh = set(
        Offer.objects.filter(redeemed_at=None).values_list("customer", flat=True)
    )
    assert len(fresh) >= 35
    assert not first & fresh


def test_what_checkout_would_refuse_is_not_shown(
    scored: list[Customer], live: Make, api: APIClient
) -> None:
    live(budget=Decimal(100), holdout=0.0)
    targeting.refresh(at=timezone.now())
    offer = Offer.objects.order_by("id")[0]
    name = Customer.objects.get(key=offer.customer).external_id
    assert api.get(f"/api/v1/customers/{name}/offers").json()["offers"]

    Strategy.objects.update(spent=Decimal(98), redemptions=14)  # 7.00 each, 2.00 left
    targeting.refresh(at=timezone.now())

    assert api.get(f"/api/v1/customers/{name}/offers").json()["offers"] == []


def test_a_refresh_does_not_move_an_offers_expiry(
    scored: list[Customer], live: Make
) -> None:
    live(budget=Decimal(10_000))
    at = timezone.now()
    targeting.refresh(at=at)
    (first,) = set(Offer.objects.values_list("expires_at", flat=True))
    assert first == at + timedelta(days=14)

    targeting.refresh(at=at + timedelta(days=3))

    assert set(Offer.objects.values_list("expires_at", flat=True)) == {first}


@pytest.mark.parametrize("after", [timedelta(minutes=-10), timedelta(hours=1)])
def test_an_offer_about_to_end_or_ended_is_made_anew_if_chosen(
    scored: list[Customer], live: Make, after: timedelta
) -> None:
    strategy = live(budget=Decimal(10_000))
    at = timezone.now()
    targeting.refresh(at=at)
    ids = set(Offer.objects.values_list("id", flat=True))
    then = at + timedelta(days=14) + after

    targeting.refresh(at=then)

    ends = dict(Offer.objects.values_list("id", "expires_at"))
    until = min(then + timedelta(days=14), strategy.campaign.ends_at)
    assert ends == dict.fromkeys(ids, until)


def test_offers_that_last_bind_the_budget_when_others_become_worth_more(
    scored: list[Customer], live: Make, settings: Any
) -> None:
    settings.HELD_OUT = 0.0
    live(budget=Decimal(5), holdout=0.0)
    targeting.refresh(at=timezone.now())
    first = set(Offer.objects.values_list("customer", flat=True))
    others = Score.objects.filter(category="TEA").exclude(customer__in=first)
    others.update(probability=0.05)  # more margin for each unit of cost, at 0.06 each

    targeting.refresh(at=timezone.now())

    now = set(Offer.objects.values_list("customer", flat=True))
    assert first <= now
    assert len(now - first) <= 1


def test_offers_that_last_take_their_place_with_the_customer(
    scored: list[Customer], live: Make
) -> None:
    menu = {"15%": {"kind": "percentage", "rate": "0.15"}}
    rich = {"budget": Decimal(10_000), "holdout": 0.0}
    old = [live(**rich, menu=menu) for _ in range(3)]
    targeting.refresh(at=timezone.now())
    live(**rich)  # 10 % would bring more

    targeting.refresh(at=timezone.now())

    counts = Counter(Offer.objects.values_list("strategy", flat=True))
    treated = sum(one.arm != HELD_OUT for one in assigned(old[0]))
    assert 0.9 * MANY < treated < MANY
    assert counts == {strategy.id: treated for strategy in old}
