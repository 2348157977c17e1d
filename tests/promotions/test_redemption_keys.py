"""An order counts once, whatever its Idempotency-Key and however often it is sent."""

import pytest
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions.models import Receipt, Redemption
from tests.conftest import Give, Make
from tests.promotions.ordering import redeem

pytestmark = pytest.mark.usefixtures("shelf")


def test_a_retry_gets_the_first_answer_and_counts_once(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    offer = give(strategy, ana)

    first = redeem(api, offer, "key-1", order_id="o-1")
    again = redeem(api, offer, "key-1", order_id="o-1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    strategy.refresh_from_db()
    assert strategy.redemptions == 1


def test_a_key_with_another_body_is_refused(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    redeem(api, offer, "key-1", order_id="o-1")

    answer = redeem(api, offer, "key-1", order_id="o-2")

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert Redemption.objects.count() == 1


def test_a_key_sent_to_another_path_is_told_so(api: APIClient, live: Make) -> None:
    live(trigger="automatic", holdout=0)
    body = {"lines": [{"sku": "tea", "quantity": 2}]}
    key = {"Idempotency-Key": "key-1"}
    sold = api.post(
        "/api/v1/redemptions", body | {"order_id": "o-1"}, format="json", headers=key
    )
    [redeemed] = sold.json()["redemptions"]

    answer = api.post(
        f"/api/v1/redemptions/{redeemed}/rollback", {}, format="json", headers=key
    )

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert answer.json()["detail"].endswith("came before with another request.")
    assert Redemption.objects.filter(rolled_back_at=None).count() == 1


def test_a_refused_call_may_be_sent_again_with_its_key(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    milk = [{"sku": "milk", "quantity": 1}]
    refused = redeem(api, offer, "key-1", order_id="o-1", lines=milk)

    answer = redeem(api, offer, "key-1", order_id="o-1")

    assert (refused.status_code, answer.status_code) == (422, 201)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "x" * 256}])
def test_without_a_fit_idempotency_key_nothing_happens(
    api: APIClient, headers: dict[str, str]
) -> None:
    answer = api.post("/api/v1/redemptions", {}, format="json", headers=headers)

    assert answer.status_code == 400
    assert answer.json()["code"] == "idempotency_key_missing"
    assert not Receipt.objects.exists()


def test_another_key_for_the_same_order_gets_the_same_answer(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    offer = give(strategy, ana)
    first = redeem(api, offer, order_id="o-1", total="18.00")

    again = redeem(api, offer, order_id="o-1", total="18.0")

    assert again.json() == first.json()
    strategy.refresh_from_db()
    assert (strategy.redemptions, Redemption.objects.count()) == (1, 1)


def test_another_content_for_the_same_order_is_refused(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    redeem(api, offer, order_id="o-1")

    answer = redeem(api, offer, order_id="o-1", lines=[{"sku": "tea", "quantity": 3}])

    assert (answer.status_code, answer.json()["code"]) == (409, "order_redeemed")
    assert Redemption.objects.count() == 1


def test_receipts_hold_no_order_id(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    redeem(api, give(live(), ana), "ana-key-9000", order_id="ana-9000")

    kept = str(list(Receipt.objects.values()))
    assert len(kept) > 100
    assert "9000" not in kept
