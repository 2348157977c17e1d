"""Orders at once: no budget is overspent, no offer used twice, no deadlock told."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from rest_framework.test import APIClient

from analytics import races
from analytics.models import Customer, StoredEvent
from promotions import carts, receipts
from promotions.models import Offer, Receipt, Redemption, Strategy
from tests.conftest import Give, Make
from tests.promotions.ordering import TWO_TEAS, redeem

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.mark.django_db(transaction=True)
def test_forty_orders_at_once_never_overspend_a_budget(
    api: APIClient, live: Make, give: Give
) -> None:
    strategy = live(budget=Decimal("21.00"))  # ten times 2.00, and a rest
    shoppers = [Customer.objects.create(external_id=f"c{n}") for n in range(40)]
    offers = [give(strategy, shopper) for shopper in shoppers]

    def attempt(offer: Offer) -> int:
        try:
            return int(redeem(api, offer).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(attempt, offers))

    strategy.refresh_from_db()
    assert sorted(set(statuses)) == [201, 409]
    assert statuses.count(201) == strategy.redemptions == Redemption.objects.count()
    assert strategy.spent == Decimal("20.00")
    assert StoredEvent.objects.filter(type="offer_redeemed").count() == 10


@pytest.mark.django_db(transaction=True)
def test_one_key_sent_eight_times_at_once_redeems_once(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)

    def attempt(_: int) -> tuple[int, str]:
        try:
            answer = redeem(api, offer, "same", order_id="o-1")
            return answer.status_code, json.dumps(answer.json(), sort_keys=True)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(8)))

    assert sorted(status for status, _ in answers) == [200] * 7 + [201]
    assert len({body for _, body in answers}) == 1
    assert Redemption.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_offer_in_eight_orders_at_once_is_used_once(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)

    def attempt(_: int) -> int:
        try:
            return int(redeem(api, offer).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(attempt, range(8)))

    assert sorted(statuses) == [201] + [422] * 7


def wait_until_somebody_waits() -> None:
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            assert time.monotonic() < deadline, "nobody waits for a lock"
            time.sleep(0.01)


@pytest.mark.django_db(transaction=True)
def test_a_redemption_that_deadlocks_is_made_again(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)

    def attempt() -> int:
        try:
            return int(redeem(api, offer).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Offer.objects.select_for_update().get(id=offer.id)
        answer = pool.submit(attempt)
        wait_until_somebody_waits()
        # It has waited longer than we: it finds the deadlock, and is the one ended.
        Strategy.objects.select_for_update().get(id=offer.strategy_id)

    assert answer.result() == 201
    assert Redemption.objects.count() == 1


def test_a_redemption_that_deadlocks_for_ever_gives_up(
    transactional_db: None,
) -> None:
    tried = []

    def deadlock() -> dict[str, Any]:
        tried.append(1)
        with connection.cursor() as cursor:
            cursor.execute("DO 'BEGIN RAISE USING ERRCODE = ''40P01''; END'")
        return {}

    with pytest.raises(OperationalError):
        receipts.once(caller=uuid4(), key="k", request=b"", do=deadlock)

    assert len(tried) == races.ATTEMPTS
    assert not Receipt.objects.exists()


def test_who_is_erased_while_an_order_is_under_way_leaves_no_trail(
    api: APIClient, live: Make, ana: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    live(trigger="automatic", holdout=0)
    real = carts.priced

    def slowly(*given: Any, **named: Any) -> Any:
        Customer.objects.filter(key=ana.key).delete()
        return real(*given, **named)

    monkeypatch.setattr(carts, "priced", slowly)
    answer = api.post(
        "/api/v1/redemptions",
        {"order_id": "o-1", "customer": "ana", "lines": TWO_TEAS},
        format="json",
        headers={"Idempotency-Key": "key-1"},
    )

    assert answer.status_code == 422
    assert not Redemption.objects.exists()
    assert not StoredEvent.objects.filter(customer=ana.key).exists()
