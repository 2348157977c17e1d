"""Where the shop is told of what happens, and each message to it."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock


class Endpoint(models.Model):
    """Where a shop wants to be told of what happens: a webhook."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.URLField(max_length=500, unique=True)
    secret = models.CharField(
        max_length=80, editable=False, help_text="whsec_…; signs every delivery."
    )
    old_secret = models.CharField(max_length=80, default="", editable=False)
    old_until = models.DateTimeField(
        null=True, editable=False, help_text="So long the secret before signs too."
    )
    types = ArrayField(
        models.TextField(), blank=True, default=list, help_text="Empty: all."
    )
    active = models.BooleanField(default=True)
    failing_since = models.DateTimeField(null=True, editable=False)
    position = models.BigIntegerField(
        default=0, editable=False, help_text="The log's position it was told up to."
    )
    # The machine's clock, as for all that is between us and peers (decision 27).
    created_at = models.DateTimeField(default=clock.wall, editable=False)

    def __str__(self) -> str:
        return self.url


class Delivery(models.Model):
    """One message to one endpoint; those of a strategy go out in order."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given up", _("given up")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries")
    position = models.BigIntegerField(help_text="Of the event in the log.")
    strategy = models.UUIDField()
    type = models.TextField()
    state = models.CharField(max_length=20, choices=State, default=State.WAITING)
    attempts = models.IntegerField(default=0)
    next_at = models.DateTimeField(default=clock.wall)
    status = models.IntegerField(null=True, help_text="The last answer's.")
    error = models.TextField(default="", blank=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(
                fields=["endpoint", "strategy", "position"],
                name="delivery_waiting",
                condition=Q(state="waiting"),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "position"], name="delivery_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} → {self.endpoint_id}"
