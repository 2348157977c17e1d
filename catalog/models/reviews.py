"""What people say, and what was read from it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock


class Review(models.Model):
    """What somebody said, of a product or beyond one, and what a model read from it.

    `id` is the shop's own. The row goes after `kept_until`, and when its customer is
    erased. `negative`, `neutral` and `positive` are chances, null until a worker has
    judged the text (ml.judging); `aspects`: {aspect: tone from -1 to 1}; `words`:
    [[word, by how much it spoke for the tone]].
    """

    class Source(models.TextChoices):
        SHOP = "shop", _("review in the shop")
        POST = "post", _("post elsewhere")
        NEWS = "news", _("news")
        SERVICE = "service", _("message to the service")

    class State(models.TextChoices):
        PENDING = "pending", _("waits")
        PUBLISHED = "published", _("published")
        HIDDEN = "hidden", _("hidden")

    id = models.CharField(max_length=200, primary_key=True)
    sku = models.CharField(max_length=200, default="", blank=True)
    brand = models.TextField(default="", blank=True)
    category = models.TextField(default="", blank=True)
    campaign = models.CharField(max_length=200, default="", blank=True)
    customer = models.UUIDField(null=True, blank=True)
    rating = models.FloatField(null=True, blank=True)
    text = models.TextField()
    language = models.CharField(max_length=8, default="", blank=True)
    source = models.CharField(max_length=20, choices=Source, default=Source.SHOP)
    topic = models.CharField(max_length=60, default="", blank=True)
    topic_said = models.BooleanField(
        default=False, help_text="By the sender; else found."
    )
    written_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    kept_until = models.DateField()
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    moderated_by = models.CharField(max_length=150, default="", blank=True)
    moderated_at = models.DateTimeField(null=True, blank=True)
    negative = models.FloatField(null=True, blank=True)
    neutral = models.FloatField(null=True, blank=True)
    positive = models.FloatField(null=True, blank=True)
    aspects = models.JSONField(default=dict, blank=True)
    words = models.JSONField(default=list, blank=True)
    judged_by = models.CharField(max_length=64, default="", blank=True)

    class Meta:
        indexes = [
            # GET reviews, page by page.
            models.Index(fields=["state", "-written_at", "id"], name="review_newest"),
            models.Index(fields=["sku", "-written_at"], name="review_sku"),
            # ml.judging: what waits, the oldest first.
            models.Index(
                fields=["received_at"],
                name="review_unjudged",
                condition=Q(judged_by=""),
            ),
            # reviews.forget, every hour.
            models.Index(fields=["kept_until"], name="review_end"),
            # Erasure and export (analytics.privacy).
            models.Index(
                fields=["customer"],
                name="review_customer",
                condition=Q(customer__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(rating__gte=1, rating__lte=5) | Q(rating=None),
                name="review_rating",
            ),
            models.CheckConstraint(
                condition=Q(source__in=["shop", "post", "news", "service"]),
                name="review_source_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["pending", "published", "hidden"]),
                name="review_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.text[:60]}"

    @property
    def tone(self) -> str:
        """The likeliest tone; empty until it was judged."""
        chances = {
            "negative": self.negative,
            "neutral": self.neutral,
            "positive": self.positive,
        }
        known = {name: value for name, value in chances.items() if value is not None}
        return max(known, key=known.__getitem__) if known else ""
