import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import races
from analytics.models import Customer, StoredEvent
from catalog.models import Product
from promotions import carts, offers, receipts, spending
from promotions.models import Offer, Receipt, Redemption, Sheet, Strategy
from tests.conftest import Give, Make

pytestmark = pytest.mark.usefixtures("shelf")
TWO_TEAS = [{"sku": "tea", "quantity": 2}]


def redeem(api: APIClient, offer: Offer, key: str = "", **changes: Any) -> Any:
    body = {
        "customer": Customer.objects.get(key=offer.customer).external_id,
        "order_id": f"order-{uuid4()}",
        "lines": TWO_TEAS,
        "offers": [str(offer.id)],
    }
    return api.post(
        "/api/v1/redemptions",
        body | changes,
        format="json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def test_an_order_redeems_its_offer(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()

    answer = redeem(api, give(strategy, ana))

    assert answer.status_code == 201
    body = answer.json()
    assert (body["subtotal"], body["discount"], body["total"]) == (
        "20.00",
        "2.00",
        "18.00",
    )
    assert body["effects"][0]["adjustments"] == [
        {"line": 0, "sku": "tea", "quantity": 2, "amount": "2.00", "of": "line"}
    ]
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal("2.00"), 1)
    assert strategy.campaign.__class__.objects.get().spent == Decimal("2.00")
    assert StoredEvent.objects.filter(type="offer_redeemed", customer=ana.key).exists()


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


Change = Callable[[Offer], None]


def used(offer: Offer) -> None:
    Offer.objects.update(redeemed_at=timezone.now())


def expired(offer: Offer) -> None:
    Offer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))


def of_somebody_else(offer: Offer) -> None:
    Offer.objects.update(customer=uuid4())


def of_an_ended_strategy(offer: Offer) -> None:
    Strategy.objects.update(state="ended")


def of_a_campaign_that_is_over(offer: Offer) -> None:
    campaign = offer.strategy.campaign
    campaign.ends_at = timezone.now() - timedelta(seconds=1)
    campaign.starts_at = campaign.ends_at - timedelta(days=1)
    campaign.save()


@pytest.mark.parametrize(
    "change",
    [used, expired, of_somebody_else, of_an_ended_strategy, of_a_campaign_that_is_over],
)
def test_an_offer_that_cannot_be_used_now_is_refused(
    api: APIClient, live: Make, give: Give, ana: Customer, change: Change
) -> None:
    strategy = live()
    offer = give(strategy, ana)
    change(offer)

    answer = redeem(api, offer, customer="ana") if change is of_somebody_else else None
    if answer is None:
        answer = redeem(api, offer)

    assert answer.status_code == 422
    assert answer.json()["code"] == "offer_not_usable"
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal(0), 0)
    assert not Redemption.objects.exists()


def test_a_cart_that_does_not_qualify_is_refused_with_the_reason(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live("threshold"), ana)

    answer = redeem(api, offer, lines=[{"sku": "tea", "quantity": 1}])

    assert answer.status_code == 422
    assert answer.json()["code"] == "offers_do_not_apply"
    assert "below_threshold" in answer.json()["detail"]


def test_a_discount_in_dinars_is_spent_to_the_last_fils(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    Product.objects.update(currency="KWD", price=Decimal("1.235"))
    strategy = live(currency="KWD")

    body = redeem(api, give(strategy, ana), currency="KWD").json()

    assert (body["subtotal"], body["discount"]) == ("2.470", "0.247")
    assert body["effects"][0]["adjustments"][0]["amount"] == "0.247"
    strategy.refresh_from_db()
    assert strategy.spent == Redemption.objects.get().discount == Decimal("0.247")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"voucher": "SUMMER"}, "voucher"),
        ({"lines": [*TWO_TEAS, TWO_TEAS[0] | {"prise": "1"}]}, "lines[1].prise"),
    ],
)
def test_a_field_nobody_knows_is_refused_by_its_name(
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    change: dict[str, Any],
    field: str,
) -> None:
    answer = redeem(api, give(live(), ana), **change)

    assert answer.status_code == 400
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, "unknown")
    assert not Redemption.objects.exists()


