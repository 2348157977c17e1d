"""Matches and doubtful prices are looked through: confirmed, undone, left, judged."""

import re
from decimal import Decimal as D

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics.models import StoredEvent
from catalog import competitor_feeds, match_reviews
from catalog.competitor_feeds import PriceSeen
from catalog.models import CompetitorProduct, Match
from tests.promotions.market_office import market, office, staff
from tests.promotions.reading import text

__all__ = ["market", "office"]

MOST_QUERIES = 15


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
