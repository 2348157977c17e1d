"""The market's pages: read by who may, decided by keys, at most 15 statements each."""

from decimal import Decimal as D

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics import alerts
from catalog import competitor_feeds, positions
from catalog.competitor_feeds import PriceSeen
from catalog.models import CompetitorProduct, Match, Source
from tests.promotions.market_office import market, office, staff
from tests.promotions.reading import text

__all__ = ["market", "office"]

MOST_QUERIES = 15
PAGES = ("market", "market-review", "market-days", "market-series")


def test_the_market_page_tells_index_undercuts_and_promotions(office: Client) -> None:
    said = text(office.get(reverse("market")))

    assert "Rival 2 1 1" in said  # products, matched, waiting
    assert "TEA Rival 1 +25.0 % +25.0 % 1 1" in said
    assert "Green Tea 100 g Rival 10.00 USD 8.00 USD −20.0 %" in said
    assert "1 product waits for your word" in said


def test_a_price_that_may_be_misread_is_shown_as_doubtful(office: Client) -> None:
    assert "Doubtful prices" not in text(office.get(reverse("market")))
    at = timezone.now()
    misread = PriceSeen(
        competitor="Rival",
        product="ACME green t",
        name="ACME green tea 100g",
        currency="USD",
        price=D("0.01"),
        seen_at=at,
    )
    competitor_feeds.take_prices([misread], at=at)
    positions.count(at=at)

    with CaptureQueriesContext(connection) as asked:
        said = text(office.get(reverse("market")))

    assert (
        "Green Tea 100 g Rival 10.00 USD 0.01 USD"
        in said.rpartition("Doubtful prices")[2]
    )
    assert "10.00 USD 0.01 USD" not in said.partition("Doubtful prices")[0]
    assert len(asked) <= MOST_QUERIES


def test_a_product_s_history_is_a_chart_and_a_table(office: Client) -> None:
    answer = office.get(reverse("market_product", args=["green"]))

    said = text(answer)
    assert answer.content.decode().count("<polyline") == 2
    assert "10.00" in said
    assert "8.00" in said
    assert "it runs" in said
    assert office.get(reverse("market_product", args=["none"])).status_code == 404


def test_prices_of_another_money_are_in_no_chart_with_ours(office: Client) -> None:
    CompetitorProduct.objects.update(currency="JPY")

    answer = office.get(reverse("market_product", args=["green"]))

    assert answer.content.decode().count("<polyline") == 1
    assert "JPY" in text(answer)


@pytest.mark.parametrize("page", [*PAGES, "market_product"])
def test_a_page_asks_at_most_fifteen_statements(office: Client, page: str) -> None:
    path = reverse(page, args=["green"] if page == "market_product" else [])
    office.get(path)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert office.get(path).status_code == 200

    assert len(asked) <= MOST_QUERIES


@pytest.mark.parametrize(
    ("group", "opens", "decides"),
    [
        ("Operators", True, True),
        ("Approvers", True, True),
        ("Analysts", True, False),
        ("Engineers", True, False),
        ("Support", False, False),
    ],
)
def test_each_role_sees_and_decides_what_is_its_own(
    client: Client, market: None, group: str, *, opens: bool, decides: bool
) -> None:
    client.force_login(staff(group))
    for page in PAGES:
        assert client.get(reverse(page)).status_code == (200 if opens else 403), page
    waiting = Match.objects.get(state="waiting")
    body = {"word": "reject", "product": waiting.pk}

    answer = client.post(reverse("market-review"), body)

    assert answer.status_code == (302 if decides else 403)
    waiting.refresh_from_db()
    assert (waiting.state == "rejected") == decides
    days = {"name": "Fair", "kind": "event", "first": "2026-12-01"}
    assert client.post(reverse("market-days"), days).status_code == (
        302 if decides else 403
    )
    add = client.get(reverse("admin:catalog_source_add")).status_code
    assert add == (200 if group == "Engineers" else 403)


SOURCE = {
    "name": "Rival's prices",
    "what": "prices",
    "adapter": "http",
    "url": "https://rival.example/prices.csv",
    "options": '{"competitor": "Rival"}',
    "every_minutes": "60",
    "active": "on",
}


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({}, True),
        ({"token": "MARKET_TOKEN_RIVAL"}, True),
        ({"token": "SECRET_KEY"}, False),
        ({"url": "https://127.0.0.1/x"}, False),
        ({"url": "http://rival.example/x"}, False),
        ({"adapter": "os.system"}, False),
        ({"options": "[1]"}, False),
        ({"every_minutes": "1"}, False),
    ],
)
def test_an_engineer_makes_a_source_of_an_address_that_may_be_asked(
    client: Client, db: None, changes: dict[str, str], *, made: bool
) -> None:
    client.force_login(staff("Engineers"))

    client.post(reverse("admin:catalog_source_add"), SOURCE | changes)

    assert Source.objects.exists() == made
    assert client.get(reverse("admin:catalog_source_changelist")).status_code == 200


def test_a_source_that_fails_is_an_alert_on_the_first_page(
    client: Client, db: None, olga: User
) -> None:
    Source.objects.create(
        name="Rival",
        what="prices",
        url="https://x.example",
        failures=3,
        error="status 500",
    )

    found = [
        one for one in alerts.current(timezone.now()) if one.code == "source_failing"
    ]

    assert "cannot be fetched: status 500" in found[0].text
    client.force_login(olga)
    assert "status 500" in text(client.get(reverse("admin:index")))


@pytest.mark.parametrize(
    "table", ["competitorproduct", "match", "position", "source", "product"]
)
def test_the_market_s_tables_open_and_their_alerts_lead_to_them(
    office: Client, table: str
) -> None:
    page = reverse(f"admin:catalog_{table}_changelist")

    assert office.get(page).status_code == 200
    assert office.get(f"{page}?q=tea").status_code == 200
