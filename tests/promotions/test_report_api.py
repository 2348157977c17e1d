import csv
import io
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from django.utils import timezone
from rest_framework import serializers
from rest_framework.test import APIClient

from analytics import access
from analytics.models import Customer
from promotions import measurement, report_files
from promotions.models import Strategy
from promotions.report_bodies import (
    CampaignReportSerializer,
    ProgrammeReportSerializer,
    StrategyReportSerializer,
    StrategyReportsSerializer,
)
from tests.conftest import Give, Make
from tests.promotions.daysums import keep, units

ALL = ("strategies", "strategies/{strategy}", "campaigns/{campaign}", "programme")


@pytest.fixture
def told(live: Make) -> Strategy:
    """Return a measured strategy of a running campaign."""
    strategy = live(holdout=0.5, title="=Tea, or what?")
    for subject, control in (
        (strategy.id, "holdout"),
        (strategy.campaign_id, "held_out"),
    ):
        treated = units(400, profit=8, seed=1, spent=1.0)
        keep(subject, "treatment", treated, variant="10%")
        keep(
            subject,
            control,
            units(400 if control == "holdout" else 21, profit=5, seed=2),
        )
    measured(strategy)
    return strategy


def measured(strategy: Strategy) -> None:
    result = measurement.of_strategy(strategy)
    strategy.measured = measurement.written(result, timezone.now())
    strategy.save()


def address(name: str, strategy: Strategy) -> str:
    ids = {"strategy": strategy.id, "campaign": strategy.campaign_id}
    return f"/api/v1/reports/{name.format(**ids)}"


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


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
def test_a_file_says_what_the_answer_says(
    api: APIClient, told: Strategy, name: str
) -> None:
    body = api.get(address(name, told)).json()

    answer = api.get(f"{address(name, told)}?format=csv")
    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    frame = pl.read_parquet(content(api.get(f"{address(name, told)}?format=parquet")))

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="' in answer["Content-Disposition"]
    assert list(rows[0]) == frame.columns == list(report_files.COLUMNS)
    assert len(rows) == len(frame)
    for row, other in zip(rows, frame.to_dicts(), strict=True):
        assert row["metric"] == other["metric"]
        said = float(row["value"]) if row["value"] else None
        assert said == other["value"]
        assert (other["value"] is None) == bool(other["why"]) or other["part"] == ""
    line = body["strategies"][0] if "strategies" in body else body
    (found,) = (
        row
        for row in rows
        if row["metric"] == "total profit" and row["id"] == str(told.id)
    )
    assert found["value"] == line["totals"]["profit"]["value"]
    assert found["unit"] == "USD"


def test_a_file_holds_every_figure_of_a_strategy_and_of_the_programme(
    api: APIClient, told: Strategy
) -> None:
    def figures(name: str) -> dict[tuple[str, str, str], dict[str, str]]:
        answer = api.get(f"{address(name, told)}?format=csv")
        rows = csv.DictReader(io.StringIO(content(answer).decode()))
        return {(row["part"], row["name"], row["metric"]): row for row in rows}

    body = api.get(address("strategies/{strategy}", told)).json()
    mine, all_ = figures("strategies/{strategy}"), figures("programme")
    kept = api.get(address("programme", told)).json()["kept"]

    chance = mine["all", "", "chance that profit is above zero"]["value"]
    assert float(chance) == pytest.approx(body["chance"])
    assert float(mine["all", "", "sizes as drawn"]["value"]) == body["arms"]["p"]
    assert mine["all", "", "crossed"]["value"] == "0"
    assert mine["all", "", "promised"]["value"] == body["promised"] == "4.5000"
    assert mine["variant", "", "given by lot"]["value"] == "1.0"
    assert mine["funnel", "assigned", "reached"]["value"] == "400"
    assert mine["funnel", "given", "discount"]["value"] == body["funnel"]["given"]
    assert all_["kept", "", "promised"]["value"] == kept["promised"] != "0.00"
    assert all_["kept", "", "profit"]["value"] == kept["measured"]["value"]
    assert all_["kept", "", "strategies"]["value"] == "1"


def test_what_promises_nothing_has_no_promise_in_a_file(
    api: APIClient, live: Make
) -> None:
    measured(live(holdout=0.5, forecast={}))

    answer = api.get("/api/v1/reports/strategies?format=csv")

    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    assert rows
    assert "promised" not in {row["metric"] for row in rows}


def test_a_file_of_strategies_has_all_pages(
    api: APIClient, told: Strategy, live: Make
) -> None:
    measured(live(holdout=0.5))

    answer = api.get("/api/v1/reports/strategies?format=csv&limit=1")

    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    assert len({row["id"] for row in rows}) == 2


def test_a_spreadsheet_computes_nothing_of_a_title(
    api: APIClient, told: Strategy
) -> None:
    answer = api.get(f"{address('strategies/{strategy}', told)}?format=csv")

    rows = list(csv.DictReader(io.StringIO(content(answer).decode())))
    assert {row["title"] for row in rows} == {"'=Tea, or what?"}
    assert not any(row["value"].startswith("'") for row in rows)


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
@pytest.mark.parametrize("name", ALL)
def test_no_report_names_a_customer(
    api: APIClient, told: Strategy, give: Give, ana: Customer, name: str, form: str
) -> None:
    offer = give(told, ana)

    raw = content(api.get(f"{address(name, told)}?format={form}"))

    said = str(pl.read_parquet(raw).to_dicts()) if form == "parquet" else raw.decode()
    words = set(re.findall(r"[\w-]+", said))
    assert words > {"profit"}
    assert not words & {str(ana.key), ana.external_id, str(offer.id), "customer"}


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
