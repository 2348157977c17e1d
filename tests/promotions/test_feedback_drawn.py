"""No word changes who is drawn; offers nobody wants are not made."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, identity, projections, store
from analytics.models import Customer
from promotions import measurement
from promotions.models import Feedback, Offer, Strategy
from tests.conftest import Give, Make
from tests.promotions.scoring import scored
from tests.promotions.words import RICH, lapse, refresh, say, shown

__all__ = ["scored"]


def assigned() -> set[tuple[UUID | None, UUID, str]]:
    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    made = [(stored.customer, stored.event) for stored in rows]
    return {
        (who, event.strategy, event.arm)
        for who, event in made
        if isinstance(event, events.OfferAssigned)
    }


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
