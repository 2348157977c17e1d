"""Campaigns are opened by hand in their own zone; errors stand at their fields."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from promotions.models import Campaign
from tests.promotions.by_hand import hand, send

__all__ = ["hand"]

pytestmark = pytest.mark.usefixtures("shelf")

YEAR_ONE = "0001-01-01T00:00"


def test_a_campaign_is_opened_in_its_own_zone(hand: Client) -> None:
    add = reverse("admin:promotions_campaign_add")
    fields = {
        "campaign-name": "June",
        "campaign-zone": "Europe/Berlin",
        "campaign-starts_at": "2031-06-01T00:00",
        "campaign-ends_at": "2031-07-01T00:00",
        "campaign-budget": "500",
        "campaign-currency": "USD",
    }

    shown = send(hand, add, fields).content.decode()

    campaign = Campaign.objects.get()
    assert campaign.starts_at.isoformat() == "2031-05-31T22:00:00+00:00"
    assert "up to, but not including, 2031-07-01 00:00 (Europe/Berlin)" in shown


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"campaign-zone": "Mars/Base"}, "zone"),
        ({"campaign-ends_at": "2031-05-01T00:00"}, "ends_at"),
        ({"campaign-starts_at": "2031-03-30T02:30"}, "starts_at"),
        ({"campaign-budget": "-1"}, "budget"),
        ({"campaign-currency": "usd"}, "currency"),
        ({"campaign-currency": "CHF"}, "currency"),
        ({"campaign-most_per_customer": "0"}, "most_per_customer"),
        (
            {
                "campaign-starts_at": "2021-06-01T00:00",
                "campaign-ends_at": "2021-07-01T00:00",
            },
            "ends_at",
        ),
        (
            {"campaign-zone": "Asia/Shanghai", "campaign-starts_at": YEAR_ONE},
            "starts_at",
        ),
        ({"campaign-ends_at": "9999-12-31T23:59"}, "ends_at"),
    ],
)
def test_a_campaigns_error_stands_at_its_field(
    hand: Client, change: dict[str, str], field: str
) -> None:
    fields = {
        "campaign-name": "June",
        "campaign-zone": "Europe/Berlin",
        "campaign-starts_at": "2031-06-01T00:00",
        "campaign-ends_at": "2031-07-01T00:00",
        "campaign-budget": "500",
        "campaign-currency": "USD",
    }

    add = reverse("admin:promotions_campaign_add")
    shown = send(hand, add, fields | change).content.decode()

    assert f'id="id_campaign-{field}_error"' in shown
    assert "Expected" not in shown
    assert not Campaign.objects.exists()


def test_a_campaign_says_all_that_is_wrong_and_only_that(hand: Client) -> None:
    fields = {
        "campaign-name": "June",
        "campaign-zone": "Mars/Base",
        "campaign-starts_at": "2031-06-01T00:00",
        "campaign-ends_at": "2031-05-01T00:00",
        "campaign-budget": "-100",
        "campaign-currency": "usd",
    }

    add = reverse("admin:promotions_campaign_add")
    html = send(hand, add, fields).content.decode()

    said = set(re.findall(r'id="id_campaign-(\w+)_error"', html))
    assert said >= {"zone", "budget", "currency"}
    assert "starts_at" not in said
