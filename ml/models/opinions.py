"""What is said of goods, counted without anybody's words."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Opinion(models.Model):
    """A text that was judged, without its words: counted from the log (ml.opinions).

    It stays when the text is gone: it names nobody.
    """

    review = models.CharField(max_length=200, primary_key=True)
    day = models.DateField(help_text="When it was written, in UTC.")
    sku = models.CharField(max_length=200, blank=True)
    brand = models.CharField(max_length=200, blank=True)
    category = models.CharField(max_length=200, blank=True)
    campaign = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=20)
    topic = models.CharField(max_length=60, blank=True)
    negative = models.BooleanField(help_text="That is its likeliest tone.")
    hidden = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["day"], name="opinion_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.review}"


class Surge(models.Model):
    """More is said against something than was usual, at this moment (ml.surges)."""

    class Level(models.TextChoices):
        PRODUCT = "product", _("product")
        BRAND = "brand", _("brand")
        CATEGORY = "category", _("category")
        CAMPAIGN = "campaign", _("campaign")

    level = models.CharField(max_length=20, choices=Level)
    key = models.CharField(max_length=200)
    day = models.DateField(help_text="When it was found.")
    since = models.DateField()
    texts = models.IntegerField(help_text="Since then, when it was found.")
    negative = models.IntegerField()
    expected = models.FloatField(help_text="Negative ones, as usual.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["level", "key"], name="surge_of"),
            models.CheckConstraint(
                condition=Q(level__in=["product", "brand", "category", "campaign"]),
                name="surge_level_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.key} since {self.since}"
