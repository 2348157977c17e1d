"""What a reservation holds is nobody else's until it is used, released or overdue."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import privacy
from analytics.models import Customer, StoredEvent
from promotions import approval, errands
from promotions.models import Campaign, Code, Counter, Receipt, Redemption, Reservation
from tests.conftest import Give, Make
from tests.promotions.reserving import (
    AUTOMATIC,
    BY_CODE,
    TWO_TEAS,
    code,
    let_pass,
    money,
    redeem,
    release,
    reserve,
    told,
)

pytestmark = pytest.mark.usefixtures("shelf")


def test_a_reservation_holds_the_budget(api: APIClient, live: Make) -> None:
    strategy = live(budget=Decimal("3.00"), **AUTOMATIC)

    held = reserve(api)
    late = redeem(api)

    assert held.status_code == 201
    assert held.json()["discount"] == "2.00"
    assert held.json()["expires_at"]
    assert late.json()["discount"] == "0.00"
    assert money(strategy) == (Decimal(2), Decimal(0), 0)
    assert told("offer_reserved") == 1
    assert not Redemption.objects.exists()


def test_a_reservation_holds_the_offer(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = str(give(live(), ana).id)

    assert reserve(api, customer="ana", offers=[offer]).status_code == 201

    for call in (reserve, redeem):
        answer = call(api, customer="ana", offers=[offer])
        assert (answer.status_code, answer.json()["code"]) == (422, "offer_not_usable")
    assert redeem(api, customer="ana").json()["discount"] == "0.00"


def test_what_is_for_the_first_order_is_held_once(
    api: APIClient, live: Make, ana: Customer
) -> None:
    live(rule={"conditions": {"first_order": True}}, **AUTOMATIC)

    first, second = (reserve(api, customer="ana").json() for _ in range(2))
    release(api, first["reservation"])
    third = reserve(api, customer="ana").json()

    held = [one["discount"] for one in (first, second, third)]
    assert held == ["2.00", "0.00", "2.00"]


def test_a_reservation_holds_the_code(api: APIClient, live: Make) -> None:
    code(live(**BY_CODE), most_uses=1)

    assert reserve(api, codes=["spring"]).json()["discount"] == "2.00"

    for call in (reserve, redeem):
        answer = call(api, codes=["SPR-ING"])
        assert (answer.status_code, answer.json()["code"]) == (422, "code_refused")
    assert Code.objects.get().uses == 1


def test_a_reservation_holds_the_limit(api: APIClient, live: Make) -> None:
    code(live(rule={"limits": [{"most": "1"}]}, **BY_CODE))

    assert reserve(api, codes=["spring"]).json()["discount"] == "2.00"

    for call in (reserve, redeem):
        answer = call(api, codes=["spring"])
        assert (answer.status_code, answer.json()["code"]) == (409, "limit_reached")
    assert Counter.objects.get().uses == 1


def test_what_is_reserved_is_redeemed_though_everything_has_ended(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live(budget=Decimal("2.00"))
    offer = give(strategy, ana)
    held = reserve(api, customer="ana").json()
    approval.end(strategy.id, by="olga", comment="Enough.", at=timezone.now())
    past = timezone.now() - timedelta(days=5)
    Campaign.objects.update(starts_at=past - timedelta(days=9), ends_at=past)

    answer = redeem(api, reservation=held["reservation"], order_id="o-1")

    assert answer.status_code == 201
    body = answer.json()
    assert (body["discount"], body["total"]) == (held["discount"], held["total"])
    assert money(strategy) == (Decimal(0), Decimal(2), 1)
    row = Redemption.objects.get()
    assert body["redemptions"] == [str(row.id)]
    assert (row.offer, row.customer, row.order_id) == (offer.id, ana.key, "o-1")
    assert Reservation.objects.get().state == "redeemed"
    event = StoredEvent.objects.get(type="offer_redeemed")
    assert event.data["reservation"] == held["reservation"]


def test_a_reservation_is_redeemed_once(api: APIClient, live: Make) -> None:
    strategy = live(**AUTOMATIC)
    held = reserve(api).json()["reservation"]

    first = redeem(api, "key-1", reservation=held, order_id="o-1")
    again = redeem(api, "key-1", reservation=held, order_id="o-1")
    other_key = redeem(api, "key-2", reservation=held, order_id="o-1")
    other_order = redeem(api, reservation=held, order_id="o-2")

    assert [first.status_code, again.status_code, other_key.status_code] == [
        201,
        200,
        201,
    ]
    assert first.json() == again.json() == other_key.json()
    assert (other_order.status_code, other_order.json()["code"]) == (
        409,
        "reservation_gone",
    )
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


def test_a_reservation_is_made_once_for_a_key(api: APIClient, live: Make) -> None:
    strategy = live(**AUTOMATIC)

    first, again = reserve(api, "key-1"), reserve(api, "key-1")
    other = reserve(api, "key-1", lines=[{"sku": "tea", "quantity": 1}])

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert money(strategy) == (Decimal(2), Decimal(0), 0)


def test_a_release_gives_everything_back_and_again_is_no_error(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    limits = [{"most": "1", "per": "customer"}, {"most": "5", "of": "money"}]
    strategy = live(rule={"limits": limits}, budget=Decimal(2))
    offer = give(strategy, ana)
    held = reserve(api, customer="ana").json()["reservation"]
    assert {c.uses for c in Counter.objects.all()} == {1}

    statuses = [release(api, held), release(api, held)]

    assert statuses == [204, 204]
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert {(c.uses, c.money) for c in Counter.objects.all()} == {(0, Decimal(0))}
    assert told("reservation_released") == 1
    assert redeem(api, reservation=held).json()["code"] == "reservation_gone"
    assert redeem(api, customer="ana", offers=[str(offer.id)]).status_code == 201


def test_what_is_redeemed_or_unknown_cannot_be_released(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    held = reserve(api).json()["reservation"]
    redeem(api, reservation=held)

    assert release(api, held) == 409
    assert release(api, str(uuid4())) == 409
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


def test_the_total_is_checked_against_what_is_reserved(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    held = reserve(api, shipping="4.90").json()["reservation"]

    wrong = redeem(api, reservation=held, total="18.00")
    right = redeem(api, reservation=held, total="22.9")

    assert (wrong.status_code, wrong.json()["code"]) == (409, "total_differs")
    assert right.status_code == 201
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


@pytest.mark.parametrize(
    "other", [{"lines": TWO_TEAS}, {"codes": ["A"]}, {"customer": "ana"}]
)
def test_a_cart_beside_a_reservation_is_refused_not_ignored(
    api: APIClient, live: Make, other: dict[str, Any]
) -> None:
    live(**AUTOMATIC)
    held = reserve(api).json()["reservation"]

    answer = redeem(api, reservation=held, **other)

    assert answer.status_code == 400
    assert {e["code"] for e in answer.json()["errors"]} == {"reserved"}
    assert not Redemption.objects.exists()


def test_a_cart_to_which_nothing_applies_can_be_reserved_and_redeemed(
    api: APIClient,
) -> None:
    held = reserve(api, lines=[{"sku": "nobody-knows", "quantity": 1}])

    answer = redeem(api, reservation=held.json()["reservation"])

    assert (held.status_code, answer.status_code) == (201, 201)
    assert answer.json()["redemptions"] == []
    assert not StoredEvent.objects.filter(type__startswith="offer_re").exists()


@pytest.mark.parametrize("seconds", [0, -1, 604_801, "soon"])
def test_a_reservation_lasts_a_second_to_a_week(api: APIClient, seconds: Any) -> None:
    assert reserve(api, seconds=seconds).status_code == 400
    assert not Reservation.objects.exists()


def test_a_dry_run_answers_the_same_and_records_nothing(
    api: APIClient, live: Make
) -> None:
    strategy = live(budget=Decimal("2.00"), **AUTOMATIC)
    let_pass(reserve(api).json()["reservation"])
    before = StoredEvent.objects.count()

    held = api.post(
        "/api/v1/reservations", {"lines": TWO_TEAS, "dry_run": True}, format="json"
    )
    sold = redeem(api, dry_run=True, order_id="o-1")

    assert (held.status_code, sold.status_code) == (200, 200)
    assert held.json()["discount"] == sold.json()["discount"] == "2.00"
    assert (held.json()["reservation"], sold.json()["redemptions"]) == (None, [])
    assert StoredEvent.objects.count() == before
    assert money(strategy) == (Decimal(2), Decimal(0), 0)
    assert Reservation.objects.count() == 1
    assert not Redemption.objects.exists()
    assert Receipt.objects.count() == 1
    assert redeem(api, order_id="o-1").status_code == 201


def test_two_orders_never_redeem_one_strategy_for_one_order_id(
    api: APIClient, live: Make
) -> None:
    live(**AUTOMATIC)
    held = reserve(api).json()["reservation"]
    redeem(api, order_id="o-1")

    answer = redeem(api, order_id="o-1", reservation=held)

    assert (answer.status_code, answer.json()["code"]) == (409, "order_redeemed")
    assert Reservation.objects.get().state == "held"


def test_an_erased_customers_reservation_tells_nothing_and_frees_its_money(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    limits = [{"most": "1", "per": "customer"}]
    strategy = live(rule={"limits": limits})
    give(strategy, ana)
    held = reserve(api, customer="ana").json()["reservation"]
    assert privacy.export("ana")["held"]["promotions.reservation"]  # type: ignore[index]

    privacy.erase("ana", by="shop", at=timezone.now())
    errands.expire_reservations()

    row = Reservation.objects.get(id=held)
    assert (row.customer, row.priced, row.state) == (None, {}, "expired")
    assert not Counter.objects.filter(customer=ana.key).exists()
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert redeem(api, reservation=held).json()["code"] == "reservation_gone"
