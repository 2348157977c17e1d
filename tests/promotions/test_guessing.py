import time
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, alerts
from analytics.models import Customer, StoredEvent
from promotions import guessing
from promotions.models import Guesser, Redemption, Strategy
from tests.promotions.test_codes import make, qualify, redeem, refusals
from tests.serving import free_port

pytestmark = pytest.mark.usefixtures("shelf")


def guess(api: APIClient, count: int, **who: Any) -> Any:
    for _ in range(count):
        answer = qualify(api, f"WRONG-{uuid4().hex[:8]}", **who)
    return answer


def test_after_ten_wrong_codes_even_a_right_one_has_to_wait_and_the_cart_is_priced(
    api: APIClient,
    by_code: Strategy,
    django_assert_num_queries: Any,
) -> None:
    make(by_code, "RIGHT1", most_uses=None)
    assert refusals(guess(api, 10, visitor="hash-1")) == ["refused"]

    answer = qualify(api, "RIGHT1", visitor="hash-1")

    assert answer.status_code == 200
    assert refusals(answer) == ["try_later"]
    assert (answer.json()["subtotal"], answer.json()["discount"]) == ("20.00", "0.00")
    assert 0 < int(answer["Retry-After"]) <= guessing.PAUSE


def test_an_order_with_a_code_is_told_to_wait_and_one_without_goes_through(
    api: APIClient,
    by_code: Strategy,
) -> None:
    make(by_code, "RIGHT1")
    guess(api, 10, visitor="hash-1")

    refused = redeem(api, "RIGHT1", visitor="hash-1")

    assert (refused.status_code, refused.json()["code"]) == (429, "codes_paused")
    assert 0 < int(refused["Retry-After"]) <= guessing.PAUSE
    assert redeem(api, visitor="hash-1").status_code == 201
    assert not Redemption.objects.exists()


def test_refused_orders_count_as_well(
    api: APIClient,
    by_code: Strategy,
) -> None:
    for i in range(10):
        assert redeem(api, f"WRONG-{i}", visitor="hash-1").status_code == 422

    assert redeem(api, "WRONG-X", visitor="hash-1").status_code == 429


def test_others_enter_codes_as_ever(
    api: APIClient,
    by_code: Strategy,
    ana: Customer,
) -> None:
    make(by_code, "RIGHT1", most_uses=None)
    guess(api, 11, visitor="hash-1", customer="ana")

    assert refusals(qualify(api, "RIGHT1", visitor="hash-2")) == [None]
    assert refusals(qualify(api, "RIGHT1")) == [None]
    # Either of the two names is enough.
    assert refusals(qualify(api, "RIGHT1", customer="ana")) == ["try_later"]
    assert refusals(qualify(api, "RIGHT1", visitor="hash-1")) == ["try_later"]
    other = APIClient()
    key = access.create_key("other shop", access.SCOPES)
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    assert refusals(qualify(other, "RIGHT1", visitor="hash-1")) == [None]


def test_the_same_wrong_code_in_a_cart_priced_again_and_again_counts_once(
    api: APIClient,
    by_code: Strategy,
) -> None:
    make(by_code, "RIGHT1", most_uses=None)
    for typed in ("SUMER10", "sumer10", "SUMER-10") * 10:
        qualify(api, typed, visitor="hash-1")

    assert refusals(qualify(api, "RIGHT1", visitor="hash-1")) == [None]


def test_guests_of_whom_nothing_is_said_share_a_larger_count(
    api: APIClient,
    by_code: Strategy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(guessing.MOST, "guests", 12)
    make(by_code, "RIGHT1", most_uses=None)

    guess(api, 11)
    assert refusals(qualify(api, "RIGHT1")) == [None]
    guess(api, 1)

    assert refusals(qualify(api, "RIGHT1")) == ["try_later"]
    assert refusals(qualify(api, "RIGHT1", visitor="hash-1")) == [None]


def test_guessing_is_an_alert_and_leaves_nobody_s_name(
    api: APIClient,
    by_code: Strategy,
    ana: Customer,
) -> None:
    events = StoredEvent.objects.count()
    guess(api, 9, visitor="10.1.2.3", customer="ana")
    assert not Guesser.objects.exists()

    guess(api, 1, visitor="10.1.2.3", customer="ana")

    told = [
        one for one in alerts.current(timezone.now()) if one.code == "code_guessing"
    ]
    assert {row.kind for row in Guesser.objects.all()} == {"customer", "visitor"}
    assert len(told) == 2
    assert all("test shop" in one.text for one in told)
    for row in Guesser.objects.values():
        assert "10.1.2.3" not in str(row)
        assert "ana" not in str(row)
    keys = cache._cache.get_client().keys("*")  # type: ignore[attr-defined]
    assert any(b"codes:" in key for key in keys)
    assert not any(b"10.1.2.3" in key or b"WRONG" in key for key in keys)
    assert StoredEvent.objects.count() == events


def test_when_the_pause_is_over_codes_count_again(
    api: APIClient,
    by_code: Strategy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guessing, "PAUSE", 1)
    make(by_code, "RIGHT1", most_uses=None)
    guess(api, 10, visitor="hash-1")
    assert refusals(qualify(api, "RIGHT1", visitor="hash-1")) == ["try_later"]

    time.sleep(1.1)

    assert refusals(qualify(api, "RIGHT1", visitor="hash-1")) == [None]


def test_without_valkey_carts_and_orders_go_on_without_delay(
    api: APIClient,
    by_code: Strategy,
) -> None:
    make(by_code, "RIGHT1", most_uses=None)
    from django.conf import settings

    caches = {
        "default": settings.CACHES["default"]
        | {"LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    }
    with override_settings(CACHES=caches):
        begun = time.monotonic()
        wrong = guess(api, 20, visitor="hash-1")
        right = redeem(api, "RIGHT1", visitor="hash-1")

    assert refusals(wrong) == ["refused"]
    assert right.status_code == 201
    assert time.monotonic() - begun < 5


def test_a_visitor_may_change_between_two_calls_for_an_order(
    api: APIClient,
    by_code: Strategy,
) -> None:
    make(by_code, "RIGHT1")

    first = redeem(api, "RIGHT1", order_id="o-1", visitor="hash-1")
    again = redeem(api, "RIGHT1", order_id="o-1", visitor="hash-2")

    assert (first.status_code, first.json()) == (201, again.json())
    assert Redemption.objects.count() == 1


def test_an_order_that_went_through_gets_its_answer_again_while_its_visitor_must_wait(
    api: APIClient,
    by_code: Strategy,
) -> None:
    make(by_code, "RIGHT1")
    first = redeem(api, "RIGHT1", order_id="o-1", visitor="hash-1")
    guess(api, 10, visitor="hash-1")

    again = redeem(api, "RIGHT1", order_id="o-1", visitor="hash-1")
    other = redeem(api, "RIGHT2", order_id="o-1", visitor="hash-1")

    assert (first.status_code, first.json()) == (201, again.json())
    assert (other.status_code, other.json()["code"]) == (409, "order_redeemed")
    assert redeem(api, "RIGHT1", visitor="hash-1").status_code == 429
    assert Redemption.objects.count() == 1
