"""Keys of shops, and what could not come in by them."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics import clock
from analytics.languages import reread


class ApiKey(models.Model):
    """A shop's key. The key itself is shown once and never stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256")
    scopes = ArrayField(models.TextField())
    publishable = models.BooleanField(
        default=False, help_text="May be seen by browsers: writes events, reads offers."
    )
    origins = ArrayField(
        models.TextField(),
        default=list,
        blank=True,
        help_text="Sites that may use a publishable key; none: every site.",
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.name


class Rejection(models.Model):
    """An event that could not enter the log, kept so that nothing is lost.

    Rows hold what the shop sent, personal text included: they go after 30 days.
    """

    received_at = models.DateTimeField(default=clock.now)
    source = models.TextField(help_text="The name of the key that sent it.")
    reason = models.TextField()
    path = models.TextField(default="")
    body = models.BinaryField()
    call = models.TextField(
        default="", help_text="How it was sent: empty for our own wire, else the path."
    )
    replays = models.IntegerField(default=0)
    resolved_at = models.DateTimeField(
        null=True, help_text="When a replay was accepted."
    )

    class Meta:
        # Of the last hour (alerts), the newest (connect), those of 30 days ago (tasks).
        indexes = [models.Index(fields=["received_at"], name="rejection_received")]

    def __str__(self) -> str:
        return f"{self.received_at:%Y-%m-%d %H:%M} {reread(self.reason)}"


class WrongKey(models.Model):
    """A key that opened nothing: a shop that sends it loses its events unseen.

    At most analytics.access.MOST_WRONG rows, so that guessing cannot fill the disk.
    """

    digest = models.CharField(primary_key=True, max_length=64)
    hint = models.TextField(help_text="How the key begins.")
    attempts = models.IntegerField(default=1)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.hint}…"
