"""The market's pages: read by who may, decided by keys, at most 15 statements each."""

import re
from datetime import timedelta
from decimal import Decimal as D
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics import alerts
from analytics.models import StoredEvent
from catalog import (
    competitor_feeds,
    feeds,
    market_feeds,
    match_reviews,
    matching,
    positions,
)
from catalog.competitor_feeds import PriceSeen
from catalog.market_feeds import ValueListed
from catalog.models import CompetitorProduct, Match, ShopDay, Source
from tests.conftest import role

MOST_QUERIES = 15
DAY = timedelta(days=1)
PAGES = ("market", "market-review", "market-days", "market-series")


@pytest.fixture
def market(db: None) -> None:
    at = timezone.now()
    feeds.take(
        [
            feeds.Listed(
                sku=sku,
                name=name,
                brand="Acme",
                size=size,
                category="TEA",
                currency="USD",
                price=D(10),
            )
            for sku, name, size in [
                ("green", "Green Tea", "100 g"),
                ("black", "Black Tea", "100 g"),
                ("large", "Black Tea", "250 g"),
            ]
        ],
        at=at - 90 * DAY,
    )
    prices = [("ACME green tea 100g", 60, "10"), ("ACME green tea 100g", 3, "8")]
    prices += [("Acme <b>Black</b> Tea", 3, "9")]
    competitor_feeds.take_prices(
        [
            PriceSeen(
                competitor="Rival",
                product=name[:12],
                name=name,
                currency="USD",
                price=D(price),
                seen_at=at - days * DAY,
                url="https://rival.example/tea",
            )
            for name, days, price in prices
        ],
        at=at,
    )
    matching.run(at=at)
    positions.count(at=at)
    today = at.date()
    market_feeds.take_values(
        [
            ValueListed(series="temperature", region="DE", day=today - n * DAY, value=n)
            for n in range(30)
        ],
        at=at,
    )


def staff(group: str) -> User:
    user = User.objects.create_user(group.lower(), password="secret", is_staff=True)
    user.groups.add(role(group))
    return user


@pytest.fixture
def office(client: Client, market: None) -> Client:
    client.force_login(staff("Operators"))
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200
    bare = re.sub(
        r"<(style|script).*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
    )
    return re.sub(r"\s+", " ", unescape(bare))


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


@pytest.mark.parametrize(
    ("size", "marks"),
    [("100g", []), ("100 g", []), ("0.1 kg", []), ("99g", ["99g"])],
)
def test_sizes_that_mean_the_same_are_not_marked_in_a_review(
    office: Client, size: str, marks: list[str]
) -> None:
    match_reviews.waiting().update(others=[{"sku": "black", "likelihood": 0.5}])
    CompetitorProduct.objects.filter(product__startswith="Acme <b>").update(
        name=f"Acme Bleck Tea {size}"
    )

    page = office.get(reverse("market-review")).content.decode()

    theirs = page.partition("<fieldset")[0]
    assert re.findall("<mark>(.*?)</mark>", theirs) == ["Bleck", *marks]


@pytest.mark.parametrize(
    ("word", "price"), [("right", "0.01 USD"), ("misread", "8.00 USD")]
)
def test_a_doubtful_price_is_marked_on_its_product_s_page_and_judged_there(
    office: Client, client: Client, word: str, price: str
) -> None:
    at, address = timezone.now(), reverse("market_product", args=["green"])
    assert "doubtful" not in text(office.get(address))
    misread = PriceSeen(
        competitor="Rival",
        product="ACME green t",
        name="ACME green tea 100g",
        currency="USD",
        price=D("0.01"),
        seen_at=at,
    )
    competitor_feeds.take_prices([misread], at=at)
    with CaptureQueriesContext(connection) as asked:
        page = office.get(address)
    assert len(asked) <= MOST_QUERIES
    assert "0.01 USD (doubtful)" in text(page)
    [doubt] = page.context["doubts"]
    told = {"word": word, "product": doubt["product"], "seen_at": doubt["seen_at"]}

    client.force_login(staff("Analysts"))
    assert "It was misread" not in text(client.get(address))
    assert client.post(address, told).status_code == 403
    client.force_login(staff("Approvers"))
    said = text(client.post(address, told, follow=True))
    again = text(client.post(address, told, follow=True))

    assert "Your word is in the log" in said
    assert f"{price} {at:%Y-%m-%d}" in said
    assert "(doubtful)" not in said
    assert "Nobody doubts this price any more" in again


