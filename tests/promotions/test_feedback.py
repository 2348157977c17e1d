"""What customers say of their offers is kept, logged and shown to operators."""

from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, events, privacy, projections, store
from analytics.models import Customer, StoredEvent
from promotions import approval, feedback
from promotions.models import Feedback, Offer
from tests.conftest import Give, Make
from tests.promotions.scoring import scored
from tests.promotions.words import RICH, lapse, refresh, say, shown, told

__all__ = ["scored"]

NEVER = UUID(int=0)


@pytest.mark.parametrize("word", ["useful", "not_for_me", "too_many"])
def test_a_word_is_kept_and_logged(
    api: APIClient, live: Make, give: Give, ana: Customer, word: str
) -> None:
    strategy = live()
    offer = give(strategy, ana)

    answer = say(api, offer.id, word)

    assert answer.status_code == 200
    assert answer.json() == {"offer": str(offer.id), "feedback": word}
    row = Feedback.objects.get()
    assert (row.customer, row.strategy, row.word) == (ana.key, strategy.id, word)
    (event,) = told()
    assert (event.strategy, event.offer, event.feedback) == (
        strategy.id,
        offer.id,
        word,
    )
    assert StoredEvent.objects.get(type="offer_feedback").customer == ana.key


def test_a_browser_s_key_may_send_it_and_one_without_the_scope_may_not(
    live: Make, give: Give, ana: Customer
) -> None:
    offer, browser = give(live(), ana), APIClient()
    key = access.create_key("page", ["offers"], publishable=True)
    other = access.create_key("till", ["carts", "events", "strategies"])

    assert say(browser, offer.id, "useful").status_code == 401
    browser.credentials(HTTP_AUTHORIZATION=f"Bearer {other}")
    assert say(browser, offer.id, "useful").json()["code"] == "scope_missing"
    browser.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    answer = say(browser, offer.id, "useful")

    assert answer.status_code == 200
    assert len(told()) == 1
    path = f"/api/v1/offers/{offer.id}/feedback"
    asked = {
        "Origin": "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    allowed = APIClient().options(path, headers=asked)
    assert allowed["Access-Control-Allow-Origin"] == "https://shop.example"


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{}", '"useful"', "{", '{"feedback": null}', '{"feedback": 1}'),
        *('{"feedback": "USEFUL"}', '{"feedback": ["useful"]}', '{"feedback": ""}'),
        '{"feedback": "useful", "customer": "ben"}',
    ],
)
def test_bodies_are_strict(
    api: APIClient, live: Make, give: Give, ana: Customer, body: str
) -> None:
    path = f"/api/v1/offers/{give(live(), ana).id}/feedback"

    answer = api.post(path, body, content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
    assert answer["Content-Type"] == "application/problem+json"
    assert not Feedback.objects.exists()
    assert not told()


def test_what_is_no_offer_is_not_found(api: APIClient, live: Make) -> None:
    for id_ in (uuid4(), live().id, NEVER):
        answer = say(api, id_, "useful")
        assert (answer.status_code, answer.json()["code"]) == (404, "offer_unknown")

    assert api.post("/api/v1/offers/x/feedback").status_code == 404
    assert not told()


def test_an_offer_that_is_no_more_can_still_be_spoken_of(
    api: APIClient, scored: list[Customer], live: Make
) -> None:
    strategy = live(**RICH)
    refresh()
    offer = Offer.objects.first()
    assert offer is not None
    approval.end(strategy.id, by="olga", comment="Enough.", at=timezone.now())
    while projections.catch_up():
        pass
    assert not Offer.objects.exists()

    assert say(api, offer.id, "too_many").status_code == 200
    assert Feedback.objects.get().customer == offer.customer


def test_who_is_held_out_has_no_offer_to_speak_of(
    api: APIClient, scored: list[Customer], live: Make
) -> None:
    live(budget=Decimal(10_000), holdout=0.3)
    refresh()
    while projections.catch_up():
        pass

    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    kept = [r.event for r in rows if getattr(r.event, "arm", "") != "treatment"]

    assert {one.arm for one in kept} == {"holdout", "held_out"}  # type: ignore[attr-defined]
    for one in kept[:20]:
        assert say(api, one.offer, "not_for_me").status_code == 404  # type: ignore[attr-defined]
    assert not told()


def test_the_same_word_again_is_no_news_until_it_has_lapsed(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    first = say(api, offer.id, "too_many").json()
    since = Feedback.objects.get().said_at

    again = say(api, offer.id, "too_many")

    assert (again.status_code, again.json()) == (200, first)
    assert Feedback.objects.get().said_at == since
    assert len(told()) == 1
    lapse()
    say(api, offer.id, "too_many")
    assert Feedback.objects.get().said_at > since
    assert len(told()) == 2


def test_the_last_word_counts(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    offer = give(strategy, ana)

    for word in ("useful", "not_for_me", "too_many", "useful"):
        say(api, offer.id, word)

    assert [event.feedback for event in told()][-1] == "useful"
    assert Feedback.objects.get().word == "useful"
    assert shown(api) == [str(strategy.id)]


def test_the_log_tells_the_same_words(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    some = [give(live(), who) for who in (ana, ben) for _ in range(2)]
    for number, word in enumerate(["useful", "too_many", "not_for_me"] * 5):
        say(api, some[number % 4].id, word)

    last = {}
    for stored in store.read(until=store.high_water(), types=["offer_feedback"]):
        assert isinstance(stored.event, events.OfferFeedback)
        word = stored.event.feedback
        last[stored.customer, stored.event.strategy] = word, stored.occurred_at

    rows = Feedback.objects.values_list("customer", "strategy", "word", "said_at")
    assert {(who, what): (word, at) for who, what, word, at in rows} == last
    assert len(last) == 4


def test_who_was_erased_has_said_nothing_and_can_say_nothing_more(
    api: APIClient, live: Make, give: Give
) -> None:
    cleo = Customer.objects.create(external_id="cleo")
    strategy = live()
    offer = give(strategy, cleo)
    say(api, offer.id, "not_for_me")
    held = api.get("/api/v1/customers/cleo").json()["held"]
    assert [one["word"] for one in held["promotions.feedback"]] == ["not_for_me"]

    privacy.erase("cleo", by="shop", at=timezone.now())

    assert not Feedback.objects.exists()
    assert say(api, offer.id, "useful").status_code == 404
    assert StoredEvent.objects.get(type="offer_feedback").customer is None
    assert feedback.counts(strategy.id) == {
        "useful": 0,
        "not_for_me": 0,
        "too_many": 0,
    }


def test_the_database_knows_three_words_and_one_for_each_strategy(
    live: Make, ana: Customer
) -> None:
    row = {"customer": ana.key, "strategy": live().id, "said_at": timezone.now()}
    Feedback.objects.create(**row, word="useful")

    with pytest.raises(IntegrityError, match="feedback_last_word"):
        Feedback.objects.create(**row, word="too_many")


def test_the_database_refuses_another_word(live: Make, ana: Customer) -> None:
    row = {"customer": ana.key, "strategy": live().id, "said_at": timezone.now()}

    with pytest.raises(IntegrityError, match="feedback_word"):
        Feedback.objects.create(**row, word="meh")


def test_operators_see_how_many_said_what(
    api: APIClient,
    live: Make,
    give: Give,
    client: Client,
    olga: User,
) -> None:
    strategy, other = live(), live()
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_change", args=[strategy.id])
    assert "What customers say" not in client.get(page).content.decode()

    for number, word in enumerate(["useful", "too_many", "too_many", "not_for_me"]):
        who = Customer.objects.create(external_id=f"c{number}")
        say(api, give(strategy, who).id, word)
        say(api, give(other, who).id, "useful")

    assert feedback.counts(strategy.id) == {
        "useful": 1,
        "not_for_me": 1,
        "too_many": 2,
    }
    said = client.get(page).content.decode()
    assert "too many offers: <b>2</b>" in said
    assert "not for me: <b>1</b>" in said
