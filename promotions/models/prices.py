"""Prices for everybody, each for its time."""

from datetime import timedelta

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from promotions.models.strategies import Strategy

OPEN = timedelta(days=28)
"""So long is a price change watched that has no end."""


class PriceLine(models.Model):
    """A product's price for a time, of a strategy that changes prices.

    Several lines of a sku, one after the other, are a mark-down path. Without an end
    the price stays, and what the feed says counts again when the campaign is over.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        PLANNED = "planned", _("planned")
        RUNNING = "running", _("in force")
        OVER = "over", _("over")
        OVERRULED = "overruled", _("overruled by the shop")

    # No index of its own: that of price_line_once begins with it.
    strategy = models.ForeignKey(
        Strategy, models.PROTECT, related_name="price_lines", db_index=False
    )
    sku = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=14, decimal_places=4)
    was = models.DecimalField(
        max_digits=14, decimal_places=4, help_text="When it was proposed."
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=20, choices=State, default=State.PROPOSED)
    expects = models.JSONField(
        default=dict, blank=True, help_text="See price_lines.Expected."
    )

    class Meta:
        indexes = [
            # What begins or ends by now?
            models.Index(
                fields=["strategy", "state"],
                name="price_line_open",
                condition=Q(state__in=["planned", "running"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["strategy", "sku", "starts_at"], name="price_line_once"
            ),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_line_price"),
            models.CheckConstraint(
                condition=Q(ends_at=None) | Q(ends_at__gt=F("starts_at")),
                name="price_line_period",
            ),
            ExclusionConstraint(
                name="price_line_alone",
                expressions=[
                    ("sku", RangeOperators.EQUAL),
                    (
                        Func(
                            "starts_at",
                            "ends_at",
                            # Half-open, so that the steps of a path may touch;
                            # null is without end.
                            function="TSTZRANGE",
                            output_field=DateTimeRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(state__in=["planned", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.price}"
