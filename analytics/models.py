"""Customers, the log, checkpoints, and the projections' tables.

`StoredEvent` is written by `analytics.store` alone; a trigger refuses every other
change. `Profile`, `Affinity` and `Tally` are projections: never write them by hand,
`rebuild` counts them again.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone


class Customer(models.Model):
    """The only place that knows whose a random key is."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    external_id = models.TextField(unique=True, help_text="The shop's own id.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.external_id


class StoredEvent(models.Model):
    """One fact. The log outlives the person, so `customer` is no foreign key."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    type = models.TextField()
    schema = models.SmallIntegerField()
    customer = models.UUIDField(null=True)
    stream = models.TextField(null=True)
    version = models.IntegerField(null=True)
    data = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "event"
        indexes = [
            # One customer's trail: profile page, live features, export.
            models.Index(fields=["customer", "position"], name="event_customer"),
            # store.read(types=...): projections and features.
            models.Index(fields=["type", "position"], name="event_type"),
            BrinIndex(fields=["occurred_at"], name="event_occurred"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["stream", "version"],
                condition=Q(stream__isnull=False),
                name="event_stream_version",
            ),
            models.CheckConstraint(
                condition=Q(stream__isnull=True, version__isnull=True)
                | Q(stream__isnull=False, version__isnull=False),
                name="event_stream_has_version",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.position} {self.type}"


class Checkpoint(models.Model):
    """How far a projection has read; `error` says why it stopped."""

    projection = models.TextField(primary_key=True)
    position = models.BigIntegerField(default=0)
    moved_at = models.DateTimeField(default=timezone.now)
    error = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"{self.projection} at {self.position}"


class Profile(models.Model):
    """Projection `customers`: what one customer has done so far.

    Amounts keep the log's four decimals: rounded ones would add up differently in a
    replay than as they came.
    """

    customer = models.UUIDField(primary_key=True)
    orders = models.IntegerField(default=0)
    units = models.BigIntegerField(default=0)
    spend = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    discounts = models.DecimalField(max_digits=20, decimal_places=4, default=0)
    views = models.IntegerField(default=0)
    offers_shown = models.IntegerField(default=0)
    coupons_redeemed = models.IntegerField(default=0)
    first_order_at = models.DateTimeField(null=True)
    last_order_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.customer)


class Affinity(models.Model):
    """Projection `customers`: what one customer has bought of one category."""

    pk = models.CompositePrimaryKey("customer", "category")
    customer = models.UUIDField()
    category = models.TextField()
    orders = models.IntegerField()
    units = models.BigIntegerField()
    spend = models.DecimalField(max_digits=20, decimal_places=4)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "affinities"

    def __str__(self) -> str:
        return f"{self.customer} {self.category}"


class Tally(models.Model):
    """Projection `days`: how many events of each type happened on each day (UTC)."""

    pk = models.CompositePrimaryKey("day", "type")
    day = models.DateField()
    type = models.TextField()
    events = models.IntegerField()

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.day} {self.type}"


class ApiKey(models.Model):
    """A shop's key. The key itself is shown once and never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256")
    scopes = ArrayField(models.TextField())
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name


class Rejection(models.Model):
    """An event that could not enter the log, kept so that nothing is lost.

    Rows hold what the shop sent, personal text included: they go after 30 days.
    """

    received_at = models.DateTimeField(default=timezone.now)
    source = models.TextField(help_text="The name of the key that sent it.")
    reason = models.TextField()
    path = models.TextField(default="")
    body = models.BinaryField()

    class Meta:
        indexes = [models.Index(fields=["received_at"], name="rejection_received")]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M} {self.reason}"
