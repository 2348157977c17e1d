"""What customers say of their offers, and what is done about it."""

from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from threading import Thread
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, events, identity, privacy, projections, store
from analytics.models import Customer, StoredEvent
from promotions import approval, feedback, measurement, targeting
from promotions.models import Feedback, Offer, Sheet, Strategy
from tests.conftest import Give, Make
from tests.promotions.test_concurrency import at_once
from tests.promotions.test_reservations import redeem
from tests.promotions.test_targeting import scored

__all__ = ["scored"]

NEVER = UUID(int=0)
RICH = {"budget": Decimal(10_000), "holdout": 0.0}


def say(api: APIClient, offer: UUID, word: object) -> Any:
    path = f"/api/v1/offers/{offer}/feedback"
    return api.post(path, {"feedback": word}, format="json")


def shown(api: APIClient, name: str = "ana") -> list[str]:
    body = api.get(f"/api/v1/customers/{name}/offers").json()
    return [one["strategy"] for one in body["offers"]]


def told() -> list[events.OfferFeedback]:
    rows = store.read(until=store.high_water(), types=["offer_feedback"])
    made = [stored.event for stored in rows]
    return [event for event in made if isinstance(event, events.OfferFeedback)]


def refresh(days: float = 0) -> None:
    targeting.refresh(at=timezone.now() + timedelta(days=days))


def assigned() -> set[tuple[UUID | None, UUID, str]]:
    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    made = [(stored.customer, stored.event) for stored in rows]
    return {
        (who, event.strategy, event.arm)
        for who, event in made
        if isinstance(event, events.OfferAssigned)
    }


def lapse() -> None:
    Feedback.objects.update(said_at=timezone.now() - feedback.LASTS)


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


def test_what_is_not_for_somebody_is_gone_at_once_and_good_in_a_cart_all_the_same(
    api: APIClient, scored: list[Customer], live: Make, shelf: None
) -> None:
    strategy = live(**RICH)
    refresh()
    offer = Offer.objects.order_by("id")[0]
    name = Customer.objects.get(key=offer.customer).external_id or ""
    assert Sheet.objects.filter(customer=offer.customer).exists()
    assert shown(api, name) == [str(strategy.id)]

    say(api, offer.id, "not_for_me")

    assert shown(api, name) == []
    refresh()
    assert shown(api, name) == []
    sheet = Sheet.objects.get(customer=offer.customer)
    assert '"offers":[]' in sheet.body
    tea = [{"sku": "tea", "quantity": 1}]
    order = redeem(api, customer=name, lines=tea)
    assert [one["offer"] for one in order.json()["effects"]] == [str(offer.id)]


