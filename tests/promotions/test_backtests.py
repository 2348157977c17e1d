"""A draft or a strategy on past weeks: asked for by API, by command, on its page."""

import json
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import StoredEvent
from promotions import backtest_runs, draft_reading, proposals, tasks
from promotions.models import Backtest, Campaign, Strategy
from tests.conftest import Body
from tests.promotions.past_orders import LAST, PAGE, done, orders
from tests.promotions.test_report_admin import look

__all__ = ["orders"]


@pytest.mark.usefixtures("orders")
def test_a_draft_is_tried_week_by_week_and_not_stored(
    api: APIClient, draft: Body
) -> None:
    before = StoredEvent.objects.count()

    told = done(api, draft=draft(), weeks=3)

    assert (told["state"], told["done"], told["error"]) == ("done", 3, "")
    names = ("orders", "baskets", "touched", "customers", "given", "cost")
    weeks = [tuple(week[name] for name in names) for week in told["result"]]
    assert weeks == [
        (2, 2, 2, 1, "2.00", "2.00"),
        (1, 1, 1, 0, "1.00", "1.00"),
        (1, 1, 0, 0, "0.00", "0.00"),
    ]
    total = told["total"]
    assert (total["cost"], total["mean"], total["touched"]) == ("3.00", "1.00", 3)
    assert total["worst"] == "0.1000"
    assert not Strategy.objects.exists()
    assert not Campaign.objects.exists()
    assert StoredEvent.objects.count() == before


@pytest.mark.usefixtures("orders")
def test_weeks_end_where_they_are_asked_to_and_are_half_open(
    api: APIClient, draft: Body
) -> None:
    until = LAST - timedelta(days=14)

    told = done(api, draft=draft(), weeks=2, until=until.isoformat())

    assert [week["orders"] for week in told["result"]] == [0, 1]
    assert told["result"][-1]["until"] == until.isoformat().replace("+00:00", "Z")


@pytest.mark.usefixtures("orders")
def test_a_floor_that_stops_a_draft_is_counted(api: APIClient, draft: Body) -> None:
    told = done(api, draft=draft(menu={"40%": {"rate": "0.40"}}), weeks=3)

    assert [week["floored"] for week in told["result"]] == [2, 1, 0]
    assert Decimal(told["total"]["kept"]) >= Decimal("0.05")


@pytest.mark.usefixtures("orders")
def test_a_stored_strategy_comes_to_the_same_as_its_draft(
    api: APIClient, draft: Body
) -> None:
    strategy = proposals.propose(
        draft_reading.read(draft()), by="olga", at=timezone.now()
    )

    by_id = done(api, strategy=str(strategy.id), weeks=3)

    by_draft = done(api, draft=draft(), weeks=3)
    assert by_id["result"] == by_draft["result"]
    assert (by_id["strategy"], by_draft["strategy"]) == (str(strategy.id), None)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a rate of 2": ({"menu": {"10%": {"rate": "2"}}}, "draft.menu.10%.rate"),
    "an unknown field": ({"skope": ["TEA"]}, "draft.skope"),
    "a campaign that ends first": (
        {
            "campaign": {
                "name": "June",
                "starts_at": "2026-06-02T00:00:00Z",
                "ends_at": "2026-06-01T00:00:00Z",
                "budget": "5",
            }
        },
        "draft.campaign.ends_at",
    ),
    "a campaign that is not there": (
        {"campaign": str(uuid4())},
        "draft.campaign",
    ),
}


