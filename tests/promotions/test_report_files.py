"""Reports as files say what the answers say, and name no customer."""

import csv
import io
import re

import polars as pl
import pytest
from rest_framework.test import APIClient

from analytics.models import Customer
from promotions import report_files
from promotions.models import Strategy
from tests.conftest import Give, Make
from tests.promotions.reported import ALL, address, content, measured, told

__all__ = ["told"]


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
