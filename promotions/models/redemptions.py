"""Uses of strategies: counted, held for a cart, redeemed, rolled back."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat
from django.utils.translation import gettext_lazy as _

from promotions.models.strategies import Strategy


class Counter(models.Model):
    """What a limit has counted: uses and money of a holder in a period.

    `subject` is a strategy or a campaign; the holder a customer, a code, or neither.
    `begins` is the period's first day in the campaign's zone; for "ever" 0001-01-01.
    """

    subject = models.UUIDField()
    customer = models.UUIDField(null=True)
    code = models.UUIDField(null=True)
    period = models.CharField(max_length=10)
    begins = models.DateField()
    uses = models.IntegerField(default=0)
    money = models.DecimalField(max_digits=14, decimal_places=4, default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["customer"],
                name="counter_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "customer", "code", "period", "begins"],
                name="counter_once",
                # A limit of all has neither customer nor code: NULLs that differ would
                # begin a row, and a count, with each use.
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(uses__gte=0, money__gte=0), name="counter_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.uses} uses, {self.money}, {self.period} of {self.begins}"


class Reservation(models.Model):
    """A hold on budgets, limits and codes for one cart, until it is used or expires."""

    class State(models.TextChoices):
        HELD = "held", _("held")
        REDEEMED = "redeemed", _("redeemed")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.UUIDField(null=True)
    currency = models.CharField(max_length=3)
    priced = models.JSONField(help_text="As it was answered.")
    state = models.CharField(max_length=20, choices=State, default=State.HELD)
    reserved_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    ERASED: ClassVar[Mapping[str, Any]] = {
        "customer": None,
        "priced": {},
        "expires_at": F("reserved_at"),
    }
    """What analytics.privacy leaves: it is overdue, and so gives the money back."""

    class Meta:
        indexes = [
            models.Index(
                # Nearly all are used or over: it holds only what may be overdue.
                fields=["expires_at"],
                name="reservation_held",
                condition=Q(state="held"),
            ),
            models.Index(
                fields=["customer"],
                name="reservation_customer",
                condition=Q(customer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reserved_at:%Y-%m-%d %H:%M}, {self.get_state_display()}"


class Hold(models.Model):
    """What a reservation holds of one strategy."""

    reservation = models.ForeignKey(Reservation, models.CASCADE, related_name="holds")
    strategy = models.ForeignKey(Strategy, models.PROTECT, related_name="holds")
    offer = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0, help_text="Of the offer.")
    code = models.UUIDField(null=True)
    variant = models.TextField()
    discount = models.DecimalField(max_digits=14, decimal_places=4)
    gift = models.CharField(max_length=200, default="", blank=True)
    gift_value = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    adjustments = models.JSONField()
    counted = models.JSONField(
        default=list, help_text="The counters that were raised: [id, …]."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["reservation", "strategy"], name="hold_once"
            ),
        ]
        indexes = [
            models.Index(fields=["gift"], name="hold_gift", condition=~Q(gift="")),
        ]

    def __str__(self) -> str:
        return f"{self.strategy_id}: {self.discount}"


class Redemption(models.Model):
    """One recorded use of a strategy by an order: of an offer, a code, or neither."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="redeemed_orders"
    )
    offer = models.UUIDField(null=True)
    turn = models.PositiveIntegerField(default=0, help_text="Of the offer.")
    code = models.UUIDField(null=True)
    customer = models.UUIDField(null=True)
    order_id = models.TextField()
    variant = models.TextField()
    discount = models.DecimalField(max_digits=14, decimal_places=4)
    gift = models.CharField(max_length=200, default="", blank=True)
    gift_value = models.DecimalField(max_digits=14, decimal_places=4, default=0)
    adjustments = models.JSONField()
    counted = models.JSONField(
        default=list, help_text="The counters that were raised: [id, …]."
    )
    redeemed_at = models.DateTimeField()
    returned = models.DecimalField(
        max_digits=14,
        decimal_places=4,
        default=0,
        help_text="Of the discount, taken back by rollbacks.",
    )
    rolled_back_at = models.DateTimeField(null=True, help_text="When whole.")

    ERASED: ClassVar[Mapping[str, Any]] = {
        "customer": None,
        # Not empty: an order uses a strategy once, and so would all that is erased.
        "order_id": Concat(Value("erased "), Cast("id", models.TextField())),
    }
    """What analytics.privacy leaves: the money was spent, whoever spent it."""

    class Meta:
        indexes = [
            # autosummarize: else the newest pages are read whole until a vacuum.
            BrinIndex(
                fields=["redeemed_at"], name="redemption_when", autosummarize=True
            ),
            models.Index(fields=["customer"], name="redemption_customer"),
            models.Index(
                # What was given since the feed told its stock (promotions.gifts).
                fields=["gift", "redeemed_at"],
                name="redemption_gift",
                condition=~Q(gift=""),
            ),
            models.Index(
                # Where signs of fraud begin (promotions.fraud).
                fields=["rolled_back_at"],
                name="redemption_rolled_back",
                condition=Q(rolled_back_at__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                # Among those that stand: after a rollback the order may use it again.
                fields=["order_id", "strategy"],
                name="redemption_once_per_order",
                condition=Q(rolled_back_at=None),
            ),
            models.UniqueConstraint(
                fields=["offer", "turn"],
                name="redemption_once_per_turn",
                condition=Q(rolled_back_at=None),
            ),
            # What gives nothing would only use something up.
            models.CheckConstraint(
                condition=Q(discount__gt=0), name="redemption_has_effect"
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("discount")),
                name="redemption_returned",
            ),
        ]

    def __str__(self) -> str:
        return self.order_id


class Rollback(models.Model):
    """The reversal of a redemption, whole or by line."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    redemption = models.ForeignKey(Redemption, models.CASCADE, related_name="rollbacks")
    amount = models.DecimalField(max_digits=14, decimal_places=4)
    customer = models.UUIDField(null=True)
    lines = models.JSONField(help_text="[{line, quantity, amount}]; empty: whole.")
    reason = models.TextField(default="", blank=True)
    rolled_back_at = models.DateTimeField()

    ERASED: ClassVar[Mapping[str, Any]] = {"customer": None, "reason": ""}
    """What analytics.privacy leaves: a reason is the shop's own words on somebody."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="rollback_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.redemption_id}: {self.amount}"
