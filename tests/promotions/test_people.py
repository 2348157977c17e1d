"""Consent and log-in as targeting, checkout and measurement see them."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import events, identity, links, store
from analytics.models import Customer, StoredEvent
from ml import lines, scores
from ml.models import Score, TrainedModel
from promotions import measurement, targeting
from promotions.models import Offer, Redemption
from tests.conftest import Give, Make, experienced

TEA = Decimal(30)


@pytest.fixture
def visitors(trained: TrainedModel) -> list[Customer]:
    """40 visitors and as many customers, all scored alike."""
    people = Customer.objects.bulk_create(
        [
            *(Customer(anonymous_id=f"v{n}") for n in range(40)),
            *(Customer(external_id=f"c{n}") for n in range(40)),
        ]
    )
    Score.objects.bulk_create(
        Score(customer=p.key, category="TEA", probability=0.1, spend=TEA, model=trained)
        for p in people
    )
    experienced()
    return people


def login(number: int) -> None:
    visitor = Customer.objects.get(anonymous_id=f"v{number}")
    customer = Customer.objects.get(external_id=f"c{number}")
    at = timezone.now()
    event = events.CustomerIdentified(anonymous=visitor.key)
    links.apply([(customer.key, event, at)])
    store.append([event], at=at, customer=customer.key)


def say(customer: Customer, *, personalised: bool) -> None:
    event = events.ConsentChanged(personalised=personalised)
    links.apply([(customer.key, event, timezone.now())])


def offered(api: APIClient, name: str) -> list[Any]:
    answer = api.get(f"/api/v1/customers/{name}/offers")
    assert answer.status_code == 200
    return list(answer.json()["offers"])


def test_nobodys_arm_changes_by_logging_in(
    visitors: list[Customer], live: Make, api: APIClient
) -> None:
    strategy = live(holdout=0.4, budget=Decimal(10_000))
    Score.objects.filter(
        customer__in=Customer.objects.filter(anonymous_id=None).values("key")
    ).update(probability=0.999)  # only visitors are worth an offer yet
    targeting.refresh(at=timezone.now())
    before = {f"v{n}": offered(api, f"v{n}") for n in range(40)}
    assert 5 < sum(map(bool, before.values())) < 38

    for number in range(40):
        login(number)
    at_once = {f"v{n}": offered(api, f"c{n}") for n in range(40)}
    Score.objects.update(probability=0.1)
    targeting.refresh(at=timezone.now())
    after = {f"v{n}": offered(api, f"c{n}") for n in range(40)}

    for found in (at_once, after):
        assert {name: [o["id"] for o in os] for name, os in found.items()} == {
            name: [o["id"] for o in os] for name, os in before.items()
        }
    told = StoredEvent.objects.filter(type="offer_assigned").count()
    assert told == 40
    assert measurement.refresh(until=timezone.now())[strategy.id].treatment == sum(
        map(bool, before.values())
    )


def test_a_visitors_id_does_not_tell_the_customers(
    visitors: list[Customer], live: Make, api: APIClient
) -> None:
    live(holdout=0.0, budget=Decimal(10_000))
    login(1)
    targeting.refresh(at=timezone.now())

    answer = api.get("/api/v1/customers/v1/offers").json()

    assert answer["customer"] == "v1"
    assert answer["offers"] == offered(api, "c1")


def test_a_visitors_offer_is_the_customers_at_checkout(
    visitors: list[Customer], live: Make, shelf: None, give: Give, api: APIClient
) -> None:
    visitor = Customer.objects.get(anonymous_id="v1")
    offer = give(live(), visitor)
    login(1)
    order = {
        "customer": "c1",
        "order_id": "o-1",
        "currency": "USD",
        "lines": [{"sku": "tea", "quantity": 1}],
        "offers": [str(offer.id)],
    }

    answer = api.post(
        "/api/v1/redemptions", order, format="json", headers={"Idempotency-Key": "k"}
    )

    assert answer.status_code == 201, answer.content
    customer = Customer.objects.get(external_id="c1")
    assert Redemption.objects.get().customer == customer.key


def test_without_consent_there_is_no_personal_offer_at_once_and_later(
    visitors: list[Customer], live: Make, api: APIClient
) -> None:
    live(holdout=0.0, budget=Decimal(10_000))
    targeting.refresh(at=timezone.now())
    assert offered(api, "c1")
    customer = Customer.objects.get(external_id="c1")

    say(customer, personalised=False)

    assert offered(api, "c1") == []
    cart = {"customer": "c1", "lines": [{"sku": "tea", "quantity": 1}]}
    priced = api.post("/api/v1/qualifications", cart, format="json").json()
    assert priced["effects"] == priced["not_applied"] == []
    assert customer.key not in scores.matrix().customers
    targeting.refresh(at=timezone.now())
    assert offered(api, "c1") == []
    assert offered(api, "c2")

    say(customer, personalised=True)
    assert offered(api, "c1")


def test_where_consent_is_required_silence_is_none(
    visitors: list[Customer], live: Make, api: APIClient, settings: Any
) -> None:
    settings.CONSENT_REQUIRED = True
    live(holdout=0.0, budget=Decimal(10_000))
    say(Customer.objects.get(external_id="c2"), personalised=True)

    targeting.refresh(at=timezone.now())

    assert offered(api, "c1") == []
    assert offered(api, "c2")
    assert [o.customer for o in Offer.objects.all()] == [identity.find("c2")]


@pytest.mark.django_db
def test_features_are_of_persons_with_consent_and_no_bots() -> None:
    ana = Customer.objects.create(external_id="ana")
    visitor = Customer.objects.create(anonymous_id="v", person=ana.key)
    cleo = Customer.objects.create(external_id="cleo", consent=False)
    order = events.OrderCompleted(
        order_id="o",
        currency="USD",
        lines=(events.OrderLine(sku="tea", category="TEA", paid=Decimal(5)),),
    )
    at = timezone.now()
    store.append_new(
        [
            store.Fact(event=order, at=at, customer=visitor.key),
            store.Fact(event=order, at=at, customer=cleo.key),
            store.Fact(event=order, at=at, customer=ana.key, bot=True),
        ]
    )

    history = lines.read(until=timezone.now())

    assert history["customer"].to_list() == [str(ana.key)]
    mine = lines.read(until=timezone.now(), customers=identity.keys(ana.key))
    assert mine.equals(history)


def test_an_erased_customers_redemption_stays_as_money(
    live: Make, shelf: None, give: Give, api: APIClient, ana: Customer
) -> None:
    from analytics import privacy

    strategy = live()
    offer = give(strategy, ana)
    order = {
        "customer": "ana",
        "order_id": "o-1",
        "lines": [{"sku": "tea", "quantity": 1}],
        "offers": [str(offer.id)],
    }
    api.post(
        "/api/v1/redemptions", order, format="json", headers={"Idempotency-Key": "k"}
    )
    strategy.refresh_from_db()
    spent = strategy.spent
    assert spent > 0

    privacy.erase("ana", by="olga", at=timezone.now())

    strategy.refresh_from_db()
    kept = Redemption.objects.get()
    assert (kept.customer, kept.discount) == (None, spent)
    assert kept.order_id.startswith("erased ")
    assert strategy.spent == spent
    assert not Offer.objects.exists()
