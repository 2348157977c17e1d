"""Signs of fraud raise alerts, and ordinary shopping raises none."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from analytics import alerts, events, links
from analytics.alerts import Alert
from analytics.models import Customer
from promotions import fraud, tasks
from tests.conftest import Make
from tests.promotions.reserving import AUTOMATIC, redeem, roll_back

pytestmark = pytest.mark.usefixtures("shelf")


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    cache.delete("fraud")
    yield
    cache.delete("fraud")


def told() -> list[Alert]:
    """Look, and return what operators are then told of fraud."""
    tasks.look_for_fraud()
    ours = ("refund_and_reuse", "limit_under_many_ids")
    return [alert for alert in alerts.current(timezone.now()) if alert.code in ours]


def buy_and_return(api: APIClient, times: int, customer: str) -> None:
    for _ in range(times):
        [sold] = redeem(api, customer=customer).json()["redemptions"]
        roll_back(api, sold)


def test_who_takes_back_and_reuses_again_and_again_is_told(
    api: APIClient, live: Make, ana: Customer, ben: Customer, olga: object
) -> None:
    live(**AUTOMATIC)
    buy_and_return(api, fraud.REUSES, "ana")
    buy_and_return(api, fraud.REUSES - 1, "ben")
    assert told() == []
    redeem(api, customer="ana")
    redeem(api, customer="ben")

    [alert] = told()

    assert alert.code == "refund_and_reuse"
    assert str(ana.key) in alert.text
    assert "ana" not in alert.text.replace(str(ana.key), "")
    client = Client()
    client.force_login(olga)  # type: ignore[arg-type]
    assert str(ana.key) in client.get("/admin/").content.decode()


def test_reuse_by_another_id_of_the_same_person_counts(
    api: APIClient, live: Make, ana: Customer
) -> None:
    other = Customer.objects.create(external_id="ana-2")
    linked = events.CustomerAliased(previous=other.key)
    links.apply([(ana.key, linked, timezone.now())])
    live(**AUTOMATIC)
    for name in ("ana", "ana-2", "ana"):
        buy_and_return(api, 1, name)
    redeem(api, customer="ana-2")

    assert [alert.code for alert in told()] == ["refund_and_reuse"]


def test_a_single_use_under_several_ids_of_one_person_is_told(
    api: APIClient, live: Make, ana: Customer, ben: Customer
) -> None:
    other = Customer.objects.create(external_id="ana-2")
    live(rule={"limits": [{"most": "1", "per": "customer"}]}, **AUTOMATIC)
    for name in ("ana", "ana-2", "ben"):
        assert redeem(api, customer=name).json()["discount"] == "2.00"
    assert told() == []

    linked = events.CustomerAliased(previous=other.key)
    links.apply([(ana.key, linked, timezone.now())])

    [alert] = told()
    assert alert.code == "limit_under_many_ids"
    assert str(ana.key) in alert.text


def test_two_ids_within_the_limit_are_no_sign(
    api: APIClient, live: Make, ana: Customer
) -> None:
    other = Customer.objects.create(external_id="ana-2")
    live(rule={"limits": [{"most": "2", "per": "customer"}]}, **AUTOMATIC)
    for name in ("ana", "ana-2"):
        redeem(api, customer=name)
    linked = events.CustomerAliased(previous=other.key)
    links.apply([(ana.key, linked, timezone.now())])

    assert told() == []


def test_another_module_may_add_its_sign(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    guessed = Alert(code="codes_guessed", about="x", text="x", table="x")
    monkeypatch.setattr(fraud, "SIGNS", [lambda at: [guessed]])

    tasks.look_for_fraud()

    assert guessed in alerts.current(timezone.now())
