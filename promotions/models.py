"""Campaigns, strategies, offers, redemptions.

A strategy's `state`, `spent` and `redemptions` are inline rows: they change under a row
lock in the transaction that appends the event, and a test folds the log against them.
`Offer` and `Sheet` are replaceable: targeting computes them again.
"""

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import msgspec
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from promotions import discounts


class Campaign(models.Model):
    """A time-boxed container with a budget; the period is half-open."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    currency = models.CharField(max_length=3)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")), name="campaign_period"
            ),
            models.CheckConstraint(
                condition=Q(spent__gte=0, spent__lte=F("budget")),
                name="campaign_within_budget",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def check_menu(menu: object) -> None:
    """Refuse a menu that is not {label: terms}: an invalid rule cannot be saved."""
    try:
        terms = msgspec.convert(menu, dict[str, discounts.Terms], strict=False)
    except msgspec.ValidationError as error:
        raise ValidationError(str(error)) from error
    for label, rule in terms.items():
        if reason := discounts.fault(rule):
            raise ValidationError(f"{label}: {reason}")


class Strategy(models.Model):
    """One approved way of forming offers inside a campaign."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        LIVE = "live", _("live")
        REJECTED = "rejected", _("rejected")
        ENDED = "ended", _("ended")

    class Kind(models.TextChoices):
        PERCENTAGE = "percentage", _("percentage")
        THRESHOLD = "threshold", _("threshold")
        GIFT = "gift", _("gift")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="strategies")
    kind = models.CharField(max_length=20, choices=Kind)
    title = models.CharField(max_length=200)
    reason = models.TextField(help_text="Why the platform proposes it, in plain words.")
    scope = ArrayField(
        models.TextField(), blank=True, help_text="Categories; empty: the whole basket."
    )
    menu = models.JSONField(validators=[check_menu])
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    budget = models.DecimalField(max_digits=14, decimal_places=4)
    spent = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    redemptions = models.IntegerField(default=0)
    holdout = models.FloatField()
    explore = models.FloatField(
        default=0.2, help_text="The share of the treated whose variant is drawn by lot."
    )
    least_margin = models.DecimalField(
        max_digits=4, decimal_places=3, help_text="No line is sold below this margin."
    )
    forecast = models.JSONField()
    measured = models.JSONField(
        default=dict, blank=True, help_text="Counted from events every quarter hour."
    )
    guards = models.JSONField()
    proposed_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, default="", blank=True)
    comment = models.TextField(default="", blank=True)

    class Meta:
        verbose_name_plural = "strategies"
        constraints = [
            models.CheckConstraint(
                condition=Q(spent__gte=0, spent__lte=F("budget")),
                name="strategy_within_budget",
            ),
            models.CheckConstraint(
                condition=Q(holdout__gte=0, holdout__lt=1), name="strategy_holdout"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed") | Q(decided_at__isnull=False),
                name="strategy_decided",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def stream(self) -> str:
        """The decision stream in the log."""
        return f"strategy:{self.pk}"

    @property
    def terms(self) -> dict[str, discounts.Terms]:
        """The menu, typed: label -> terms."""
        return msgspec.convert(self.menu, dict[str, discounts.Terms], strict=False)

    @property
    def left(self) -> Decimal:
        """What may still be spent."""
        return min(self.budget - self.spent, self.campaign.budget - self.campaign.spent)

    @property
    def exhausted(self) -> bool:
        """Whether what is left is less than a redemption has cost so far on average.

        Such offers are not shown any more: checkout would refuse most of them.
        """
        return self.left * self.redemptions < self.spent


class Offer(models.Model):
    """A strategy's variant addressed to one customer; its id is the decision's id."""

    id = models.UUIDField(primary_key=True)
    customer = models.UUIDField()
    strategy = models.ForeignKey(Strategy, models.CASCADE, related_name="offers")
    variant = models.TextField()
    probability = models.FloatField(help_text="Of this very choice, for the estimates.")
    expected = models.FloatField(help_text="Incremental margin forecast for it.")
    computed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True)
    why: Sequence[str] = ()
    """What may be said to the customer, see offers.explain; not stored."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "strategy"], name="offer_once_per_strategy"
            ),
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1),
                name="offer_probability",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant} for {self.customer}"


class Sheet(models.Model):
    """A customer's offers, rendered: GET offers is one look-up by key."""

    customer = models.UUIDField(primary_key=True)
    body = models.TextField()
    expires_at = models.DateTimeField()
    position = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="What was known of the log when it was ranked.",
    )

    def __str__(self) -> str:
        return str(self.customer)


class Redemption(models.Model):
    """One recorded use of an offer by an order."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="redeemed_orders"
    )
    offer = models.UUIDField()
    customer = models.UUIDField(null=True)
    order_id = models.TextField()
    variant = models.TextField()
    discount = models.DecimalField(max_digits=14, decimal_places=4)
    gift_value = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    adjustments = models.JSONField()
    redeemed_at = models.DateTimeField()

    ERASED: ClassVar[Mapping[str, Any]] = {
        "customer": None,
        "order_id": Concat(Value("erased "), Cast("id", models.TextField())),
    }
    """What analytics.privacy leaves: the money was spent, whoever spent it."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order_id", "strategy"], name="redemption_once_per_order"
            ),
            models.UniqueConstraint(fields=["offer"], name="redemption_once_per_offer"),
            models.CheckConstraint(
                condition=Q(discount__gt=0), name="redemption_has_effect"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.discount}"


class Receipt(models.Model):
    """The answer to an Idempotency-Key, given again when the call is retried."""

    pk = models.CompositePrimaryKey("caller", "key")
    caller = models.UUIDField()
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64, help_text="SHA-256 of the request body.")
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.key
