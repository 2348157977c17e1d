"""Webhooks: a shop is told of a strategy's life, in order and signed."""

from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from analytics.models import Customer
from promotions import approval, errands, signatures, webhooks
from promotions.models import Delivery, Endpoint
from tests.conftest import Give, Make
from tests.promotions.ordering import redeem
from tests.promotions.receiving import Receiver, happened, receiver, told

__all__ = ["receiver", "told"]

pytestmark = pytest.mark.usefixtures("shelf")


def test_a_shop_is_told_of_a_strategy_s_life_in_order(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
) -> None:
    strategy = live()
    answer = redeem(api, give(strategy, ana), order_id="o-1")
    api.post(
        f"/api/v1/redemptions/{answer.json()['redemptions'][0]}/rollback",
        {},
        format="json",
        headers={"Idempotency-Key": "r"},
    )
    approval.end(strategy.id, by="olga", comment="Secret.", at=timezone.now())

    errands.send_webhooks()
    errands.send_webhooks()  # nothing twice

    assert [one["type"] for one in receiver.got] == [
        "strategy_proposed",
        "strategy_approved",
        "offer_redeemed",
        "redemption_rolled_back",
        "strategy_ended",
    ]
    redeemed = receiver.got[2]
    assert redeemed["path"] == "/hook?shop=1"
    assert redeemed["data"]["strategy"] == str(strategy.id)
    assert (redeemed["data"]["order_id"], redeemed["data"]["discount"]) == (
        "o-1",
        "2.00",
    )
    everything = b"".join(one["body"] for one in receiver.got).decode()
    for hidden in ("olga", "Secret.", str(ana.key), '"ana"'):
        assert hidden not in everything


def test_the_budget_s_marks_are_told(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    ben: Customer,
) -> None:
    strategy = live(budget="4.00")
    redeem(api, give(strategy, ana))
    redeem(api, give(strategy, ben))

    errands.send_webhooks()

    marks = [one["data"] for one in receiver.got if one["type"] == "budget_reached"]
    assert [mark["share"] for mark in marks] == [0.8, 1.0]
    assert marks[0]["spent"] == "4.0000"


def test_an_independent_library_finds_every_signature_right(
    receiver: Receiver, told: Endpoint
) -> None:
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    (got,) = receiver.got

    Webhook(told.secret).verify(got["body"], got["headers"])

    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(got["body"] + b" ", got["headers"])
    other = signatures.secret(bytes(32))
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(got["body"], got["headers"])


def test_after_a_new_secret_both_sign_for_a_day(
    receiver: Receiver, told: Endpoint, api: APIClient
) -> None:
    page = f"/api/v1/webhook-endpoints/{told.id}/secret"
    new = api.post(page).json()["secret"]
    assert new != told.secret
    happened(uuid4(), 0.8)
    errands.send_webhooks()

    for secret in (told.secret, new):
        Webhook(secret).verify(receiver.got[0]["body"], receiver.got[0]["headers"])

    Endpoint.objects.update(old_until=timezone.now())
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    Webhook(new).verify(receiver.got[1]["body"], receiver.got[1]["headers"])
    with pytest.raises(WebhookVerificationError):
        Webhook(told.secret).verify(receiver.got[1]["body"], receiver.got[1]["headers"])


def test_a_replay_tells_a_young_endpoint_what_it_never_heard(
    receiver: Receiver, told: Endpoint
) -> None:
    Endpoint.objects.all().delete()
    begun = timezone.now()
    happened(uuid4(), 0.8)
    young = webhooks.register(receiver.url, [], at=timezone.now())
    errands.send_webhooks()
    assert receiver.got == []

    count = webhooks.replay(young, since=begun, until=timezone.now(), at=timezone.now())
    errands.send_webhooks()

    assert (count, len(receiver.got)) == (1, 1)


def test_an_endpoint_hears_only_its_types(receiver: Receiver, told: Endpoint) -> None:
    Endpoint.objects.update(types=["offer_redeemed"])
    happened(uuid4(), 0.8)

    errands.send_webhooks()

    assert receiver.got == []
    assert not Delivery.objects.exists()


def test_a_switched_off_endpoint_is_told_later_of_all_it_missed(
    receiver: Receiver, told: Endpoint, api: APIClient
) -> None:
    page = f"/api/v1/webhook-endpoints/{told.id}"
    api.patch(page, {"active": False}, format="json")
    happened(uuid4(), 0.8)
    errands.send_webhooks()
    assert receiver.got == []

    api.patch(page, {"active": True}, format="json")
    errands.send_webhooks()

    assert len(receiver.got) == 1


def test_an_endpoint_is_made_read_and_forgotten_and_its_secret_told_once(
    api: APIClient,
) -> None:
    page = "/api/v1/webhook-endpoints"
    made = api.post(
        page,
        {"url": "https://shop.example/h", "types": ["offer_redeemed"]},
        format="json",
    )
    twice = api.post(page, {"url": "https://shop.example/h"}, format="json")

    assert (made.status_code, twice.status_code) == (201, 409)
    assert made.json()["secret"].startswith("whsec_")
    (listed,) = api.get(page).json()["endpoints"]
    assert "secret" not in listed
    one = f"{page}/{listed['id']}"
    assert api.get(one).json() == listed
    assert api.delete(one).status_code == 204
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    wrong = api.post(page, {"url": "https://a.example/", "types": ["x"]}, format="json")
    assert wrong.status_code == 400


def test_an_erased_customer_s_order_is_not_told_any_more(
    receiver: Receiver,
    told: Endpoint,
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
) -> None:
    from analytics import privacy

    redeem(api, give(live(), ana), order_id="o-secret")
    privacy.erase("ana", by="test", at=timezone.now())

    errands.send_webhooks()

    got = b"".join(one["body"] for one in receiver.got)
    assert b"offer_redeemed" in got
    assert b"o-secret" not in got
