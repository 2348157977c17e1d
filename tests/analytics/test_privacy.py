"""Erasure, export, and what must never come back."""

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import identity, ingestion, privacy, store, tasks, wires
from analytics.models import Customer, Erasure, Profile, Rejection, StoredEvent
from config import services
from tests.analytics.conftest import sent, together, viewed
from tests.analytics.personal import SECRETS, cleo_shops, ingest, whole_database
from tests.conftest import Give, Make


@pytest.mark.django_db
def test_erasure_leaves_no_trace_in_any_table(live: Make, give: Give) -> None:
    cleo_shops()
    cleo = Customer.objects.get(external_id="cleo-9000")
    keys = identity.keys(cleo.key)
    give(live(), cleo)
    assert all(secret in whole_database() for secret in SECRETS)

    done = privacy.erase("cleo-9000", by="shop", at=timezone.now())

    left = whole_database()
    rest = left.replace("cleo-9000-not-me", "")
    assert not [secret for secret in SECRETS if secret in rest]
    assert not [key for key in keys if str(key) in left]
    assert done.events == 4
    assert Customer.objects.get(external_id="ana")
    assert Rejection.objects.count() == 2


@pytest.mark.django_db
def test_what_happened_stays_without_the_person() -> None:
    cleo_shops()
    before = StoredEvent.objects.count()

    privacy.erase("visitor-9000", by="shop", at=timezone.now())

    types = [s.type for s in store.read(until=store.high_water())]
    assert types.count("order_completed") == 1
    assert types[-1] == "customer_erased"
    assert len(types) == before + 1
    for stored in store.read(until=store.high_water()):
        assert stored.event is not None
    paid = StoredEvent.objects.get(type="order_completed")
    assert paid.customer is None
    assert paid.data["order_id"] == "erased"
    assert paid.data["lines"][0]["paid"] == "9.00"
    assert [p.customer for p in Profile.objects.all()] == [identity.find("ana")]


@pytest.mark.django_db
def test_late_events_of_the_erased_stay_out_on_every_wire() -> None:
    cleo_shops()
    privacy.erase("cleo-9000", by="shop", at=timezone.now())
    before = StoredEvent.objects.count(), Rejection.objects.count()

    results = ingest(
        sent(customer="cleo-9000"),
        sent(customer=None, anonymous="visitor-9000"),
        sent(type="customer_aliased", data={}, customer="ana", previous="cleo-9000"),
    )
    message = {"event": "x", "userId": "cleo-9000", "anonymousId": "new"}
    read = wires.reader("track")
    raw = json.dumps(message).encode()
    results += ingestion.ingest([raw], source="t", at=timezone.now(), read=read)

    assert {result.status for result in results} == {"rejected"}
    assert results[0].reason == "The customer was erased"
    assert (StoredEvent.objects.count(), Rejection.objects.count()) == before
    # With the dash: digests of random keys hold "9000" now and then.
    assert "-9000" not in whole_database().replace("cleo-9000-not-me", "")


@pytest.mark.django_db
def test_who_was_never_seen_can_be_erased_too() -> None:
    privacy.erase("dora", by="shop", at=timezone.now())

    [result] = ingest(sent(customer="dora"))

    assert result.status == "rejected"
    assert not Customer.objects.exists()


@pytest.mark.django_db
def test_replay_after_an_erasure_equals_live() -> None:
    from analytics import projections, rebuilds

    cleo_shops()
    privacy.erase("cleo-9000", by="shop", at=timezone.now())
    tasks.catch_up()
    before = list(Profile.objects.order_by("customer").values())

    assert rebuilds.rebuild(projections.ALL) == {}

    assert list(Profile.objects.order_by("customer").values()) == before


@pytest.mark.django_db
def test_every_table_with_a_customer_is_known_and_can_be_emptied() -> None:
    named = {
        t._meta.label_lower
        for t in apps.get_models()
        if any(f.name == "customer" for f in t._meta.fields)
    }

    ours = {t._meta.label_lower for t in privacy.tables()}
    assert named == ours | {"analytics.storedevent"}
    for table in privacy.tables():
        privacy._forget_rows(table, [uuid4()])


def test_rows_are_locked_in_one_order_whatever_module_a_table_lies_in() -> None:
    """In another one erasure may deadlock with what else takes several of them."""
    ours = [t._meta.label for t in privacy.tables()]

    assert ours == [
        *("analytics.Profile", "analytics.Affinity", "analytics.Assignment"),
        *("analytics.Outcome", "catalog.Review", "ml.Score", "ml.Shortlist"),
        *("ml.CustomerProfile", "promotions.Offer", "promotions.Feedback"),
        *("promotions.Answer", "promotions.Place", "promotions.Sheet"),
        *("promotions.Code", "promotions.Denial", "promotions.Counter"),
        *("promotions.Reservation", "promotions.Redemption", "promotions.Rollback"),
        *("promotions.Conversation", "promotions.Question", "promotions.HandOver"),
        "promotions.Example",
    ]