@pytest.mark.parametrize(
    "told",
    [{}, {"word": "right"}, {"word": "right", "product": "x", "seen_at": "soon"}],
)
def test_a_word_that_makes_no_sense_changes_nothing(
    office: Client, told: dict[str, str]
) -> None:
    before = StoredEvent.objects.count()

    address = reverse("market_product", args=["green"])
    said = text(office.post(address, told, follow=True))

    assert "Nobody doubts this price any more" in said
    assert StoredEvent.objects.count() == before


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


def test_a_match_is_confirmed_undone_and_left_for_later(office: Client) -> None:
    page = reverse("market-review")
    shown = office.get(page).content.decode()
    waiting = Match.objects.get(state="waiting")
    assert "<mark>&lt;b&gt;Black&lt;/b&gt;</mark>" in shown  # theirs, as text
    assert 'value="black"' in shown
    assert 'value="large"' in shown

    later = office.get(f"{page}?skip={waiting.pk},x,-1,{'9' * 30}")
    assert "Nothing waits." in text(later)

    body = {"word": "confirm", "product": waiting.pk, "sku": "large"}
    answer = office.post(page, body, follow=True)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.sku_id) == ("confirmed", "large")
    assert waiting.by == "operators"
    assert "Take the last word back" in text(answer)

    office.post(page, {"word": "undo", "product": waiting.pk})
    waiting.refresh_from_db()
    assert waiting.state == "waiting"


@pytest.mark.parametrize(
    "body",
    [
        {"word": "confirm", "product": "1" * 12, "sku": "green"},
        {"word": "confirm", "product": "x", "sku": "green"},
        {"word": "confirm"},
        {"word": "confirm", "product": "WAITS", "sku": "gre\0en"},
        {"word": "nonsense", "product": "1"},
        {},
    ],
)
def test_what_is_not_there_is_no_decision(office: Client, body: dict[str, str]) -> None:
    before = StoredEvent.objects.count()
    waits = str(Match.objects.get(state="waiting").pk)
    body = {name: told.replace("WAITS", waits) for name, told in body.items()}

    assert office.post(reverse("market-review"), body).status_code == 302
    assert StoredEvent.objects.count() == before


def test_days_are_put_on_the_calendar_moved_and_called_off(office: Client) -> None:
    page = reverse("market-days")
    first = timezone.now().date() + 10 * DAY
    body = {"name": "Fair", "kind": "event", "first": str(first), "region": "DE-BY"}
    assert office.post(page, body).status_code == 302
    row = ShopDay.objects.get()
    assert "Fair" in text(office.get(page))
    assert row.key in unescape(office.get(f"{page}?key={row.key}").content.decode())

    moved = body | {"key": row.key, "first": str(first + DAY)}
    office.post(page, moved | {"last": str(first + 2 * DAY)})
    row.refresh_from_db()
    assert (row.first, row.last) == (first + DAY, first + 2 * DAY)

    wrong = office.post(page, body | {"last": str(first - DAY)})
    assert "It lies before the first day" in text(wrong)

    office.post(page, {"cancel": row.key})
    assert not ShopDay.objects.exists()


@pytest.mark.parametrize(
    ("first", "last"),
    [("9999-01-01", "9999-12-31"), ("0001-01-01", ""), ("2099-12-30", "2100-01-01")],
)
def test_days_that_the_api_refuses_the_form_refuses_too(
    office: Client, first: str, last: str
) -> None:
    body = {"name": "Fair", "kind": "event", "first": first, "last": last}

    answer = office.post(reverse("market-days"), body)

    assert "It must lie between 1970 and 2100." in text(answer)
    assert not ShopDay.objects.exists()


def test_a_day_of_the_form_is_an_event_as_it_is_by_the_api(office: Client) -> None:
    page = office.get(reverse("market-days")).content.decode()

    assert re.findall(r'<option value="(\w+)" selected', page) == ["event"]


def test_series_are_told_with_a_chart(office: Client) -> None:
    answer = office.get(reverse("market-series"))

    assert "temperature DE 30" in text(answer)
    assert "<polyline" in answer.content.decode()


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


def test_a_match_is_taken_back_in_the_list(office: Client) -> None:
    page = reverse("admin:catalog_match_changelist")
    match = Match.objects.get(state="automatic")
    body = {"action": "none_of_ours", "_selected_action": [str(match.pk)]}

    office.post(page, body)

    match.refresh_from_db()
    assert (match.state, match.by) == ("rejected", "operators")
    office.post(page, body | {"action": "look_again"})
    match.refresh_from_db()
    assert (match.state, match.sku_id) == ("waiting", "green")
