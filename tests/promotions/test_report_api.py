from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from analytics import access
from promotions import measurement
from promotions.models import Strategy
from promotions.report_bodies import (
    CampaignReportSerializer,
    ProgrammeReportSerializer,
    StrategyReportSerializer,
    StrategyReportsSerializer,
)
from tests.conftest import Make
from tests.promotions.reported import ALL, address, measured, told

__all__ = ["told"]


def test_money_is_a_string_and_a_ratio_a_number(api: APIClient, told: Strategy) -> None:
    body = api.get(address("strategies/{strategy}", told)).json()

    result = measurement.of_strategy(told)
    profit = result.effects["profit"]
    assert body["profit"]["value"] == f"{profit.value:.4f}"
    assert body["totals"]["profit"]["value"] == f"{result.total.value:.2f}"
    assert body["effects"]["orders"]["value"] is None
    assert body["effects"]["orders"]["why"] == "nobody_differs"
    assert body["return_on_discount"]["value"] == pytest.approx(result.returned.value)
    assert isinstance(body["lift"]["value"], float)
    assert body["currency"] == "USD"
    assert body["washout"]["after"]["why"] == "campaign_runs"
    assert body["variants"]["by_lot"] == 1.0
    assert body["promised"] == "4.5000"


def shape(serializer: Any) -> Any:
    """Return the names of a serializer's fields, nested as in its answers."""
    if isinstance(serializer, serializers.ListSerializer):
        return [shape(serializer.child)]
    if isinstance(serializer, serializers.Serializer):
        return {name: shape(field) for name, field in serializer.fields.items()}
    return None


def names(body: Any) -> Any:
    """Return the names in an answer; of a list's items the first one's."""
    if isinstance(body, list):
        return [names(item) for item in body[:1]]
    return {n: names(v) for n, v in body.items()} if isinstance(body, dict) else None


def agree(told: Any, described: Any) -> bool:
    if isinstance(told, list):
        return all(agree(item, described[0]) for item in told)
    if told is None:
        return True
    return told.keys() == described.keys() and all(
        agree(told[name], described[name]) for name in told
    )


@pytest.mark.parametrize(
    ("name", "serializer"),
    [
        ("strategies", StrategyReportsSerializer),
        ("strategies/{strategy}", StrategyReportSerializer),
        ("campaigns/{campaign}", CampaignReportSerializer),
        ("programme", ProgrammeReportSerializer),
    ],
)
def test_an_answer_has_the_fields_that_are_described(
    api: APIClient, told: Strategy, name: str, serializer: Any
) -> None:
    body = api.get(address(name, told)).json()

    assert agree(names(body), shape(serializer()))
    assert names(body)


def test_a_campaign_stands_against_who_is_held_out_of_everything(
    api: APIClient, told: Strategy
) -> None:
    body = api.get(address("campaigns/{campaign}", told)).json()

    assert (body["arms"]["treatment"], body["arms"]["control"]) == (400, 21)
    assert body["arms"]["as_drawn"] is True
    assert [line["strategy"] for line in body["strategies"]] == [str(told.id)]
    assert body["strategies"][0]["arms"]["control"] == 400


def test_strategies_are_listed_a_page_at_a_time_the_newest_first(
    api: APIClient, told: Strategy, live: Make
) -> None:
    newer, unmeasured = live(holdout=0.5), live()
    measured(newer)

    first = api.get("/api/v1/reports/strategies?limit=1").json()
    second = api.get(
        "/api/v1/reports/strategies", {"limit": 1, "cursor": first["next"]}
    ).json()

    ids = [line["strategy"] for line in (*first["strategies"], *second["strategies"])]
    assert ids == [str(newer.id), str(told.id)]
    assert str(unmeasured.id) not in ids
    assert second["next"] is None
    assert first["strategies"][0]["profit"]["why"] == "not_measured"


@pytest.mark.parametrize("query", ["limit=0", "limit=many", "cursor=none"])
def test_a_wrong_page_is_refused(api: APIClient, query: str) -> None:
    answer = api.get(f"/api/v1/reports/strategies?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("name", ALL)
def test_a_key_without_the_scope_reads_no_report(told: Strategy, name: str) -> None:
    client = APIClient()
    key = access.create_key("bi", set(access.SCOPES) - {"reports"})
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")

    answer = client.get(f"{address(name, told)}?format=csv")

    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert APIClient().get(address(name, told)).status_code == 401


def test_a_key_for_browsers_cannot_read_reports() -> None:
    with pytest.raises(access.UnknownScope):
        access.create_key("page", ["reports"], publishable=True)


@pytest.mark.parametrize(
    ("kind", "code"),
    [("strategies", "strategy_unknown"), ("campaigns", "campaign_unknown")],
)
@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_what_is_unknown_has_no_report(
    api: APIClient, kind: str, code: str, form: str
) -> None:
    answer = api.get(f"/api/v1/reports/{kind}/{uuid4()}?format={form}")

    assert (answer.status_code, answer.json()["code"]) == (404, code)
    assert answer["Content-Type"] == "application/problem+json"


def test_reports_change_nothing(api: APIClient, told: Strategy) -> None:
    before = Strategy.objects.values().get(id=told.id)

    for name in ALL:
        assert api.post(address(name, told)).status_code == 405
        assert api.get(address(name, told)).status_code == 200

    assert Strategy.objects.values().get(id=told.id) == before


def test_a_hundred_strategies_and_a_year_of_months_take_few_statements(
    api: APIClient, told: Strategy, statements: Any
) -> None:
    for number in range(100):
        row = Strategy.objects.get(id=told.id)
        row.pk, row._state.adding = uuid4(), True
        row.proposed_at += timedelta(minutes=number)
        row.save(force_insert=True)

    statements()
    assert (
        len(api.get("/api/v1/reports/strategies?limit=100").json()["strategies"]) == 100
    )
    listed = statements()
    assert api.get("/api/v1/reports/programme").status_code == 200

    assert listed <= 4
    assert statements() <= 6
