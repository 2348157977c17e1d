"""Days are put on the calendar by hand, moved and called off; series are charts."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from catalog.models import ShopDay
from tests.promotions.market_office import market, office
from tests.promotions.reading import text

__all__ = ["market", "office"]

DAY = timedelta(days=1)


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