def test_an_order_redeems_a_strategy_once(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    strategy = live()
    redeem(api, give(strategy, ana), order_id="o-1")

    answer = redeem(api, give(strategy, ben), order_id="o-1")

    assert answer.status_code == 409
    assert answer.json()["code"] == "order_redeemed"


def test_a_gift_costs_its_value_and_leaves_the_lines_alone(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live("gift")

    body = redeem(api, give(strategy, ana)).json()

    assert (body["discount"], body["total"]) == ("0.00", "20.00")
    assert body["effects"][0]["gift"] == "mug"
    strategy.refresh_from_db()
    assert strategy.spent == Decimal("4.00")


@pytest.mark.parametrize(
    ("price", "counts"), [("5.00", "5.00"), ("5.26", "5.26"), ("3.00", "4.00")]
)
def test_a_gift_that_has_become_dearer_counts_at_its_price_of_today(
    api: APIClient, live: Make, give: Give, ana: Customer, price: str, counts: str
) -> None:
    strategy = live("gift")
    Product.objects.filter(sku="mug").update(price=price)

    body = redeem(api, give(strategy, ana)).json()

    [row] = body["effects"][0]["adjustments"]
    assert (row["of"], row["amount"]) == ("gift", counts)
    strategy.refresh_from_db()
    assert strategy.spent == Decimal(counts)
    assert strategy.campaign.__class__.objects.get().spent == Decimal(counts)
    assert Redemption.objects.get().gift_value == Decimal(counts)


def test_a_gift_too_dear_by_now_for_the_margin_or_the_budget_is_not_given(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    """Two teas leave 5.26 above its floor; the mug was 4.00 when it was approved."""
    rich, poor = live("gift"), live("gift", budget="5.00")
    given, kept = give(rich, ana), give(poor, ben)

    Product.objects.filter(sku="mug").update(price="5.10")
    spent = redeem(api, kept, customer="ben")
    Product.objects.filter(sku="mug").update(price="5.27")
    refused = redeem(api, given)

    assert (spent.status_code, spent.json()["code"]) == (409, "budget_spent")
    assert (refused.status_code, refused.json()["code"]) == (422, "offers_do_not_apply")
    assert "margin_floor" in refused.json()["detail"]
    cart = {"customer": "ana", "lines": [{"sku": "tea", "quantity": 2}]}
    told = api.post("/api/v1/qualifications", cart, format="json").json()
    assert [one["reason"] for one in told["not_applied"]] == ["margin_floor"]
    assert not Redemption.objects.exists()


def test_a_gift_s_price_in_another_currency_says_nothing(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live("gift"), ana)
    Product.objects.filter(sku="mug").update(price="600", currency="JPY")

    assert redeem(api, offer).status_code == 201
    assert Redemption.objects.get().gift_value == Decimal("4.00")


def test_a_budget_that_cannot_pay_refuses(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live(budget=Decimal("1.99"))

    answer = redeem(api, give(strategy, ana))

    assert answer.status_code == 409
    assert answer.json()["code"] == "budget_spent"
    strategy.refresh_from_db()
    assert strategy.spent == 0


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


def test_an_order_to_which_nothing_applies_is_no_error_and_records_nothing(
    api: APIClient,
) -> None:
    def send() -> Any:
        return api.post(
            "/api/v1/redemptions",
            {"order_id": "o-1", "lines": TWO_TEAS},
            format="json",
            headers={"Idempotency-Key": "key-1"},
        )

    first, again = send(), send()

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["redemptions"] == []
    assert first.json()["total"] == "20.00"
    assert not Redemption.objects.exists()
    assert not StoredEvent.objects.filter(type="offer_redeemed").exists()


def test_a_guest_redeems_automatic_strategies(api: APIClient, live: Make) -> None:
    strategy = live(trigger="automatic", holdout=0)

    answer = api.post(
        "/api/v1/redemptions",
        {"order_id": "o-1", "lines": TWO_TEAS},
        format="json",
        headers={"Idempotency-Key": "key-1"},
    )

    assert answer.json()["discount"] == "2.00"
    row = Redemption.objects.get()
    assert (row.customer, row.offer, row.strategy_id) == (None, None, strategy.id)
    assert StoredEvent.objects.get(type="offer_redeemed").customer is None


def test_an_order_of_another_total_than_the_shop_shows_is_refused(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()

    answer = redeem(api, give(strategy, ana), total="18.01")

    assert (answer.status_code, answer.json()["code"]) == (409, "total_differs")
    assert "18.00" in answer.json()["detail"]
    strategy.refresh_from_db()
    assert (strategy.spent, strategy.redemptions) == (Decimal(0), 0)
    assert not Receipt.objects.exists()


def test_an_automatic_strategy_that_ran_out_is_left_out_of_a_named_order(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    named = live()
    spent = live(scope=["MILK"], budget=Decimal("0.50"), trigger="automatic", holdout=0)
    lines = [*TWO_TEAS, {"sku": "milk", "quantity": 5}]

    body = redeem(api, give(named, ana), lines=lines).json()

    assert [effect["strategy"] for effect in body["effects"]] == [str(named.id)]
    spent.refresh_from_db()
    assert (spent.spent, spent.redemptions) == (Decimal(0), 0)


def test_receipts_hold_no_order_id(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    redeem(api, give(live(), ana), "ana-key-9000", order_id="ana-9000")

    kept = str(list(Receipt.objects.values()))
    assert len(kept) > 100
    assert "9000" not in kept


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
