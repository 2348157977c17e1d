"""What is expected to sell."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class Forecast(models.Model):
    """What a category or product is expected to sell by week; replaced by ml.outlook.

    Arrays run over the weeks from Monday `first`; `history` over those that end there.
    """

    class Level(models.TextChoices):
        CATEGORY = "category", _("Category")
        PRODUCT = "product", _("Product")

    pk = models.CompositePrimaryKey("level", "key")
    level = models.TextField(choices=Level)
    key = models.TextField(help_text="The sku, or the category.")
    category = models.TextField(blank=True)
    first = models.DateField(help_text="The Monday of the first week.")
    units = ArrayField(models.FloatField(), help_text="Expected units a week.")
    low = ArrayField(models.FloatField(), help_text="10 % of weeks lie below.")
    median = ArrayField(models.FloatField(), help_text="Half of weeks lie below.")
    high = ArrayField(models.FloatField(), help_text="10 % of weeks lie above.")
    naive = ArrayField(models.FloatField(), help_text="As the last week was.")
    seasonal = ArrayField(models.FloatField(), help_text="As the last season was.")
    history = ArrayField(models.FloatField(), help_text="Units of the weeks before.")
    undiscounted = models.FloatField(
        help_text="The share of `units` that would sell without shelf discounts."
    )
    elasticity = models.FloatField(help_text="Log units by log price, observational.")
    elasticity_error = models.FloatField()
    method = models.TextField()
    figures = models.JSONField(default=dict, help_text="Losses on past weeks.")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(level__in=["category", "product"]),
                name="forecast_level_known",
            ),
            models.CheckConstraint(
                condition=Q(units__len=F("low__len"), high__len=F("low__len")),
                name="forecast_arrays_alike",
            ),
            models.CheckConstraint(
                condition=Q(elasticity_error__gte=0), name="forecast_error_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.key} from {self.first}"


class DemandShare(models.Model):
    """A product without a series of its own: its share of its category's units."""

    sku = models.TextField(primary_key=True)
    category = models.TextField()
    share = models.FloatField(help_text="Of the category's units, lately.")
    spread = models.FloatField(help_text="Variance of a week over its mean, from 1.")
    elasticity = models.FloatField(null=True, help_text="Null: its category's.")
    elasticity_error = models.FloatField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gte=0, share__lte=1), name="demand_share_in_0_1"
            ),
            models.CheckConstraint(
                condition=Q(spread__gte=1), name="demand_share_spread_from_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.share:.4f}"
