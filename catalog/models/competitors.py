"""What competitors sell, what they ask, and which of ours it is."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from catalog.models.products import Product


class CompetitorProduct(models.Model):
    """A competitor's product as it was last seen; `product` is their own id.

    It costs this since `since`, and was seen so again at `seen_at`.
    """

    competitor = models.CharField(max_length=100)
    product = models.CharField(max_length=200)
    name = models.TextField()
    brand = models.CharField(max_length=200, default="", blank=True)
    size = models.CharField(max_length=200, default="", blank=True)
    gtin = models.CharField(max_length=14, default="", blank=True)
    mpn = models.CharField(max_length=200, default="", blank=True)
    url = models.CharField(max_length=1000, default="", blank=True)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    shelf_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    available = models.BooleanField(default=True)
    since = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["competitor", "product"], name="competitor_product"
            ),
            models.CheckConstraint(
                condition=Q(price__gte=0), name="competitor_product_price"
            ),
        ]
        indexes = [
            # catalog.alerts: the last look at each competitor.
            models.Index(fields=["competitor", "seen_at"], name="competitor_seen")
        ]

    def __str__(self) -> str:
        return f"{self.competitor}: {self.name}"


class CompetitorPrice(models.Model):
    """What a competitor's product cost from a moment on; the log's changes by product.

    It can be thrown away and counted again: `rebuild competitor_prices`.
    """

    product = models.ForeignKey(CompetitorProduct, models.CASCADE)
    at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    shelf_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    available = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["product", "at"], name="competitor_price")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d} {self.price}"


class Match(models.Model):
    """Which of our products a competitor's is; `how` it was found.

    `others` are candidates, the best first: {sku, likelihood, why}. `refused` skus were
    rejected by a person, and are not proposed again.
    """

    class State(models.TextChoices):
        AUTOMATIC = "automatic", _("matched by rule")
        WAITING = "waiting", _("waits for a person")
        NONE = "none", _("none of ours")
        CONFIRMED = "confirmed", _("confirmed")
        REJECTED = "rejected", _("rejected")

    class How(models.TextChoices):
        GTIN = "gtin", _("same GTIN")
        MPN = "mpn", _("same maker's number")
        LIKENESS = "likeness", _("name, brand and size")
        PERSON = "person", _("a person")

    product = models.OneToOneField(CompetitorProduct, models.CASCADE, primary_key=True)
    sku = models.ForeignKey(Product, models.CASCADE, null=True, db_column="sku")
    state = models.CharField(max_length=20, choices=State)
    how = models.CharField(max_length=20, choices=How, default="", blank=True)
    likelihood = models.FloatField(default=0.0)
    others = models.JSONField(default=list)
    refused = models.JSONField(default=list)
    by = models.CharField(max_length=150, default="", blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "matches"
        constraints = [
            models.CheckConstraint(
                # Whoever waits is shown a product of ours to say yes to.
                condition=Q(state__in=["none", "rejected"]) | Q(sku__isnull=False),
                name="match_names_a_product",
            )
        ]
        indexes = [
            # match_reviews.waiting: the likeliest first.
            models.Index(
                fields=["-likelihood"],
                name="match_waiting",
                condition=Q(state="waiting"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.product} = {self.sku_id}"


class Position(models.Model):
    """A matched product beside ours, counted every hour (catalog.positions).

    `units` a week were sold lately. `undercut_since` is null where we are not undercut;
    `usual` and `depth` are of a promotion of theirs that began at `promotion_since`.
    """

    product = models.OneToOneField(CompetitorProduct, models.CASCADE, primary_key=True)
    sku = models.ForeignKey(Product, models.CASCADE, db_column="sku")
    category = models.TextField(default="", blank=True)
    currency = models.CharField(max_length=3)
    ours = models.DecimalField(max_digits=14, decimal_places=4)
    theirs = models.DecimalField(max_digits=14, decimal_places=4)
    cost = models.DecimalField(max_digits=14, decimal_places=4)
    units = models.FloatField(default=0.0)
    fresh = models.BooleanField(help_text="Seen lately, and in stock.")
    undercut_since = models.DateTimeField(null=True)
    promotion_since = models.DateTimeField(null=True)
    usual = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    depth = models.FloatField(null=True)
    counted_at = models.DateTimeField()
    read_to = models.BigIntegerField(
        default=0, help_text="How far the log of prices had been read."
    )

    def __str__(self) -> str:
        return f"{self.sku_id}: {self.ours} / {self.theirs}"
