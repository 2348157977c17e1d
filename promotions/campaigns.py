"""Open campaigns; what strategies share cannot be changed once one was decided."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction

from analytics import events, store
from promotions.models import Campaign
from promotions.rules import Limit


def midnight(day: date, zone: str) -> datetime:
    """Return when a day begins in a time zone."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def made(
    *,
    name: str,
    starts_at: datetime,
    ends_at: datetime,
    zone: str = "UTC",
    budget: Decimal,
    currency: str,
    limits: Sequence[Limit] = (),
    least_return: Decimal | None = None,
    most_per_customer: int | None = None,
) -> Campaign:
    """Make a campaign that is not stored.

    :raises ValidationError: its fields make no sense.
    """
    campaign = Campaign(
        name=name,
        starts_at=starts_at,
        ends_at=ends_at,
        zone=zone,
        budget=budget,
        currency=currency,
        limits=msgspec.to_builtins(list(limits)),
        least_return=least_return,
        most_per_customer=most_per_customer,
    )
    campaign.full_clean()
    return campaign


def open_(campaign: Campaign, *, by: str, at: datetime) -> Campaign:
    """Store a campaign that was `made`, and log it."""
    opened = events.CampaignOpened(
        name=campaign.name,
        by=by,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        zone=campaign.zone,
        budget=campaign.budget,
        currency=campaign.currency,
        limits=campaign.limits,
        least_return=campaign.least_return,
        most_per_customer=campaign.most_per_customer,
    )
    with transaction.atomic():
        campaign.save(force_insert=True)
        store.append([opened], at=at, stream=campaign.stream, after=0)
    return campaign
