from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from growthbook import GrowthBook, feature_repo

from analytics import access
from analytics.models import StoredEvent
from promotions import approval, arms
from promotions.models import Campaign, Strategy
from tests.conftest import Make

MENU = {
    label: {"kind": "percentage", "rate": rate}
    for label, rate in (("10%", "0.10"), ("15 %", "0.15"), ("à moitié", "0.50"))
}
SHOP = "https://shop.example"


@pytest.fixture
def key(db: None) -> str:
    return access.create_key("web shop", ["offers"], publishable=True)


@pytest.fixture
def strategy(live: Make) -> Strategy:
    return live(menu=MENU, holdout=0.2, explore=0.5)


def ids(count: int) -> list[str]:
    """Return ids as shops make them: counted, mails, with umlauts and emoji."""
    forms = ("hh-{}", "{}@shop.example", "kündin-{}", "покупатель {}", "😀{}")
    return [forms[n % len(forms)].format(n) for n in range(count)]


def document(client: Client, key: str, **headers: str) -> Any:
    return client.get(f"/api/features/{key}", headers=headers)


def test_an_sdk_draws_the_arms_that_targeting_draws(
    client: Client, key: str, strategy: Strategy
) -> None:
    features = document(client, key).json()["features"]
    drawn_from, seen = arms.of(strategy), Counter[str]()

    for unit in ids(500):
        sdk = GrowthBook(attributes={"id": unit}, features=features)
        arm = sdk.get_feature_value(str(strategy.id), None)
        drawn = arms.draw(
            drawn_from, unit, {label: float(label == "10%") for label in MENU}
        )
        if arm is None:
            assert drawn.arm == arms.HELD_OUT
        elif arm == arms.HOLDOUT:
            assert drawn.arm == arms.HOLDOUT
        elif arm == arms.BEST:
            assert (drawn.arm, drawn.variant) == (arms.TREATMENT, "10%")
        else:
            variant = arm.removeprefix(arms.LOT)
            assert (drawn.arm, drawn.variant) == (arms.TREATMENT, variant)
        seen[str(arm)] += 1

    assert set(seen) == {"None", "holdout", "best", *(f"lot {v}" for v in MENU)}
    assert min(seen.values()) > 5


def test_an_sdk_that_fetches_the_document_itself_gets_the_same_arms(
    live_server: Any, key: str, strategy: Strategy
) -> None:
    sdk = GrowthBook(
        api_host=live_server.url, client_key=key, attributes={"id": "hh-1"}
    )

    sdk.load_features()

    result = sdk.eval_feature(str(strategy.id))
    odds = {label: float(label == "10%") for label in MENU}
    drawn = arms.draw(arms.of(strategy), "hh-1", odds)
    assert result.experimentResult is not None
    assert result.experimentResult.bucket == drawn.bucket
    assert result.experimentResult.key == result.value
    sdk.destroy()
    assert feature_repo.http
    feature_repo.http.clear()  # or the server's thread keeps its database


def test_the_document_is_that_of_the_sdks(
    client: Client, key: str, strategy: Strategy
) -> None:
    answer = document(client, key)

    body = answer.json()
    assert answer["Content-Type"] == "application/json"
    assert body.keys() == {"status", "features", "dateUpdated"}
    assert body["status"] == 200
    (rule,) = body["features"][str(strategy.id)]["rules"]
    assert rule["hashAttribute"] == "id"
    assert rule["hashVersion"] == 2
    assert rule["seed"] == str(strategy.id)
    names = [arm["key"] for arm in rule["meta"]]
    assert names == ["holdout", *(f"lot {v}" for v in MENU), "best"]
    assert sum(rule["weights"]) == pytest.approx(1)
    assert parse_datetime(body["dateUpdated"])


def test_only_live_personal_offers_are_features(
    client: Client, key: str, strategy: Strategy, proposed: Make, live: Make
) -> None:
    at = timezone.now()
    waiting, automatic = proposed(), live(trigger="automatic", holdout=0)
    over = live()
    Campaign.objects.filter(id=over.campaign_id).update(ends_at=at)

    features = document(client, key).json()["features"]

    assert list(features) == [str(strategy.id)]
    for other in (waiting, automatic, over):
        assert str(other.id) not in features


def test_the_document_tells_nothing_of_terms_money_or_customers(
    client: Client, key: str, strategy: Strategy
) -> None:
    said = document(client, key).content.decode()

    for secret in (strategy.title, strategy.reason, "0.10", "budget", "forecast"):
        assert secret not in said


def test_what_has_not_changed_is_not_sent_again(
    client: Client, key: str, strategy: Strategy
) -> None:
    first = document(client, key)

    again = document(client, key, if_none_match=first["ETag"])

    assert first["Cache-Control"] == again["Cache-Control"] == "public, max-age=60"
    assert (again.status_code, again.content) == (304, b"")


def test_its_date_moves_when_a_strategy_comes_or_goes(
    client: Client, key: str, strategy: Strategy, live: Make
) -> None:
    dates = [document(client, key).json()["dateUpdated"]]
    other = live()
    dates.append(document(client, key).json()["dateUpdated"])
    approval.end(other.id, by="olga", comment="Enough.", at=timezone.now())
    dates.append(document(client, key).json()["dateUpdated"])
    over = timezone.now() - timedelta(milliseconds=1)
    Campaign.objects.filter(id=strategy.campaign_id).update(ends_at=over)
    dates.append(document(client, key).json()["dateUpdated"])

    assert len(set(dates)) == 4
    assert dates == sorted(dates)


def test_without_strategies_there_are_no_features(client: Client, key: str) -> None:
    assert document(client, key).json() == {
        "status": 200,
        "features": {},
        "dateUpdated": None,
    }


def test_only_a_browsers_key_that_reads_offers_opens_it(
    client: Client, key: str
) -> None:
    others = [
        access.create_key("server", ["offers"]),
        access.create_key("tracker", ["events"], publishable=True),
        "pk_nobodys",
    ]

    for other in others:
        answer = document(client, other)
        assert (answer.status_code, answer.json()["code"]) == (401, "key_refused")
        assert answer["Content-Type"] == "application/problem+json"
    assert client.post(f"/api/features/{key}").status_code == 405


def test_a_browser_may_ask_from_the_keys_sites_only(client: Client, db: None) -> None:
    key = access.create_key("web", ["offers"], publishable=True, origins=[SHOP])

    mine = document(client, key, origin=SHOP)
    foreign = document(client, key, origin="https://evil.example")
    asked = client.options(f"/api/features/{key}", headers={"origin": SHOP})

    assert mine.status_code == 200
    assert mine["Access-Control-Allow-Origin"] == SHOP
    assert "Origin" in mine["Vary"]
    assert (foreign.status_code, foreign.json()["code"]) == (401, "origin_refused")
    assert asked.status_code == 200


def test_reading_it_records_nothing(
    client: Client, key: str, strategy: Strategy
) -> None:
    before = StoredEvent.objects.count()

    document(client, key)

    assert StoredEvent.objects.count() == before > 0
