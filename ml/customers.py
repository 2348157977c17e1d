"""What other apps may read of customers' profiles, in plain rows.

The web process imports this module, so it must never load the learning libraries.
"""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Sum

from analytics.models import Customer
from ml.models import CustomerProfile

Segment = CustomerProfile.Segment


@dataclass(frozen=True, kw_only=True)
class SegmentTotal:
    """One segment: its customers, what they paid in a year, what they are to pay."""

    segment: str
    label: str
    customers: int
    spend: Decimal
    lifetime_value: Decimal


def profile_of(customer: UUID) -> CustomerProfile | None:
    """Return the profile of the person behind a key; None before the first night.

    Nor is there one for a person without consent.
    """
    row = Customer.objects.filter(key=customer).first()
    if row is None or not _agreed(row):
        return None
    # Profiles are of persons: a linked key has none of its own.
    return CustomerProfile.objects.filter(customer=row.person or row.key).first()


def segments(*, most: int | None = None) -> dict[UUID, str]:
    """Return everybody's segment; who has no profile yet is missing.

    `most`: of so many only. Keys are random, so the first are a sample.
    """
    rows = CustomerProfile.objects.order_by("customer")[:most]
    return dict(rows.values_list("customer", "segment"))


def segment_totals() -> list[SegmentTotal]:
    """Return all segments that hold somebody, in the order of the rules."""
    sums = CustomerProfile.objects.values("segment").annotate(
        customers=Count("pk"), spent=Sum("spend"), expected=Sum("lifetime_value")
    )
    by_name = {row["segment"]: row for row in sums}
    return [
        SegmentTotal(
            segment=one.value,
            label=str(one.label),
            customers=by_name[one]["customers"],
            spend=by_name[one]["spent"] or Decimal(0),
            lifetime_value=by_name[one]["expected"] or Decimal(0),
        )
        for one in Segment
        if one in by_name
    ]


def _agreed(row: Customer) -> bool:
    return not settings.CONSENT_REQUIRED if row.consent is None else row.consent
