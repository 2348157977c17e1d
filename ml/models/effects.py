"""What prices and campaigns did, as past weeks show."""

from django.db import models
from django.db.models import F, Q


class Elasticity(models.Model):
    """How a category's units answered its own price, in per cent for one per cent."""

    category = models.TextField(primary_key=True)
    value = models.FloatField()
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    weeks = models.PositiveIntegerField(help_text="Weeks observed.")
    basis = models.TextField(default="observational")
    computed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "elasticities"
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("value"), high__gte=F("value")),
                name="elasticity_within_its_interval",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.value:.2f}"


class CampaignResponse(models.Model):
    """How customers answered the shop's own addressed campaigns, all pooled."""

    computed_at = models.DateTimeField()
    lift = models.FloatField(help_text="Log-odds of buying in scope when addressed.")
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    depth = models.FloatField(help_text="Mean coupon discount on the coupons' lines.")
    use = models.FloatField(help_text="Share of buyers in scope who used a coupon.")
    campaigns = models.PositiveIntegerField()
    basis = models.TextField(default="observational")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("lift"), high__gte=F("lift")),
                name="response_within_its_interval",
            ),
            models.CheckConstraint(
                condition=Q(depth__gt=0, depth__lte=1, use__gte=0, use__lte=1),
                name="response_shares",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.lift:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


class CrossEffect(models.Model):
    """Which share of what a discount gains comes from the rest of its category."""

    category = models.TextField(primary_key=True)
    diverted = models.FloatField(help_text="0: none; 1: all; below 0: it gains too.")
    low = models.FloatField(help_text="Lower end of the 95 % interval.")
    high = models.FloatField(help_text="Upper end of the 95 % interval.")
    weeks = models.PositiveIntegerField(help_text="Weeks observed.")
    basis = models.TextField(default="observational")
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(low__lte=F("diverted"), high__gte=F("diverted")),
                name="cross_effect_within_its_interval",
            )
        ]

    def __str__(self) -> str:
        return f"{self.category} {self.diverted:.2f}"
