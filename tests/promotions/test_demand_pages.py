"""The pages and the door of demand."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from analytics import access, clock
from ml.models import CrossEffect, Forecast
from promotions import fans
from promotions.plots import Mark
from tests.conftest import Counted

AT = datetime(2026, 6, 1, tzinfo=UTC)
PAGE = "/admin/demand"


def row(level: str, key: str, units: float, **values: Any) -> Forecast:
    weeks = 13
    told: dict[str, Any] = {
        "category": "TEA",
        "first": date(2026, 6, 1),
        "units": [units] * weeks,
        "low": [units / 2] * weeks,
        "median": [units] * weeks,
        "high": [units * 2] * weeks,
        "naive": [units + 7] * weeks,
        "seasonal": [units + 3] * weeks,
        "history": [units] * 60,
        "undiscounted": 0.8,
        "elasticity": -1.5,
        "elasticity_error": 0.2,
        "method": "regression",
        "figures": {
            "wape": {"naive": 0.21, "seasonal naive": 0.22, "regression": 0.17},
            "pinball": {"naive": 0.07, "seasonal naive": 0.08, "regression": 0.05},
            "coverage": 0.79,
            "own": {"naive": 3.0, "regression": 2.0},
        },
        "computed_at": AT,
    }
    return Forecast(level=level, key=key, **told | values)


@pytest.fixture
def told(shelf: None) -> None:
    Forecast.objects.bulk_create(
        [
            row("category", "TEA", 40),
            row("category", "R&D <b>", 4, category="R&D <b>"),
            row("product", "tea", 12),
        ]
    )
    CrossEffect.objects.create(
        category="TEA", diverted=0.3, low=0.1, high=0.5, weeks=52, computed_at=AT
    )


@pytest.fixture
def desk(client: Client, olga: User) -> Client:
    client.force_login(olga)
    return client


def shown(desk: Client, address: str) -> str:
    answer = desk.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_categories_are_listed_with_what_was_wrong_of_forecasts(
    desk: Client, told: None, statements: Counted
) -> None:
    statements()
    page = shown(desk, PAGE)

    assert statements() <= 15
    assert page.index("?category=TEA") < page.index("?category=R%26D+%3Cb%3E")
    assert "<b>" not in page.split("</style>")[-1]
    for figure in ("17.0%", "21.0%", "22.0%", "79%", "−1.50 (−1.89 – −1.11)"):
        assert figure in page
    assert 'class="spark"' in page


def test_many_categories_are_listed_page_by_page_and_found_by_name(
    desk: Client, told: None
) -> None:
    """What sells most comes first; TEA sells 40 a week."""
    more = [row("category", f"GOODS {n:03}", 100 + n) for n in range(120)]
    Forecast.objects.bulk_create(more)

    seen: list[str] = []
    asked = "?page=1"
    while asked:
        page = desk.get(PAGE + asked)
        seen += [one.cells[0] for one in page.context["sections"][0].rows]
        asked = page.context["found"].after

    assert (len(seen), len({*seen})) == (122, 122)
    assert (seen[0], seen[-1]) == ("GOODS 119", "R&D <b>")
    found = desk.get(PAGE, {"q": "goods 01"}).context["found"]
    assert [one.key for one in found.rows][:2] == ["GOODS 019", "GOODS 018"]
    assert found.total == 10
    assert desk.get(PAGE, {"page": "x", "q": "\0"}).status_code == 200


def test_one_category_has_its_fan_its_products_and_what_prices_do(
    desk: Client, told: None, statements: Counted
) -> None:
    statements()
    page = shown(desk, f"{PAGE}?category=TEA")

    assert statements() <= 15
    assert "Elasticity (observational)" in page
    assert "30% (10% – 50%)" in page
    assert "?product=tea" in page
    assert "Tea (tea)" in page
    assert "47.0" in page  # the naive forecast, beside


def test_a_product_leads_back_and_an_unknown_one_is_not_found(
    desk: Client, told: None
) -> None:
    assert "?category=TEA" in shown(desk, f"{PAGE}?product=tea")
    assert desk.get(f"{PAGE}?product=mug").status_code == 404
    assert desk.get(f"{PAGE}?category=%00").status_code == 404


def test_before_the_first_night_the_page_says_so(desk: Client) -> None:
    assert "Nothing to show yet." in shown(desk, PAGE)


def test_who_may_not_see_elasticities_sees_no_demand(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("ben", is_staff=True))

    assert client.get(PAGE).status_code == 403


def get(client: Client, query: str, scope: str = "reports") -> Any:
    key = access.create_key("shop", [scope])
    headers = {"Authorization": f"Bearer {key}"}
    return client.get(f"/api/v1/forecasts?{query}", headers=headers)


def test_forecasts_are_read_by_key(client: Client, told: None) -> None:
    answer = get(client, "level=product&key=tea&key=unknown").json()

    assert [one["key"] for one in answer["forecasts"]] == ["tea"]
    assert answer["forecasts"][0]["units"] == [12] * 13
    assert answer["forecasts"][0]["first"] == "2026-06-01"
    assert answer["next"] is None


def test_without_keys_they_are_read_in_pages(client: Client, told: None) -> None:
    first = get(client, "level=category&limit=1").json()
    second = get(client, f"level=category&limit=1&cursor={quote(first['next'])}").json()

    keys = [page["forecasts"][0]["key"] for page in (first, second)]
    assert sorted(keys) == sorted(["TEA", "R&D <b>"])
    assert second["next"] is None


def test_a_level_is_asked_for_and_a_scope_is_needed(client: Client, db: None) -> None:
    assert get(client, "").status_code == 400
    assert get(client, "level=shop").status_code == 400
    assert get(client, "level=product", scope="offers").status_code == 403


def test_a_fan_begins_where_the_past_ends() -> None:
    marks = [Mark(label="2026-06-01", value=5, low=3, high=9)]

    svg = fans.fan([("2026-05-25", 4.0)], marks, [4.0], title="<Units>")

    assert "&lt;Units&gt;" in svg
    assert svg.count("<polyline") == 3
    assert fans.fan([("a", 1.0)], [], [], title="x") == ""
    assert fans.spark([1.0], [], title="x") == ""


def test_a_forecast_that_is_old_says_so(
    desk: Client, told: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for days, says in ((6, False), (9, True)):
        monkeypatch.setattr(clock, "now", lambda days=days: AT + timedelta(days=days))
        for address in (PAGE, f"{PAGE}?product=tea"):
            page = shown(desk, address)
            assert (f"This was forecast {days} days ago" in page) == says
