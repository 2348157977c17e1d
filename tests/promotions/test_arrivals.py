"""Who comes between two refreshes gets offers at once, from what is left."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, privacy, projections, store
from analytics.models import Assignment, Customer, StoredEvent
from ml import scoring
from promotions import approval, decided, offers, plans, targeting
from promotions.models import Offer, Place, Sheet, Strategy
from tests.conftest import Counted, Give, Make
from tests.ml.conftest import models_dir, one_learner, order, shop
from tests.promotions.arriving import (
    MENU,
    PLENTY,
    comes,
    of,
    one_more,
    opened,
    read,
    strategy,
)

__all__ = ["models_dir", "one_learner", "opened", "shop", "strategy"]


def test_a_newcomer_is_decided_on_when_the_offers_are_first_read(
    strategy: Strategy,
) -> None:
    people = [comes(f"new {n}") for n in range(60)]

    shown = {one.key: read(one.name) for one in people}

    told = of(*people)
    assert len(told) == 60
    arms = Counter(one.arm for one in told)
    assert arms["treatment"] > arms["holdout"] > 0 < arms["held_out"]
    assert sum(map(len, shown.values())) == arms["treatment"]
    rows = Offer.objects.filter(customer__in=shown)
    assert {str(one.id) for one in rows} == {
        each["id"] for some in shown.values() for each in some
    }
    assert {one.p0 for one in told} == {told[0].p0}
    assert Place.objects.filter(customer__in=shown).count() == 60


def test_what_was_decided_can_be_made_again_from_the_log(strategy: Strategy) -> None:
    bought = comes("bought once")
    store.append_new([order(bought.key, timezone.now(), ["tea"], paid="20.00")])
    read("bought once")
    read(comes("bought nothing").name)
    while projections.catch_up():
        pass

    rows = Assignment.objects.filter(customer__in=[bought.key])

    for row in rows:
        assert row.offer is not None
        assert decided.replay(row.offer).same
    assert rows.count() == 1


def test_reading_again_is_one_look_up_that_decides_nothing(
    strategy: Strategy, statements: Counted
) -> None:
    person = comes("new")
    first = read("new")
    before = StoredEvent.objects.count()
    statements()

    again = read("new")

    assert statements() == 1
    assert again == first
    assert StoredEvent.objects.count() == before
    assert Sheet.objects.get(customer=person.key).position == 0


def test_a_first_order_ranks_anew_and_decides_nothing_twice(strategy: Strategy) -> None:
    person = comes("new")
    first = read("new")
    store.append_new([order(person.key, timezone.now(), ["tea"], paid="20.00")])

    again = read("new")

    assert [one["id"] for one in again] == [one["id"] for one in first]
    assert len(of(person)) == 1


def test_the_next_refresh_and_scoring_keep_what_was_promised(
    strategy: Strategy,
) -> None:
    people = [comes(f"new {n}") for n in range(20)]
    for one in people:
        read(one.name)
    facts = [order(one.key, timezone.now(), ["milk"]) for one in people]
    fields = ("id", "variant", "probability", "expires_at")
    mine = Offer.objects.filter(customer__in=[one.key for one in people])
    before = set(mine.values_list(*fields))
    assert before

    targeting.refresh(at=timezone.now())
    assert set(mine.values_list(*fields)) == before
    store.append_new(facts)
    scoring.score(at=timezone.now())
    targeting.refresh(at=timezone.now())

    assert set(mine.values_list(*fields)) == before
    assert len(of(*people)) == 20


def test_strangers_visitors_and_who_refuses_are_not_decided_on(
    strategy: Strategy, settings: Any
) -> None:
    Customer.objects.create(anonymous_id="visitor")
    Customer.objects.create(external_id="no", consent=False)
    before = StoredEvent.objects.count(), Sheet.objects.count()

    for name in ("nobody", "visitor", "no", "\0"):
        assert read(name) == []
    settings.CONSENT_REQUIRED = True
    comes("said nothing")
    assert read("said nothing") == []

    assert (StoredEvent.objects.count(), Sheet.objects.count()) == before


def test_whom_the_scores_know_waits_for_the_refresh(
    strategy: Strategy, live: Make
) -> None:
    shown = Sheet.objects.values("customer")
    known = Customer.objects.exclude(key__in=shown)[:3]
    live(scope=["wine"], menu=MENU, budget=PLENTY)
    before = StoredEvent.objects.filter(type="offer_assigned").count()
    assert len(known) == 3

    for one in known:
        assert read(one.name) == []

    assert StoredEvent.objects.filter(type="offer_assigned").count() == before


def test_after_a_refusal_nobody_gets_anything_new(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "GAP", -1.0)
    targeting.refresh(at=timezone.now())

    assert not one_more(0)
    assert not Sheet.objects.filter(position=0).exists()


def test_who_used_an_earlier_version_gets_no_new_one(
    strategy: Strategy, give: Give
) -> None:
    person = comes("used it")
    give(strategy, person, redeemed_at=timezone.now())

    assert read("used it") == []
    assert of(person) == []


def test_who_is_erased_is_not_decided_on_again(strategy: Strategy) -> None:
    person = comes("cleo")
    read("cleo")

    privacy.erase("cleo", by="olga", at=timezone.now())

    assert read("cleo") == []
    for table in (Offer, Place, Sheet):
        assert not table.objects.filter(customer=person.key).exists()


def test_the_door_decides_for_browsers_as_well(strategy: Strategy, olga: User) -> None:
    client = APIClient()
    key = access.create_key("shop", ["offers"])
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    people = [comes(f"new {n}") for n in range(9)]

    for one in people:
        assert client.get(f"/api/v1/customers/{one.name}/offers").status_code == 200

    assert len(of(*people)) == 9
    approval.end(strategy.id, by="olga", comment="Over.", at=timezone.now())
    for one in people:
        assert client.get(f"/api/v1/customers/{one.name}/offers").json()["offers"] == []


def test_without_a_refresh_there_is_nothing_to_decide_by(
    opened: None, live: Make
) -> None:
    live(scope=["tea"], menu=MENU, budget=PLENTY)
    person = comes("new")

    assert read("new") == []
    assert of(person) == []
    assert offers.sheet("new", currency="USD", at=timezone.now() + timedelta(1))
