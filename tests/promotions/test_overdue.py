"""An overdue reservation is refused, and gives back what it held; old answers go."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import errands, holds, tasks
from promotions.models import Hold, Receipt, Redemption, Reservation
from tests.conftest import Give, Make
from tests.promotions.reserving import (
    AUTOMATIC,
    let_pass,
    money,
    redeem,
    release,
    reserve,
    told,
)

pytestmark = pytest.mark.usefixtures("shelf")


def test_an_overdue_reservation_is_refused_and_given_back_by_beat(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    held = reserve(api, seconds=60).json()["reservation"]
    soon = reserve(api, seconds=7200).json()["reservation"]
    let_pass(held)

    errands.expire_reservations()
    errands.expire_reservations()

    assert redeem(api, reservation=held).json()["code"] == "reservation_gone"
    assert money(strategy) == (Decimal(2), Decimal(0), 0)
    assert told("reservation_expired") == 1
    assert release(api, held) == 204
    assert told("reservation_released") == 0
    assert redeem(api, reservation=soon).status_code == 201


def test_a_reservation_just_overdue_is_refused_before_beat_comes(
    api: APIClient, live: Make
) -> None:
    live(**AUTOMATIC)
    held = reserve(api, seconds=60).json()["reservation"]
    let_pass(held)

    answer = redeem(api, reservation=held)

    assert (answer.status_code, answer.json()["code"]) == (409, "reservation_gone")
    assert not Redemption.objects.exists()


def test_who_needs_an_overdue_budget_gets_it_before_beat_comes(
    api: APIClient, live: Make
) -> None:
    strategy = live(budget=Decimal("2.00"), **AUTOMATIC)
    held = reserve(api).json()["reservation"]
    assert redeem(api).json()["discount"] == "0.00"
    let_pass(held)

    answer = redeem(api)

    assert answer.json()["discount"] == "2.00"
    assert money(strategy) == (Decimal(0), Decimal(2), 1)
    assert told("reservation_expired") == 1


def test_an_overdue_hold_does_not_free_the_offer_of_the_next_one(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    offer = str(give(strategy, ana).id)
    first = reserve(api, customer="ana", offers=[offer]).json()["reservation"]
    let_pass(first)
    second = reserve(api, customer="ana", offers=[offer]).json()["reservation"]

    errands.expire_reservations()

    third = reserve(api, customer="ana", offers=[offer])
    assert third.json()["code"] == "offer_not_usable"
    assert redeem(api, customer="ana", offers=[offer]).status_code == 422
    assert redeem(api, reservation=second).status_code == 201
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


def test_more_overdue_reservations_than_a_batch_are_all_given_back(
    api: APIClient, live: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "BATCH", 2)
    strategy = live(**AUTOMATIC)
    made = [reserve(api).json()["reservation"] for _ in range(5)]
    for one in made:
        let_pass(one)
    assert money(strategy) == (Decimal(10), Decimal(0), 0)

    errands.expire_reservations()

    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert {r.state for r in Reservation.objects.all()} == {"expired"}


def test_old_answers_and_carts_are_forgotten_but_not_what_is_held(
    api: APIClient, live: Make
) -> None:
    live(**AUTOMATIC)
    used, kept = (reserve(api).json()["reservation"] for _ in range(2))
    redeem(api, reservation=used)
    long_ago = timezone.now() - timedelta(days=31)
    Reservation.objects.update(reserved_at=long_ago, expires_at=long_ago)
    Receipt.objects.update(created_at=long_ago)

    tasks.forget_receipts()

    assert [row.id for row in Reservation.objects.all()] == [UUID(kept)]
    assert Hold.objects.count() == 1
    assert not Receipt.objects.exists()
    assert Redemption.objects.exists()
