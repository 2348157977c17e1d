from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from analytics.models import Customer
from promotions import errands, giving
from promotions.giving import Given
from promotions.models import Code, CodeBatch, Delivery, Endpoint, Strategy
from tests.conftest import Make


def page(name: str, *args: Any) -> str:
    return reverse(f"admin:promotions_{name}", args=args)


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def test_olga_asks_for_a_batch_sees_it_grow_and_takes_it_away(
    desk: Client, by_code: Strategy
) -> None:
    sent = {"strategy": by_code.pk, "number": 30, "prefix": "TEA", "most_uses": 1}

    desk.post(page("codebatch_add"), sent)
    listed = desk.get(page("codebatch_changelist")).content.decode()
    assert "0 / 30" in listed
    errands.make_codes()

    batch = CodeBatch.objects.get()
    assert (batch.requested_by, batch.length) == ("olga", 8)
    listed = desk.get(page("codebatch_changelist")).content.decode()
    assert "30 / 30" in listed
    assert 'aria-valuenow="100"' in listed
    answer = desk.get(page("codebatch_export", batch.pk))
    out = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    assert out.count("TEA") == 30
    assert desk.get(page("codebatch_change", batch.pk)).status_code == 200


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"number": 10, "length": 5}, "at least 8 random"),
        ({"number": 0}, "1 to 5,000,000"),
        ({"number": 10, "prefix": "ä"}, "letters A to Z"),
    ],
)
def test_a_batch_that_could_be_guessed_is_refused_in_the_form(
    desk: Client, by_code: Strategy, sent: dict[str, Any], said: str
) -> None:
    answer = desk.post(page("codebatch_add"), {"strategy": by_code.pk, **sent})

    assert said in answer.content.decode()
    assert not CodeBatch.objects.exists()


def test_only_strategies_by_code_can_be_chosen(desk: Client, live: Make) -> None:
    other = live()

    shown = desk.get(page("codebatch_add")).content.decode()
    desk.post(page("codebatch_add"), {"strategy": other.pk, "number": 3})

    assert str(other.pk) not in shown
    assert not CodeBatch.objects.exists()


def test_where_no_strategy_is_by_code_the_form_says_what_is_missing(
    desk: Client, live: Make
) -> None:
    live()
    add = "/admin/promotions/code/add/"

    assert "No strategy applies by a code yet" in desk.get(add).content.decode()
    live(trigger="code", holdout=0)
    assert "No strategy applies by a code yet" not in desk.get(add).content.decode()


def test_a_public_code_is_made_found_however_it_is_typed_and_stopped(
    desk: Client, by_code: Strategy, ana: Customer
) -> None:
    giving.give(by_code, [Given(text="OTHER1")])
    sent = {"strategy": by_code.pk, "text": "Summer-10", "owner": "ana"}

    desk.post(page("code_add"), sent)
    code = Code.objects.get(text="Summer-10")
    assert (code.customer, code.most_uses) == (ana.key, None)

    shown = desk.get(page("code_changelist"), {"q": "summer 10"}).content.decode()
    assert "Summer-10" in shown
    assert "OTHER1" not in shown
    desk.post(
        page("code_changelist"),
        {"action": "deactivate", "_selected_action": [code.pk]},
    )
    code.refresh_from_db()
    assert not code.active
    assert Code.objects.get(text="OTHER1").active


def test_a_taken_text_is_refused_in_the_form(desk: Client, by_code: Strategy) -> None:
    giving.give(by_code, [Given(text="SUMMER10")])

    answer = desk.post(
        page("code_add"),
        {"strategy": by_code.pk, "text": "summer 10", "most_uses": 5},
    )

    assert "there already" in answer.content.decode()
    assert Code.objects.count() == 1


def test_who_may_only_view_makes_stops_and_exports_nothing(
    client: Client, by_code: Strategy
) -> None:
    giving.give(by_code, [Given(text="SUMMER10")])
    batch = CodeBatch.objects.create(strategy=by_code, number=1, length=8)
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    names = ["view_code", "view_codebatch", "view_endpoint", "view_delivery"]
    viewer.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(viewer)

    assert client.get(page("code_changelist")).status_code == 200
    for name in ("code_add", "codebatch_add", "endpoint_add"):
        assert client.post(page(name), {}).status_code == 403
    assert client.get(page("codebatch_export", batch.pk)).status_code == 403
    code = Code.objects.get()
    client.post(
        page("code_changelist"),
        {"action": "deactivate", "_selected_action": [code.pk]},
    )
    code.refresh_from_db()
    assert code.active


def test_an_endpoint_s_secret_is_shown_once_and_messages_are_sent_again(
    desk: Client, by_code: Strategy
) -> None:
    url = "https://shop.example/hook"

    made = desk.post(page("endpoint_add"), {"url": url, "types": []}, follow=True)

    endpoint = Endpoint.objects.get()
    assert endpoint.secret in made.content.decode()
    listed = desk.get(page("endpoint_changelist")).content.decode()
    assert endpoint.secret not in listed
    one = page("endpoint_change", endpoint.pk)
    assert endpoint.secret not in desk.get(one).content.decode()
    again = desk.post(page("endpoint_add"), {"url": url, "types": []})
    assert "already exists" in again.content.decode()
    inside = {"url": "http://10.0.0.1/", "types": []}
    refused = desk.post(page("endpoint_add"), inside)
    assert "begins with https" in refused.content.decode()

    given_up = Delivery.objects.create(
        endpoint=endpoint, position=1, strategy=by_code.pk, type="x", state="given up"
    )
    action = {"action": "send_again", "_selected_action": [given_up.pk]}
    desk.post(page("delivery_changelist"), action)
    given_up.refresh_from_db()
    assert given_up.state == "waiting"

    switch = {"_selected_action": [endpoint.pk]}
    desk.post(page("endpoint_changelist"), {"action": "switch_off", **switch})
    endpoint.refresh_from_db()
    assert not endpoint.active
    old = endpoint.secret
    desk.post(page("endpoint_changelist"), {"action": "new_secret", **switch})
    endpoint.refresh_from_db()
    assert (endpoint.old_secret, endpoint.secret != old) == (old, True)
    desk.post(page("endpoint_changelist"), {"action": "forget", **switch})
    assert not Endpoint.objects.exists()
