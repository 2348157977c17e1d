"""What a rollback returns: to the order, to budgets, limits, offers and codes."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import privacy
from analytics.models import Customer, StoredEvent
from promotions.models import Code, Counter, Offer, Redemption, Reservation, Rollback
from tests.conftest import Give, Make
from tests.promotions.reserving import (
    AUTOMATIC,
    BY_CODE,
    code,
    money,
    part,
    redeem,
    reserve,
    roll_back,
)

pytestmark = pytest.mark.usefixtures("shelf")

ONCE_EACH = {"limits": [{"most": "1", "per": "customer"}]}


def test_a_whole_rollback_gives_everything_back(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live(rule=ONCE_EACH, budget=Decimal("2.00"))
    offer = str(give(strategy, ana).id)
    sold = redeem(api, customer="ana", offers=[offer], order_id="o-1").json()

    answer = roll_back(api, sold["redemptions"][0], reason="Sent back.")

    assert answer.status_code == 201
    body = answer.json()
    assert (body["amount"], body["left"], body["whole"]) == ("2.00", "0.00", True)
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert {(c.uses, c.money) for c in Counter.objects.all()} == {(0, Decimal(0))}
    event = StoredEvent.objects.get(type="redemption_rolled_back")
    assert (event.customer, event.data["order_id"]) == (ana.key, "o-1")
    assert event.data["whole"] is True
    assert "Sent back." not in str(event.data)
    again = redeem(api, customer="ana", offers=[offer], order_id="o-2")
    assert again.json()["discount"] == "2.00"


def test_the_same_order_may_be_redeemed_again_after_a_whole_rollback(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    first = redeem(api, order_id="o-1").json()["redemptions"]
    roll_back(api, first[0])

    second = redeem(api, order_id="o-1")

    assert second.status_code == 201
    assert second.json()["redemptions"] != first
    assert money(strategy) == (Decimal(0), Decimal(2), 1)


def test_an_order_that_is_rolled_back_in_part_is_not_redeemed_again(
    api: APIClient, live: Make
) -> None:
    strategies = [live(scope=[s], **AUTOMATIC) for s in ("TEA", "MILK")]
    cart: dict[str, Any] = {
        "lines": [{"sku": "tea", "quantity": 1}, {"sku": "milk", "quantity": 5}],
        "order_id": "o-1",
    }
    sold = redeem(api, **cart).json()
    assert len(sold["redemptions"]) == 2
    roll_back(api, sold["redemptions"][0])

    assert redeem(api, **cart).json() == sold
    assert sum(money(strategy)[2] for strategy in strategies) == 1
    roll_back(api, sold["redemptions"][1])
    assert redeem(api, **cart).json() != sold
    assert sum(money(strategy)[2] for strategy in strategies) == 2


def test_a_code_is_usable_again_after_a_whole_rollback(
    api: APIClient, live: Make
) -> None:
    code(live(**BY_CODE), most_uses=1)
    sold = redeem(api, codes=["spring"]).json()
    assert redeem(api, codes=["spring"]).json()["code"] == "code_refused"

    roll_back(api, sold["redemptions"][0])

    assert Code.objects.get().uses == 0
    assert redeem(api, codes=["spring"]).json()["discount"] == "2.00"


@pytest.mark.parametrize(
    ("policy", "spent", "redemptions", "uses", "usable"),
    [("all", 0, 0, 0, True), ("money", 0, 0, 1, False), ("nothing", 2, 1, 1, False)],
)
def test_a_rule_says_what_a_rollback_gives_back(
    api: APIClient,
    live: Make,
    policy: str,
    spent: int,
    redemptions: int,
    uses: int,
    usable: bool,
) -> None:
    limits = [{"most": "1"}, {"most": "1000", "of": "money"}]
    strategy = live(rule={"limits": limits, "gives_back": policy}, **BY_CODE)
    code(strategy, most_uses=1)
    sold = redeem(api, codes=["spring"]).json()

    answer = roll_back(api, sold["redemptions"][0]).json()

    assert answer["amount"] == "2.00"
    assert money(strategy) == (Decimal(0), Decimal(spent), redemptions)
    counted = Counter.objects.get()
    assert (counted.uses, counted.money) == (uses, Decimal(spent))
    assert Code.objects.get().uses == uses
    event = StoredEvent.objects.get(type="redemption_rolled_back")
    assert Decimal(event.data["given_back"]) == 2 - spent
    assert (redeem(api, codes=["spring"]).status_code == 201) is usable


def test_an_offer_stays_used_where_only_money_comes_back(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(rule={"gives_back": "money"}), ana)
    sold = redeem(api, customer="ana", offers=[str(offer.id)]).json()

    roll_back(api, sold["redemptions"][0])

    assert Offer.objects.get().redeemed_at is not None
    answer = redeem(api, customer="ana", offers=[str(offer.id)])
    assert answer.json()["code"] == "offer_not_usable"


def test_a_rollback_is_made_once_for_a_key_and_a_whole_one_once_at_all(
    api: APIClient, live: Make
) -> None:
    strategy = live(**AUTOMATIC)
    [sold] = redeem(api).json()["redemptions"]

    first, again = roll_back(api, sold, "key-1"), roll_back(api, sold, "key-1")
    other = roll_back(api, sold, "key-2")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (other.status_code, other.json()["code"]) == (409, "already_rolled_back")
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert Rollback.objects.count() == 1


def test_an_unknown_redemption_cannot_be_rolled_back(api: APIClient) -> None:
    answer = roll_back(api, str(uuid4()))

    assert (answer.status_code, answer.json()["code"]) == (404, "redemption_unknown")


def test_what_was_reserved_can_be_rolled_back_too(api: APIClient, live: Make) -> None:
    strategy = live(rule={"limits": [{"most": "1", "period": "day"}]}, **AUTOMATIC)
    held = reserve(api).json()["reservation"]
    [sold] = redeem(api, reservation=held).json()["redemptions"]

    roll_back(api, sold)

    assert money(strategy) == (Decimal(0), Decimal(0), 0)
    assert Counter.objects.get().uses == 0
    assert Reservation.objects.get().state == "redeemed"
    assert redeem(api, reservation=held).json()["code"] == "reservation_gone"


def test_erasure_leaves_the_money_and_no_words_about_the_customer(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    give(strategy, ana)
    sold = redeem(api, customer="ana", order_id="ana-secret-7").json()
    reason = "Ana did not like it."
    roll_back(api, sold["redemptions"][0], lines=[part(0, 1)], reason=reason)
    held = privacy.export("ana")["held"]  # type: ignore[index]
    assert held["promotions.rollback"][0]["reason"] == reason

    privacy.erase("ana", by="shop", at=timezone.now())

    row = Rollback.objects.get()
    assert (row.customer, row.reason, row.amount) == (None, "", Decimal(1))
    assert Redemption.objects.get().customer is None
    kept = [e.data for e in StoredEvent.objects.filter(type__contains="re")]
    assert "ana-secret-7" not in str(kept)
    assert money(strategy) == (Decimal(0), Decimal(1), 1)
    rest = roll_back(api, sold["redemptions"][0])
    assert rest.json()["whole"] is True
    assert money(strategy) == (Decimal(0), Decimal(0), 0)