@pytest.mark.django_db
def test_a_row_that_comes_back_is_swept() -> None:
    gone = uuid4()
    Profile.objects.create(customer=gone)
    ana = Customer.objects.create(external_id="ana")
    Profile.objects.create(customer=ana.key)

    tasks.forget_erased()

    assert [p.customer for p in Profile.objects.all()] == [ana.key]


@pytest.mark.django_db
def test_ten_thousand_events_are_erased_in_two_seconds() -> None:
    key = Customer.objects.create(external_id="cleo").key
    store.append_new([viewed(customer=key) for _ in range(10_000)])
    started = time.perf_counter()

    done = privacy.erase("cleo", by="shop", at=timezone.now())

    assert done.events == 10_000
    assert time.perf_counter() - started < 20  # measured in the bench; here: no hang


@pytest.mark.django_db(transaction=True)
def test_an_event_on_its_way_is_erased_too_or_stays_out() -> None:
    """Ingestion and erasure at the same moment, again and again."""
    for number in range(12):
        name = f"cleo-{number}"
        ingest(sent(customer=name))

        def late(name: str = name) -> None:
            for _ in range(5):
                ingest(sent(customer=name), sent(customer="ana"))

        def erase(name: str = name) -> None:
            privacy.erase(name, by="shop", at=timezone.now())

        together(late, erase, late)
        assert not Customer.objects.filter(external_id=name).exists()
    ana = identity.find("ana")
    owners = StoredEvent.objects.exclude(customer=None).values_list("customer")
    assert set(owners) == {(ana,)}


@pytest.mark.django_db
def test_all_that_is_held_can_be_exported(api: APIClient) -> None:
    cleo_shops()

    held = api.get("/api/v1/customers/cleo-9000").json()

    assert {i["customer"] or i["anonymous"] for i in held["ids"]} == {
        "cleo-9000",
        "visitor-9000",
    }
    assert [e["type"] for e in held["events"]] == [
        *("product_viewed", "customer_identified", "group_joined", "order_completed"),
    ]
    assert held["held"]["analytics.profile"][0]["orders"] in (0, 1)
    assert api.get("/api/v1/customers/nobody-here").status_code == 404


@pytest.mark.django_db
def test_erasure_and_consent_by_the_api(api: APIClient) -> None:
    cleo_shops()

    said = {"customer": "ana", "personalised": False}
    assert api.post("/api/v1/consent", said, format="json").status_code == 200
    assert Customer.objects.get(external_id="ana").consent is False
    bad = api.post("/api/v1/consent", {"personalised": True}, format="json")
    assert (bad.status_code, bad.json()["code"]) == (400, "consent_refused")

    receipt = api.delete("/api/v1/customers/cleo-9000").json()
    assert UUID(receipt["erasure"]) == Erasure.objects.get().id
    assert receipt["events"] == 4


def test_nothing_personal_is_in_the_servers_logs() -> None:
    """The embedded servers and the web process of the whole run wrote these."""
    logs = [p for p in Path(services.LOGS).rglob("*") if p.is_file()]

    for path in logs:
        assert b"cleo-9000" not in path.read_bytes(), path


@pytest.mark.django_db
def test_a_visitor_and_a_customer_of_one_name_are_two(olga: Any, client: Any) -> None:
    ingest(sent(customer="x1"), sent(customer=None, anonymous="x1"))
    visitor = Customer.objects.get(anonymous_id="x1")

    privacy.erase(visitor.key, by="olga", at=timezone.now())

    assert [c.external_id for c in Customer.objects.all()] == ["x1"]


@pytest.mark.django_db
def test_nobody_cannot_be_erased_and_an_id_may_hold_a_slash(api: APIClient) -> None:
    assert api.delete("/api/v1/customers/undefined").status_code == 404
    ingest(sent(customer="a/b"))

    assert api.get("/api/v1/customers/a%2Fb").json()["ids"][0]["customer"] == "a/b"
    assert api.get("/api/v1/customers/a%2Fb/offers").json()["customer"] == "a/b"
    assert api.delete("/api/v1/customers/a%2Fb").json()["events"] == 1


@pytest.mark.django_db
def test_only_allowed_traits_are_kept_on_our_own_wire_too(api: APIClient) -> None:
    traits = {"email": "ana@example.org", "plan": "gold"}
    event = sent(type="customer_identified", data={"traits": traits})

    api.post("/api/v1/events", {"events": [event]}, format="json")

    assert StoredEvent.objects.get().data == {"traits": {"plan": "gold"}}