def test_a_time_without_its_zone_is_refused(api: APIClient, draft: Body) -> None:
    body = {"draft": draft(), "until": "2026-06-15T12:00:00"}

    answer = api.post(PAGE, body, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert [one["field"] for one in answer.json()["errors"]] == ["until"]
    assert not Backtest.objects.exists()


@pytest.mark.parametrize("case", FAULTS)
def test_a_bad_draft_is_refused_at_its_field(
    api: APIClient, draft: Body, case: str
) -> None:
    changed, field = FAULTS[case]

    answer = api.post(PAGE, {"draft": draft(**changed)}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert field in [one["field"] for one in answer.json()["errors"]]
    assert not Backtest.objects.exists()


def test_it_is_a_draft_or_a_strategy_and_nothing_else(
    api: APIClient, draft: Body
) -> None:
    strange = str(uuid4())
    for sent, code in (
        ({}, "invalid"),
        ({"draft": draft(), "strategy": strange}, "invalid"),
        ({"draft": draft(), "week": 3}, "invalid"),
        ({"draft": draft(), "weeks": 105}, "invalid"),
        ({"draft": draft(), "until": "0001-01-01T00:00:00Z"}, "invalid"),
        ({"draft": draft(), "until": "2026-06-01T00:00:00"}, "invalid"),
        ({"strategy": strange}, "strategy_unknown"),
    ):
        assert api.post(PAGE, sent, format="json").json()["code"] == code
    assert api.get(f"{PAGE}/{strange}").json()["code"] == "backtest_unknown"


@pytest.mark.usefixtures("orders")
def test_the_command_tells_the_weeks_of_a_file(draft: Body, tmp_path: Path) -> None:
    file, out, bars = tmp_path / "draft.json", StringIO(), StringIO()
    file.write_text(json.dumps(draft()))

    call_command("backtest", str(file), "--weeks=3", stdout=out, stderr=bars)

    assert "2026-06-08" in out.getvalue()
    assert "Tea week (USD)" in out.getvalue()
    plain = StringIO()
    call_command("backtest", str(file), "--weeks=3", "--json", stdout=plain)
    told = json.loads(plain.getvalue())
    assert (told["total"]["cost"], len(told["result"])) == ("3.00", 3)
    assert not Strategy.objects.exists()


def test_the_command_names_the_field_of_a_bad_draft(
    draft: Body, tmp_path: Path
) -> None:
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(draft(menu={"10%": {"rate": "2"}})))
    with pytest.raises(CommandError, match=r"menu\.10%\.rate"):
        call_command("backtest", str(file))
    file.write_text("{")
    with pytest.raises(CommandError, match=r"draft\.json"):
        call_command("backtest", str(file))
    with pytest.raises(CommandError, match="There is no strategy"):
        call_command("backtest", strategy=uuid4())


@pytest.mark.usefixtures("orders")
def test_operators_see_the_weeks_on_the_strategy_s_page(
    client: Client, olga: User, draft: Body
) -> None:
    strategy = proposals.propose(
        draft_reading.read(draft()), by="olga", at=timezone.now()
    )
    client.force_login(olga)
    page = reverse("admin:promotions_strategy_change", args=[strategy.id])
    assert "Week by week" not in client.get(page).content.decode()

    tasks.review()

    own = client.get(page).content.decode()
    assert "Week by week" in own
    assert "<svg" in own
    ask = reverse("admin:promotions_strategy_backtest", args=[strategy.id])
    client.post(ask, {"weeks": "12"})
    client.post(ask, {"weeks": "13"})
    row = Backtest.objects.get()
    assert (row.weeks, row.requested_by) == (12, "olga")
    assert "0 of 12 weeks" in client.get(page).content.decode()
    tasks.try_on_past_weeks()
    assert "12 of 12 weeks" in client.get(page).content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.usefixtures("orders")
def test_the_page_fits_its_window(
    live_server: Any, olga: User, draft: Body, width: int
) -> None:
    strategy = proposals.propose(
        draft_reading.read(draft()), by="olga", at=timezone.now()
    )
    backtest_runs.request(strategy, weeks=12, until=None, by="olga", at=timezone.now())
    tasks.try_on_past_weeks()
    pages = [reverse("admin:promotions_strategy_change", args=[strategy.id])]

    [found] = look(live_server.url, pages, width)

    assert (found["wide"], found["small"]) == (0, [])
    assert found["charts"] == 1