def test_another_customer_s_word_changes_nothing_for_anybody_else(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    strategy = live()
    mine = give(strategy, ana)
    give(strategy, ben)

    for word in ("too_many", "not_for_me"):
        say(api, mine.id, word)

    assert shown(api, "ana") == []
    assert shown(api, "ben") == [str(strategy.id)]
    assert set(Feedback.objects.values_list("customer", flat=True)) == {ana.key}


def test_all_of_the_scope_is_hidden_and_no_other(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    tea, both, milk, all_ = (
        live(scope=scope) for scope in (["TEA"], ["MILK", "TEA"], ["MILK"], [])
    )
    refused, *_ = [give(one, ana) for one in (tea, both, milk, all_)]

    say(api, refused.id, "not_for_me")

    assert set(shown(api)) == {str(milk.id), str(all_.id)}
    say(api, refused.id, "useful")
    assert len(shown(api)) == 4


def test_a_word_on_the_very_strategy_goes_before_one_on_its_scope(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    one, two, three = (live() for _ in range(3))
    liked, refused, _ = [give(strategy, ana) for strategy in (one, two, three)]

    say(api, liked.id, "useful")
    say(api, refused.id, "not_for_me")
    assert shown(api) == [str(one.id)]

    say(api, refused.id, "too_many")
    say(api, refused.id, "not_for_me")
    say(api, liked.id, "not_for_me")
    say(api, liked.id, "useful")
    assert set(shown(api)) == {str(one.id), str(three.id)}


def test_after_eight_weeks_a_word_counts_no_more(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    say(api, give(strategy, ana).id, "not_for_me")
    almost = timezone.now() - feedback.LASTS + timedelta(minutes=1)
    Feedback.objects.update(said_at=almost)
    assert shown(api) == []

    lapse()

    assert shown(api) == [str(strategy.id)]


def test_of_too_many_the_most_promising_one_is_shown(
    api: APIClient, live: Make, give: Give, ana: Customer, ben: Customer
) -> None:
    some = [live() for _ in range(3)]
    given = [give(one, ana, expected=n) for n, one in enumerate(some, start=1)]
    for one in some:
        give(one, ben)

    say(api, given[0].id, "too_many")

    assert shown(api) == [str(some[2].id)]
    assert len(shown(api, "ben")) == 3
    lapse()
    assert len(shown(api)) == 3


@pytest.mark.parametrize(("rival", "first"), [(1.05, "liked"), (1.2, "rival")])
def test_what_is_useful_ranks_before_what_promises_as_much_not_before_better(
    api: APIClient,
    live: Make,
    give: Give,
    ana: Customer,
    rival: float,
    first: str,
) -> None:
    liked, other = live(), live(scope=["MILK"])
    offer = give(liked, ana, expected=1.0)
    give(other, ana, expected=rival)
    assert shown(api)[0] == str(other.id)

    say(api, offer.id, "useful")

    assert shown(api)[0] == str(liked.id if first == "liked" else other.id)
    assert len(shown(api)) == 2


def new_and_old(live: Make, word: str, api: APIClient) -> tuple[Strategy, set[UUID]]:
    """Half of who has a tea offer says a word; then a strategy on tea goes live."""
    live(**RICH)
    refresh()
    some = list(Offer.objects.order_by("id")[:100])
    for offer in some:
        say(api, offer.id, word)
    later = live(**RICH)
    refresh()
    return later, {offer.customer for offer in some}


def test_who_refused_is_drawn_like_anybody_and_gets_no_new_offer(
    api: APIClient, scored: list[Customer], live: Make
) -> None:
    later, refusers = new_and_old(live, "not_for_me", api)

    got = set(Offer.objects.filter(strategy=later).values_list("customer", flat=True))
    drawn = {who: arm for who, what, arm in assigned() if what == later.id}
    assert drawn.keys() == {one.key for one in scored}
    assert got == {who for who, arm in drawn.items() if arm == "treatment"} - refusers
    assert {drawn[who] for who in refusers} == {"treatment"}

    lapse()
    refresh()
    assert refusers <= set(
        Offer.objects.filter(strategy=later).values_list("customer", flat=True)
    )


@pytest.mark.parametrize("word", ["not_for_me", "too_many", "useful"])
def test_words_change_no_audience_and_no_arm(
    api: APIClient, scored: list[Customer], live: Make, word: str
) -> None:
    """Else it would not be that of who is held out, and so can say nothing."""
    later, speakers = new_and_old(live, word, api)
    drawn = {one for one in assigned() if one[1] == later.id}

    Feedback.objects.all().delete()
    refresh()

    assert {one for one in assigned() if one[1] == later.id} == drawn
    assert speakers < {who for who, _, _ in drawn} == {one.key for one in scored}


def test_a_refused_offer_is_not_renewed_and_goes_on_counting_as_treated(
    api: APIClient, scored: list[Customer], live: Make
) -> None:
    strategy = live(**RICH)
    refresh()
    offer = Offer.objects.order_by("id")[0]
    until = offer.expires_at
    say(api, offer.id, "not_for_me")

    refresh(days=15)

    offer.refresh_from_db()
    assert offer.expires_at == until
    others = Offer.objects.exclude(id=offer.id)
    assert min(others.values_list("expires_at", flat=True)) > until
    soon = timezone.now() + timedelta(minutes=1)
    measured = measurement.refresh(until=soon)[strategy.id]
    assert measured.treatment == Offer.objects.count()


def test_who_has_too_many_is_made_no_second_offer_while_one_lasts(
    api: APIClient, scored: list[Customer], live: Make
) -> None:
    live(**RICH, menu={"30%": {"kind": "percentage", "rate": "0.30"}})
    refresh()
    loud, quiet = Offer.objects.order_by("id")[:2]
    say(api, loud.id, "too_many")
    better = live(**RICH)

    refresh()

    mine = Offer.objects.filter(customer=loud.customer)
    assert [one.id for one in mine] == [loud.id]
    assert Offer.objects.filter(customer=quiet.customer).count() == 2
    assert (loud.customer, better.id, "treatment") in assigned()
    mine.update(expires_at=timezone.now())
    refresh()
    assert mine.filter(expires_at__gt=timezone.now()).count() == 1


def test_what_would_not_be_shown_is_not_named_as_withheld_either(
    api: APIClient, scored: list[Customer], live: Make, settings: Any
) -> None:
    """Both arms count from the moment at which an offer is, or would be, shown."""
    settings.HELD_OUT = 0.0
    shown_, kept = live(**RICH), live(budget=Decimal(10_000), holdout=0.5)
    refresh()
    while projections.catch_up():
        pass
    held = [who for who, *of in assigned() if who and of == [kept.id, "holdout"]]
    offer = Offer.objects.get(strategy=shown_, customer=held[0])
    name = Customer.objects.get(key=held[0]).external_id
    path = f"/api/v1/customers/{name}/offers?withheld=true"

    def named() -> list[str]:
        return [one["strategy"] for one in api.get(path).json()["withheld"]]

    assert named() == [str(kept.id)]
    say(api, offer.id, "too_many")
    assert named() == []
    Offer.objects.filter(id=offer.id).update(expires_at=timezone.now())
    assert named() == [str(kept.id)]
    say(api, offer.id, "not_for_me")
    assert named() == []
    say(api, offer.id, "useful")
    assert named() == [str(kept.id)]


def test_without_consent_a_word_is_kept_and_brings_no_offer_back(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    strategy = live()
    offer = give(strategy, ana)
    say(api, offer.id, "not_for_me")

    def allow(yes: bool) -> None:
        said = {"customer": "ana", "personalised": yes}
        api.post("/api/v1/consent", said, format="json")

    allow(False)
    answer = say(api, offer.id, "useful")

    assert answer.status_code == 200
    assert shown(api) == []
    allow(True)
    assert shown(api) == [str(strategy.id)]


def test_a_visitor_s_word_is_the_customer_s_that_he_turns_out_to_be(
    api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    phone = Customer.objects.create(anonymous_id="phone")
    tea, milk = live(), live(scope=["MILK"])
    offer = give(tea, phone)
    give(milk, ana)
    say(api, offer.id, "not_for_me")
    Customer.objects.filter(key=phone.key).update(person=ana.key)

    assert shown(api) == shown(api, "phone") == [str(milk.id)]
    refresh()
    assert shown(api) == [str(milk.id)]
    assert identity.persons() == {phone.key: ana.key}


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


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_he_speaks_leaves_no_word(
    transactional_db: None, live: Make, give: Give
) -> None:
    strategy = live()
    for number in range(8):
        cleo = Customer.objects.create(external_id=f"cleo-{number}")
        offer = give(strategy, cleo)

        def speak(offer: Offer = offer) -> None:
            for word in ("useful", "not_for_me", "too_many") * 3:
                try:
                    feedback.say(offer.id, word, at=timezone.now())
                except feedback.NoOffer:
                    break
            connection.close()

        threads = [Thread(target=speak) for _ in range(3)]
        for one in threads:
            one.start()
        privacy.erase(cleo.external_id or "", by="shop", at=timezone.now())
        for one in threads:
            one.join()

    assert not Feedback.objects.exists()
    rows = StoredEvent.objects.filter(type="offer_feedback")
    assert set(rows.values_list("customer", flat=True)) <= {None}


@pytest.mark.django_db(transaction=True)
def test_of_words_at_once_the_last_in_the_log_is_the_one_that_counts(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)
    words = ["useful", "not_for_me", "too_many"] * 20

    answers = at_once([partial(say, api, offer.id, word) for word in words], 16)

    assert {answer.status_code for answer in answers} == {200}
    said = [event.feedback for event in told()]
    assert Feedback.objects.get().word == said[-1]
    assert all(one != other for one, other in pairwise(said))


@pytest.mark.django_db(transaction=True)
def test_one_word_many_times_at_once_is_one_event(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    offer = give(live(), ana)

    answers = at_once([partial(say, api, offer.id, "useful")] * 40, 16)

    assert {answer.status_code for answer in answers} == {200}
    assert len(told()) == Feedback.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_strategy_can_end_while_its_customers_speak(
    transactional_db: None, api: APIClient, live: Make, give: Give, ana: Customer
) -> None:
    for _ in range(6):
        strategy = live()
        offer = give(strategy, ana)
        words = [
            partial(say, api, offer.id, word)
            for word in ("useful", "too_many", "not_for_me") * 3
        ]
        end = partial(
            approval.end, strategy.id, by="olga", comment="So.", at=timezone.now()
        )

        answers = at_once([*words[:4], end, *words[4:]], 10)

        codes = {one.status_code for one in answers if one is not None}
        assert codes <= {200, 404}
        strategy.refresh_from_db()
        assert strategy.state == "ended"


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
