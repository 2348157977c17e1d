"""How long the stock of each product lasts."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Supply(models.Model):
    """How a product's stock stands: promotions.supply counts it anew every hour.

    Only products have a row whose stock the shop sends. `weekly` units are expected to
    sell, `promoted` of those until an order of today is sold come from promotions;
    `lead_assumed`: no product says it. The rest is of catalog.stock.Standing.
    """

    class State(models.TextChoices):
        OUT = "out", _("sold out")
        SHORT = "short", _("runs short")
        EXPIRING = "expiring", _("will expire unsold")
        OVER = "over", _("too much")
        FINE = "fine", _("enough")
        UNKNOWN = "unknown", _("no forecast")

    product = models.OneToOneField(
        "catalog.Product",
        models.CASCADE,
        primary_key=True,
        db_column="sku",
        related_name="supply",
    )
    category = models.TextField(blank=True)
    state = models.CharField(max_length=20, choices=State)
    units = models.IntegerField()
    incoming = models.IntegerField(default=0)
    weekly = models.FloatField(default=0.0)
    promoted = models.FloatField(default=0.0)
    cover = models.FloatField(null=True, help_text="Days; empty: none sells.")
    chance_out = models.FloatField(default=0.0)
    lead_days = models.IntegerField(default=0)
    lead_assumed = models.BooleanField(default=False)
    protected_days = models.IntegerField(default=0)
    safety = models.IntegerField(default=0)
    reorder_point = models.IntegerField(default=0)
    order = models.IntegerField(default=0)
    over = models.IntegerField(default=0)
    chance_over = models.FloatField(default=0.0)
    unsold = models.FloatField(default=0.0)
    chance_unsold = models.FloatField(default=0.0)
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "supplies"
        indexes = [
            models.Index(fields=["state", "-chance_out"], name="supply_state"),
            models.Index(fields=["category"], name="supply_category"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.get_state_display()}"
