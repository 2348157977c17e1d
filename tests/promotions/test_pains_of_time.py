"""What hurts about time: zones, hours, last moments, periods, what is not yet live.

docs/promotion-pains.md lists all of them, with the threads, and where each is tested.
"""

import zoneinfo
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from analytics.models import StoredEvent
from promotions import approval, counters
from promotions.models import Campaign, Redemption, Sheet
from tests.conftest import Make
from tests.promotions.at_checkout import Automatic, automatic, qualify

__all__ = ["automatic"]

pytestmark = pytest.mark.usefixtures("shelf")


def test_next_weeks_promotions_can_be_seen_today(
    api: APIClient, proposed: Make
) -> None:
    """Sylius 67, Reaction PR 6726, Magento backlog 11: no preview."""
    strategy = proposed(trigger="automatic", holdout=0)
    soon = timezone.now() + timedelta(days=7)
    Campaign.objects.update(starts_at=soon, ends_at=soon + timedelta(days=1))
    preview = {"proposed": [str(strategy.id)], "as_of": soon.isoformat()}

    assert qualify(api, "tea", **preview)["discount"] == "1.00"
    assert qualify(api, "tea", as_of=soon.isoformat())["discount"] == "0.00"
    approval.approve(strategy.id, by="olga", comment="Go.", at=timezone.now())
    assert qualify(api, "tea")["discount"] == "0.00"
    assert qualify(api, "tea", as_of=soon.isoformat())["discount"] == "1.00"


def test_looking_records_nothing(api: APIClient, automatic: Automatic) -> None:
    automatic()
    before = StoredEvent.objects.count()

    qualify(api, "tea", codes=["GUESS"])

    assert StoredEvent.objects.count() == before
    assert not Redemption.objects.exists()
    assert not Sheet.objects.exists()


@pytest.mark.parametrize(
    ("zone", "at", "applies"),
    [
        ("UTC", "2026-10-25T21:59:59Z", True),
        ("UTC", "2026-10-25T22:00:00Z", False),
        ("Europe/Berlin", "2026-10-25T20:59:59Z", True),  # 21:59, an hour after DST
        ("Europe/Berlin", "2026-10-25T21:00:00Z", False),
        ("Europe/Berlin", "2026-10-24T20:30:00Z", False),  # 22:30, still in summer
        ("Asia/Shanghai", "2026-10-25T13:59:59Z", True),
        ("Asia/Shanghai", "2026-10-24T23:00:00Z", False),  # 07:00 on Sunday
        ("Asia/Shanghai", "2026-10-25T00:00:00Z", True),  # 08:00 on Sunday
    ],
)
def test_hours_and_weekdays_are_the_campaigns_zones(
    api: APIClient, automatic: Automatic, zone: str, at: str, applies: bool
) -> None:
    """Revive 634, Virto 956, EDD 7492, Umbraco 806."""
    hours = {"conditions": {"hours": [8, 22], "weekdays": [7]}}
    october = Campaign.objects.create(
        name="October",
        zone=zone,
        starts_at=datetime(2026, 10, 1, tzinfo=UTC),
        ends_at=datetime(2026, 11, 1, tzinfo=UTC),
        budget=Decimal(100),
        currency="USD",
    )
    automatic(rule=hours, campaign=october)

    assert (qualify(api, "tea", as_of=at)["discount"] != "0.00") is applies


def test_the_night_passes_midnight(api: APIClient, automatic: Automatic) -> None:
    automatic(rule={"conditions": {"hours": [22, 2]}})
    Campaign.objects.update(starts_at=datetime(2026, 1, 1, tzinfo=UTC))

    def off(hour: int) -> bool:
        at = datetime(2026, 11, 30, hour, tzinfo=UTC).isoformat()
        return bool(qualify(api, "tea", as_of=at)["effects"])

    assert [hour for hour in range(24) if off(hour)] == [0, 1, 22, 23]


def test_a_campaigns_last_moment_is_out_and_its_first_is_in(
    api: APIClient, automatic: Automatic
) -> None:
    """Reaction 6612, Virto 956: the end date excluded its day."""
    automatic()
    start, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
    Campaign.objects.update(starts_at=start, ends_at=end)
    tick = timedelta(microseconds=1)

    moments = (start - tick, start, end - tick, end)
    found = [bool(qualify(api, "tea", as_of=m.isoformat())["effects"]) for m in moments]

    assert found == [False, True, True, False]


@pytest.mark.parametrize(
    ("period", "at", "first"),
    [
        ("day", "2026-10-25T23:30:00+00:00", "2026-10-26"),
        ("week", "2026-10-25T22:30:00+00:00", "2026-10-19"),
        ("week", "2026-10-25T23:30:00+00:00", "2026-10-26"),
        ("month", "2026-10-31T23:30:00+00:00", "2026-11-01"),
        ("ever", "2026-10-31T23:30:00+00:00", "0001-01-01"),
    ],
)
def test_a_limits_period_begins_at_the_zones_midnight(
    period: str, at: str, first: str
) -> None:
    assert zoneinfo.ZoneInfo("Europe/Berlin")
    begun = counters.begins(period, datetime.fromisoformat(at), "Europe/Berlin")

    assert begun.isoformat() == first


@pytest.mark.parametrize("said", ["2026-06-01T12:00:00", "2026-06-01"])
def test_a_time_without_its_zone_is_refused(api: APIClient, said: str) -> None:
    answer = api.post(
        "/api/v1/qualifications", {"lines": [], "as_of": said}, format="json"
    )

    assert answer.status_code == 400
    assert "as_of" in str(answer.json())
