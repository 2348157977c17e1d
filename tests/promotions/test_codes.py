from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, privacy
from analytics.models import Customer
from promotions import codes, giving, spelling
from promotions.giving import Given
from promotions.models import Campaign, Code, Redemption, Strategy
from tests.conftest import Counted, Make

pytestmark = pytest.mark.usefixtures("shelf")

TEAS = [{"sku": "tea", "quantity": 2}]


def qualify(api: APIClient, *texts: str, **more: Any) -> Any:
    body = {"lines": TEAS, "codes": list(texts), **more}
    return api.post("/api/v1/qualifications", body, format="json")


def redeem(api: APIClient, *texts: str, **more: Any) -> Any:
    body = {"lines": TEAS, "codes": list(texts), "order_id": f"o-{uuid4()}", **more}
    return api.post(
        "/api/v1/redemptions",
        body,
        format="json",
        headers={"Idempotency-Key": str(uuid4())},
    )


def make(strategy: Strategy, text: str, **fields: Any) -> Code:
    [became] = giving.give(strategy, [Given(text=text, **fields)])
    assert became.status == "made"
    return Code.objects.get(digest=spelling.digest(text))


def refusals(answer: Any) -> list[str | None]:
    return [one["refused"] for one in answer.json()["codes"]]


@pytest.mark.parametrize(
    "typed", ["SUMMER10", "summer10", " Summer-10 ", "ＳＵＭＭＥＲ10"]
)
def test_a_code_counts_however_it_is_typed(
    api: APIClient, by_code: Strategy, typed: str
) -> None:
    make(by_code, "SUMMER10", most_uses=None)

    answer = qualify(api, typed)

    assert refusals(answer) == [None]
    assert answer.json()["discount"] == "2.00"


def test_a_code_that_is_beaten_stays_unused_and_the_order_costs_what_was_shown(
    api: APIClient, by_code: Strategy, live: Make
) -> None:
    code = make(by_code, "SUMMER10")
    menu = {"20%": {"kind": "percentage", "rate": "0.20"}}
    live(menu=menu, trigger="automatic", holdout=0)

    shown = qualify(api, "summer10").json()
    sold = redeem(api, "summer10", total=shown["total"])

    assert (shown["discount"], refusals(sold)) == ("4.00", [None])
    assert (sold.status_code, sold.json()["total"]) == (201, shown["total"])
    [beaten] = sold.json()["not_applied"]
    assert beaten["reason"] == "another_offer_is_better"
    code.refresh_from_db()
    assert code.uses == 0


def test_a_code_that_does_nothing_for_the_cart_refuses_the_order(
    api: APIClient, by_code: Strategy
) -> None:
    make(by_code, "SUMMER10")

    answer = redeem(api, "summer10", lines=[{"sku": "milk", "quantity": 1}])

    assert (answer.status_code, answer.json()["code"]) == (422, "offers_do_not_apply")
    assert "nothing_in_scope" in answer.json()["detail"]


def test_a_code_of_one_use_is_used_once(api: APIClient, by_code: Strategy) -> None:
    make(by_code, "ONCE-4711")

    first, second = redeem(api, "ONCE-4711"), redeem(api, "ONCE-4711")

    assert (first.status_code, second.status_code) == (201, 422)
    assert second.json()["code"] == "code_refused"
    assert Redemption.objects.count() == 1
    assert Code.objects.get().uses == 1


def expired(code: Code) -> None:
    Code.objects.update(expires_at=timezone.now())


def used_up(code: Code) -> None:
    Code.objects.update(uses=1)


def unknown_code(code: Code) -> None:
    codes.deactivate(code.id)


def not_yours(code: Code) -> None:
    Code.objects.update(customer=uuid4())


def promotion_ended(code: Code) -> None:
    Strategy.objects.update(state="ended")


def not_yet(code: Code) -> None:
    Campaign.objects.update(starts_at=timezone.now() + timedelta(hours=1))


def other_currency(code: Code) -> None:
    strategy = Strategy.objects.get(id=code.strategy_id)
    strategy.pk, strategy.currency = uuid4(), "EUR"
    strategy.save(force_insert=True)
    Code.objects.update(strategy=strategy)


