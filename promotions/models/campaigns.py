"""Campaigns: a budget for a time."""

import re
import uuid
from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from analytics.languages import reread
from promotions.models.checks import WITHIN_BUDGET, check_limits, check_zone

PROPOSALS = re.compile(r"Proposals of [-0-9]{10} [:0-9]{5}")
"""What the platform calls its campaigns (promotions.strategies)."""


class Campaign(models.Model):
    """A time-boxed container with a budget; the period is half-open."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    zone = models.CharField(
        max_length=64,
        default="UTC",
        validators=[check_zone],
        help_text="Hours, weekdays and the days of limits are this time zone's.",
    )
    # Four decimals, as some currencies have three: rounded to cents, what is spent
    # would not be the sum of what the log tells.
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    reserved = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)
    limits = models.JSONField(default=list, blank=True, validators=[check_limits])
    least_return = models.DecimalField(
        max_digits=7,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="Profit its personal offers together must bring for each unit of "
        "discount, once that is paid; empty: none is asked.",
    )
    most_per_customer = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Of its personal offers, for one customer; empty: no such cap.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(least_return=None) | Q(least_return__gte=0),
                name="campaign_least_return",
            ),
            models.CheckConstraint(
                condition=Q(most_per_customer=None) | Q(most_per_customer__gte=1),
                name="campaign_most_per_customer",
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="campaign_period"
            ),
            models.CheckConstraint(
                condition=WITHIN_BUDGET, name="campaign_within_budget"
            ),
        ]

    def __str__(self) -> str:
        return self.called

    @property
    def called(self) -> str:
        """Its name, in an operator's language if the platform gave it."""
        return reread(self.name) if PROPOSALS.fullmatch(self.name) else self.name

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"campaign:{self.pk}"

    @property
    def left(self) -> Decimal:
        """What may still be reserved or spent."""
        return self.budget - self.spent - self.reserved
