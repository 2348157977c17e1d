"""What came in as a whole, and from where it is fetched."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock


class Feed(models.Model):
    """Products or past orders that came as a whole: by the API, or as a file.

    A file waits as `body`, for a day at most, while it is looked into, approved and
    taken by a worker. `done` of `rows` is how far that is; `errors` are the first
    refused rows: {row, field, reason, value}. Orders and reviews tell of customers, so
    their values are not kept; neither is what is in the file, once it was taken or a
    day is over.
    """

    class What(models.TextChoices):
        PRODUCTS = "products", _("products")
        ORDERS = "orders", _("past orders")
        PRICES = "prices", _("competitors' prices")
        CALENDAR = "calendar", _("days of the shop's calendar")
        SERIES = "series", _("daily series, such as weather")
        REVIEWS = "reviews", _("what people say")

    class State(models.TextChoices):
        WAITING = "waiting", _("waits to be looked into")
        SHOWN = "shown", _("looked into, nothing written yet")
        WANTED = "wanted", _("waits to be imported")
        TAKING = "taking", _("is being imported")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    what = models.CharField(max_length=20, choices=What)
    name = models.TextField(help_text="Of the file; of the key, if by the API.")
    by = models.CharField(max_length=150, default="", blank=True)
    by_file = models.BooleanField(default=False)
    options = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=20, choices=State)
    step = models.CharField(max_length=20, default="", blank=True)
    rows = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    taken = models.IntegerField(default=0)
    changes = models.IntegerField(default=0, help_text="Events that it left.")
    refused = models.IntegerField(default=0, help_text="Rows.")
    errors = models.JSONField(default=list)
    seen = models.JSONField(default=dict, help_text="What a look into it found.")
    error = models.TextField(default="", blank=True, help_text="Why it failed.")
    attempts = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    checksum = models.CharField(max_length=64, default="", blank=True)
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        # intake.newest; without `body`, which may have 32 MiB.
        indexes = [models.Index(fields=["-created_at"], name="feed_newest")]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M} {self.name}"

    @property
    def percent(self) -> int:
        """How much of it is done."""
        return min(100, round(100 * self.done / self.rows)) if self.rows else 0

    @property
    def moving(self) -> bool:
        """Whether a worker is at it, or will be."""
        return self.state in (self.State.WAITING, self.State.WANTED, self.State.TAKING)


class Source(models.Model):
    """Market data that are fetched by an adapter, and how that went last.

    `token` names an environment variable, MARKET_TOKEN_…, whose value is sent as
    Authorization: no secret is in the database.
    """

    class State(models.TextChoices):
        NEW = "new", _("not fetched yet")
        FETCHING = "fetching", _("is being fetched")
        TAKEN = "taken", _("fetched")
        SAME = "same", _("nothing new")
        FAILED = "failed", _("cannot be fetched")
        UNUSABLE = "unusable", _("fetched, but its file cannot be used")

    name = models.CharField(max_length=100, unique=True)
    what = models.CharField(max_length=20, choices=Feed.What)
    adapter = models.CharField(max_length=40, default="http")
    url = models.CharField(max_length=1000)
    options = models.JSONField(
        default=dict,
        blank=True,
        help_text="columns, currency, competitor, series, items, next: docs/market.md.",
    )
    token = models.CharField(max_length=60, default="", blank=True)
    every_minutes = models.IntegerField(default=24 * 60)
    active = models.BooleanField(default=True)
    state = models.CharField(max_length=20, choices=State, default=State.NEW)
    next_at = models.DateTimeField(default=clock.wall)
    fetched_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)
    failures = models.IntegerField(default=0)
    cached = models.JSONField(default=dict, help_text="ETag and Last-Modified.")
    feed = models.ForeignKey(Feed, models.SET_NULL, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(every_minutes__gte=5), name="source_every"
            )
        ]

    def __str__(self) -> str:
        return self.name
