"""The log, and its months that are files by now."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from analytics import clock


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
    recorded_at = models.DateTimeField(default=clock.now)
    source = models.TextField(null=True, help_text="The key it came by; null: ours.")
    bot = models.BooleanField(default=False, db_default=False)
    original_at = models.DateTimeField(null=True, help_text="As the client said.")
    sent_at = models.DateTimeField(null=True, help_text="By the client's clock.")

    class Meta:
        verbose_name = "event"
        indexes = [
            # One customer's trail: profile page, live features, export.
            models.Index(fields=["customer", "position"], name="event_customer"),
            # store.read(types=...): projections and features.
            models.Index(fields=["type", "position"], name="event_type"),
            # Spans of days (archive, units_sold): small, as rows lie nearly in that
            # order.
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


class Archive(models.Model):
    """A month of the log that was moved to a Parquet file; rebuild reads it there."""

    month = models.DateField(primary_key=True)
    path = models.TextField(help_text="Under var/archive.")
    checksum = models.CharField(max_length=64, help_text="SHA-256")
    events = models.IntegerField()
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    archived_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class ArchivedId(models.Model):
    """The id of an archived event: still known, so still a duplicate."""

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)
