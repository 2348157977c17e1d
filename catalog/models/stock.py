"""What was in stock, and how goods are kept there."""

from decimal import Decimal

from django.db import models
from django.db.models import Q


class StockDay(models.Model):
    """A product's stock as the shop said it last on a day on which it changed."""

    sku = models.CharField(max_length=200)
    day = models.DateField()
    stock = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sku", "day"], name="stock_day")]

    def __str__(self) -> str:
        return f"{self.sku} {self.day}: {self.stock}"


class StockRule(models.Model):
    """How goods are kept in stock, in a category, or in all that have no rule.

    Shares are of one. `service_level` is the chance that the stock outlasts what is
    under way. Who sends no lead time for a product has `lead_days`.
    """

    category = models.TextField(
        unique=True, blank=True, help_text="Empty: every category without a rule."
    )
    service_level = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.950"),
        help_text="The chance not to run out before an order arrives, as 0.95.",
    )
    target_days = models.PositiveSmallIntegerField(
        default=28, help_text="An order is to last for so long once it is there."
    )
    over_days = models.PositiveSmallIntegerField(
        default=182, help_text="Stock that lasts longer is too much."
    )
    review_days = models.PositiveSmallIntegerField(
        default=7, help_text="You order every so many days."
    )
    lead_days = models.PositiveSmallIntegerField(
        default=7, help_text="From an order to its arrival, where no product says."
    )
    clear_days = models.PositiveSmallIntegerField(
        default=56, help_text="What is too much is marked down for so long at most."
    )
    deepest = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.600"),
        help_text="The deepest mark-down, as a share of the price.",
    )
    steps = models.PositiveSmallIntegerField(
        default=3, help_text="A price falls at most so many times."
    )
    holding = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.250"),
        help_text="What a year in stock costs, as a share of the goods' cost.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    service_level__gt=0,
                    service_level__lt=1,
                    target_days__gte=1,
                    over_days__gte=1,
                    clear_days__gte=7,
                    deepest__gt=0,
                    deepest__lt=1,
                    holding__gte=0,
                ),
                name="stock_rule_shares",
            ),
        ]

    def __str__(self) -> str:
        return self.category or "*"
