"""What products cost and cost before, and what prices may become."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from catalog import price_rules


class PricePoint(models.Model):
    """From a moment on a product cost so much: the log's price changes, by product.

    `price` is null from when it was not on sale.
    """

    sku = models.CharField(max_length=200)
    since = models.DateTimeField()
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    currency = models.CharField(max_length=3)

    class Meta:
        # catalog.history: what was in force when a window began, and what came after.
        indexes = [models.Index(fields=["sku", "since"], name="price_point")]

    def __str__(self) -> str:
        return f"{self.sku} {self.price} {self.currency}"


class PriceHold(models.Model):
    """A strategy's price is in force, or was until a moment ago; see catalog.prices.

    `back` is what the product costs without it, `echoes` the prices it has had by the
    strategy: a feed that repeats one of them tells nothing new. Of one that `stays`
    the price is the product's own by now, and a feed that goes on listing the old one
    tells nothing new either. `doubted`: the last price of a feed was this one, and was
    taken for an echo that came late.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    strategy = models.UUIDField()
    price = models.DecimalField(max_digits=14, decimal_places=4)
    back = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)
    echoes = ArrayField(models.DecimalField(max_digits=14, decimal_places=4))
    since = models.DateTimeField()
    released_at = models.DateTimeField(null=True)
    overruled_at = models.DateTimeField(null=True)
    stays = models.BooleanField(default=False)
    doubted = models.DecimalField(max_digits=14, decimal_places=4, null=True)

    class Meta:
        indexes = [
            models.Index(fields=["strategy"], name="price_hold_strategy"),
            # feed_prices.believed and prices.refresh: few were released of late.
            models.Index(
                fields=["released_at"],
                name="price_hold_released",
                condition=Q(released_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sku} {self.price} {self.currency}"


class ShownPrice(models.Model):
    """A product's price as storefronts read it: `body` is JSON.

    Versions grow in the order in which transactions end: all that write here hold
    the products' lock. `until`: then a reference price is shown no more.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    version = models.BigIntegerField(unique=True)
    body = models.TextField()
    reference = models.DecimalField(max_digits=14, decimal_places=4, null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # prices.refresh: whose reduction is over.
            models.Index(
                fields=["until"],
                name="price_shown_until",
                condition=Q(until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.body


def check_ending(ending: str) -> None:
    """Refuse a text that names no endings of prices."""
    if wrong := price_rules.ending_fault(ending):
        raise ValidationError(wrong)


class PricingRule(models.Model):
    """What prices may become, in a category, or in all that have no rule of their own.

    Shares are of one: 0.10 is 10 %. See catalog.price_rules.
    """

    category = models.TextField(
        unique=True, blank=True, help_text="Empty: every category without a rule."
    )
    ending = models.CharField(
        max_length=40,
        blank=True,
        default="9",
        validators=[check_ending],
        help_text="Prices end so, as 9, or .49 .99; or in steps, as 0.05; empty: any.",
    )
    least_margin = models.DecimalField(
        max_digits=4, decimal_places=3, default=Decimal("0.050")
    )
    most_above = models.DecimalField(
        max_digits=5,
        decimal_places=3,
        default=Decimal("0.200"),
        help_text="Above the price that the shop lists.",
    )
    most_up = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.100"),
        help_text="In one step.",
    )
    most_down = models.DecimalField(
        max_digits=4,
        decimal_places=3,
        default=Decimal("0.200"),
        help_text="In one step.",
    )
    least_days = models.PositiveSmallIntegerField(
        default=7, help_text="Between two changes of a product's price."
    )
    families = models.BooleanField(
        default=True,
        help_text="A bigger pack costs more, and not more by unit; colours cost alike.",
    )
    above_competitors = models.DecimalField(
        max_digits=5,
        decimal_places=3,
        null=True,
        blank=True,
        help_text="At most so far above the cheapest competitor; empty: as one likes.",
    )
    progressive = models.BooleanField(
        default=False,
        help_text="Where the law allows: steps of one mark-down are shown against "
        "the price before the first.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    least_margin__gte=0,
                    least_margin__lt=1,
                    most_above__gte=0,
                    most_up__gte=0,
                    most_down__gte=0,
                    most_down__lt=1,
                ),
                name="pricing_rule_shares",
            ),
            models.CheckConstraint(
                condition=Q(above_competitors=None) | Q(above_competitors__gt=-1),
                name="pricing_rule_competitors",
            ),
        ]

    def __str__(self) -> str:
        return self.category or "*"