CHANGES = [
    expired,
    used_up,
    unknown_code,
    not_yours,
    promotion_ended,
    not_yet,
    other_currency,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_customer_is_told_why_a_code_is_refused_and_a_guest_is_not(
    api: APIClient, by_code: Strategy, ana: Customer, change: Any
) -> None:
    Customer.objects.create(anonymous_id="cookie-9")
    change(make(by_code, "TEATIME"))

    assert refusals(qualify(api, "TEATIME", customer="ana")) == [change.__name__]
    for nobody in (None, "stranger", "cookie-9"):
        answer = qualify(api, "TEATIME", customer=nobody)
        assert refusals(answer) == ["refused"]
        assert answer.json()["discount"] == "0.00"
    told = redeem(api, "TEATIME", customer="ana").json()["detail"]
    assert change.__name__ in told
    untold = redeem(api, "TEATIME").json()
    assert (untold["code"], untold["detail"]) == (
        "code_refused",
        "Not usable: TEATIME: refused.",
    )
    assert not Redemption.objects.exists()


def test_to_a_guest_a_wrong_text_looks_like_a_code_that_was_stopped(
    api: APIClient, by_code: Strategy
) -> None:
    codes.deactivate(make(by_code, "REAL-ONE").id)

    real, wrong = qualify(api, "REAL-ONE").json(), qualify(api, "FAKE-ONE").json()

    real["codes"][0]["code"] = wrong["codes"][0]["code"] = ""
    assert real == wrong


def test_a_wrong_text_is_looked_up_with_as_many_statements_as_a_refused_code(
    by_code: Strategy, statements: Counted
) -> None:
    make(by_code, "USED-UP1")
    Code.objects.update(uses=1)

    statements()

    for text in ("USED-UP1", "NO-SUCH1"):
        codes.enter([text], keys=[], currency="USD", at=timezone.now())
        assert statements() == 1


def test_a_customer_s_own_code_works_for_nobody_else_and_dies_with_the_customer(
    api: APIClient, by_code: Strategy, ana: Customer, ben: Customer
) -> None:
    make(by_code, "FORANA", customer="ana")

    assert refusals(qualify(api, "FORANA", customer="ana")) == [None]
    assert refusals(qualify(api, "FORANA", customer="ben")) == ["not_yours"]
    privacy.erase("ana", by="test", at=timezone.now())

    assert refusals(qualify(api, "FORANA", customer="ben")) == ["unknown_code"]
    assert Code.objects.get().customer is None


def test_codes_are_given_all_or_none_and_again_is_no_error(
    api: APIClient, by_code: Strategy
) -> None:
    page = f"/api/v1/strategies/{by_code.id}/codes"
    rows = [{"code": "SPRING"}, {"code": "FORBEN", "customer": "ben", "most_uses": 3}]

    first = api.post(page, {"codes": rows}, format="json")
    again = api.post(page, {"codes": rows}, format="json")

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert [one["code"] for one in first.json()["codes"]] == ["SPRING", "FORBEN"]
    assert first.json()["codes"][1]["customer"] == "ben"

    mixed = api.post(
        page,
        {"codes": [{"code": "NEWONE"}, {"code": "s-pring", "most_uses": 9}]},
        format="json",
    )
    assert mixed.status_code == 400
    assert mixed.json()["errors"][0]["field"] == "codes[1].code"
    assert Code.objects.count() == 2


@pytest.mark.parametrize("text", ["ABC", "A-B-C", "   ", "TAB\tTAB", "X" * 65])
def test_a_code_that_is_no_code_is_not_made(
    api: APIClient, by_code: Strategy, text: str
) -> None:
    answer = api.post(
        f"/api/v1/strategies/{by_code.id}/codes",
        {"codes": [{"code": text}]},
        format="json",
    )

    assert answer.status_code == 400
    assert not Code.objects.exists()


def test_no_code_is_made_where_none_is_waited_for(api: APIClient, live: Make) -> None:
    page = f"/api/v1/strategies/{live().id}/codes"

    answer = api.post(page, {"codes": [{"code": "SPRING"}]}, format="json")

    assert answer.status_code == 409
    assert answer.json()["code"] == "strategy_takes_no_codes"


def test_a_strategy_s_codes_are_read_page_by_page_each_once(
    api: APIClient, by_code: Strategy
) -> None:
    giving.give(by_code, [Given(text=f"CODE{i}") for i in range(25)])
    page = f"/api/v1/strategies/{by_code.id}/codes"

    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        body = api.get(page, {"limit": "10", "cursor": cursor}).json()
        seen += [one["code"] for one in body["codes"]]
        cursor = body["next"]

    assert sorted(seen) == sorted(f"CODE{i}" for i in range(25))
    found = api.get(page, {"code": "code-7"}).json()["codes"]
    assert [one["code"] for one in found] == ["CODE7"]
    assert api.get(page, {"cursor": "?"}).status_code == 400


def test_a_stopped_code_stays_stopped(api: APIClient, by_code: Strategy) -> None:
    code = make(by_code, "STOPME")
    page = f"/api/v1/codes/{code.id}/deactivation"

    assert api.post(page).json()["active"] is False
    assert api.post(page).status_code == 200
    giving.give(by_code, [Given(text="STOPME")])

    assert refusals(qualify(api, "STOPME")) == ["refused"]
    assert api.post(f"/api/v1/codes/{uuid4()}/deactivation").status_code == 404


def test_codes_need_a_scope_of_their_own(by_code: Strategy) -> None:
    client = APIClient()
    key = access.create_key("cart shop", ["carts"])
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    answer = client.get(f"/api/v1/strategies/{by_code.id}/codes")

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
