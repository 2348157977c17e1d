"""Who comes between two refreshes gets offers at once, from what is left."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import access, clock, events, privacy, projections, store
from analytics.models import Assignment, Customer, StoredEvent
from catalog.models import Product
from ml import scoring, training
from ml.models import TrainingRun
from promotions import approval, arrivals, decided, offers, plans, targeting
from promotions.models import Allocation, Offer, Place, Sheet, Strategy
from tests.conftest import Counted, Give, Make, experienced
from tests.ml.conftest import Sent, Shop, models_dir, one_learner, order, sent, shop
from tests.promotions.test_concurrency import at_once

__all__ = ["models_dir", "one_learner", "sent", "shop"]

PLENTY = Decimal(10_000)
MENU = {f"{n}%": {"kind": "percentage", "rate": f"0.{n:02}"} for n in (5, 10)}


@pytest.fixture
def opened(one_learner: None, shop: Shop, models_dir: Path) -> None:
    """A shop that has learnt, and knows of 60 customers."""
    shop(signal=True)
    run = TrainingRun.objects.create(requested_by="olga")
    training.train(run=run, at=timezone.now(), report=lambda *_: None)
    scoring.score(at=timezone.now())
    experienced(lift=0.8, low=0.5, high=1.1, depth=0.1)


@pytest.fixture
def strategy(opened: None, live: Make) -> Strategy:
    """A live strategy, and a refresh that has planned for all whom the scores know."""
    return planned(live)


def planned(live: Make, **more: Any) -> Strategy:
    fields = {"scope": ["tea"], "menu": MENU, "budget": PLENTY, "holdout": 0.2}
    made = live(**(fields | more))
    targeting.refresh(at=timezone.now())
    return made


def comes(name: str) -> Customer:
    return Customer.objects.create(external_id=name)


def read(name: str) -> list[dict[str, Any]]:
    body = arrivals.sheet(name, currency="USD", at=clock.now())
    return list(json.loads(body)["offers"])


def of(*people: Customer) -> list[events.OfferAssigned]:
    keys = {one.key for one in people}
    rows = store.read(until=store.high_water(), types=["offer_assigned"])
    told = [row.event for row in rows if row.customer in keys]
    return [one for one in told if isinstance(one, events.OfferAssigned)]


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


def test_a_refresh_counts_what_arrivals_took(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    people = [comes(f"new {n}") for n in range(10)]
    for one in people:
        read(one.name)
    row = Allocation.objects.order_by("-id")[0]
    taken = row.slack[name] - row.left[name]
    assert taken > 0

    targeting.refresh(at=timezone.now())

    newest = Allocation.objects.order_by("-id")[0]
    assert newest.slack[name] == pytest.approx(row.left[name])
    assert newest.left == newest.slack
    Offer.objects.filter(customer=people[0].key).update(redeemed_at=timezone.now())
    targeting.refresh(at=timezone.now())
    newest = Allocation.objects.order_by("-id")[0]
    assert newest.slack[name] == pytest.approx(row.left[name] + taken / 10, rel=1e-9)


def test_nobody_gets_more_than_is_left(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    Allocation.objects.update(left=row.left | {name: 3.5 * each})

    chosen = [one_more(n) for n in range(1, 9)]

    assert chosen == [True] * 3 + [False] * 5
    assert 0 <= Allocation.objects.order_by("-id")[0].left[name] < each


def one_more(number: int) -> bool:
    person = comes(f"newcomer {number}")
    read(person.name)
    return bool(of(person))


def test_prices_of_the_refresh_decide(opened: None, live: Make) -> None:
    strategy = planned(live, holdout=0)
    prices = Allocation.objects.order_by("-id")[0].prices

    assert one_more(0)
    Allocation.objects.update(prices=prices | {f"budget {strategy.id}": 100.0})
    assert not one_more(1)


def test_a_campaigns_cap_and_the_contact_rule_hold_for_newcomers(
    opened: None, live: Make, settings: Any
) -> None:
    tea = planned(live)
    tea.campaign.strategies.model.objects.filter(id=tea.id).update(state="ended")
    two = [live(scope=[s], menu=MENU, budget=PLENTY) for s in ("tea", "wine")]
    targeting.refresh(at=timezone.now())
    both = comes("both")
    read("both")
    assert {one.strategy for one in of(both)} == {one.id for one in two}
    settings.OFFERS_IN_28_DAYS = 1

    person = comes("one")
    read("one")

    assert len(of(person)) == 1


def test_gifts_go_as_far_as_they_reach(opened: None, live: Make, shelf: None) -> None:
    Product.objects.filter(sku="mug").update(stock=9)
    gift = live("gift", scope=["tea"], budget=PLENTY, holdout=0)
    targeting.refresh(at=timezone.now())
    row = Allocation.objects.order_by("-id")[0]
    assert "stock mug" in row.left

    Allocation.objects.update(left=row.left | {"stock mug": 0.0})
    assert not one_more(0)
    Allocation.objects.update(left=row.left | {"stock mug": 1.0})
    assert one_more(1)
    assert Place.objects.filter(strategy=gift).exists()
    assert Allocation.objects.order_by("-id")[0].left["stock mug"] < 1


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


def test_what_stops_half_way_leaves_nothing(
    strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = comes("new")
    before = Allocation.objects.get().left

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store, "append_new", dies)
        with pytest.raises(KeyboardInterrupt):
            read("new")

    assert not Offer.objects.filter(customer=person.key).exists()
    assert not Place.objects.filter(customer=person.key).exists()
    assert not Sheet.objects.filter(customer=person.key).exists()
    assert Allocation.objects.get().left == before
    read("new")
    assert len(of(person)) == 1


def test_a_limit_that_drains_asks_for_a_refresh_once_for_each_twentieth(
    opened: None,
    live: Make,
    sent: Sent,
    django_capture_on_commit_callbacks: Any,
) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    full = {name: 40 * each}
    Allocation.objects.update(left=row.left | full, slack=row.slack | full)

    with django_capture_on_commit_callbacks() as asked:
        for n in range(1, 8):
            one_more(n)

    assert len(asked) == 3


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


@pytest.mark.django_db(transaction=True)
def test_sixteen_readings_at_once_decide_once(
    transactional_db: None, strategy: Strategy
) -> None:
    people = [comes(f"new {n}") for n in range(4)]
    asked = [one for one in people for _ in range(16)]

    def reading(name: str) -> Callable[[], Any]:
        return lambda: read(name)

    told = at_once([reading(one.name) for one in asked], connections=16)

    assert len(of(*people)) == 4
    by_name: dict[str, set[str]] = {}
    for one, shown in zip(asked, told, strict=True):
        by_name.setdefault(one.name, set()).add(json.dumps(shown))
    assert all(len(answers) == 1 for answers in by_name.values())
    made = Offer.objects.filter(customer__in=[one.key for one in people])
    assert made.count() == sum(one.arm == "treatment" for one in of(*people))


@pytest.mark.django_db(transaction=True)
def test_many_at_once_share_the_last_of_a_budget(
    transactional_db: None, opened: None, live: Make
) -> None:
    strategy = planned(live, holdout=0)
    name = f"budget {strategy.id}"
    one_more(0)
    row = Allocation.objects.order_by("-id")[0]
    each = row.slack[name] - row.left[name]
    Allocation.objects.update(left=row.left | {name: 5.5 * each})
    people = [comes(f"new {n}") for n in range(24)]

    def reading(name: str) -> Callable[[], Any]:
        return lambda: read(name)

    at_once([reading(one.name) for one in people], connections=12)

    assert len(of(*people)) == 5
    assert Allocation.objects.order_by("-id")[0].left[name] >= 0


@pytest.mark.django_db(transaction=True)
def test_while_a_refresh_runs_reading_does_not_wait(
    transactional_db: None, strategy: Strategy
) -> None:
    person = comes("new")

    def lock(how: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {how}(%s)", [targeting.TARGETING_LOCK])

    lock("pg_advisory_lock")
    try:
        assert at_once([lambda: read("new")]) == [[]]
        assert of(person) == []
    finally:
        lock("pg_advisory_unlock")
    read("new")
    assert len(of(person)) == 1


def test_without_a_refresh_there_is_nothing_to_decide_by(
    opened: None, live: Make
) -> None:
    live(scope=["tea"], menu=MENU, budget=PLENTY)
    person = comes("new")

    assert read("new") == []
    assert of(person) == []
    assert offers.sheet("new", currency="USD", at=timezone.now() + timedelta(1))
