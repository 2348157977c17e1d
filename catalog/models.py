"""Products: a mirror of the shop's feed; changes of price and stock are events; feeds.

What prices were and are, for the law and for storefronts: catalog.prices keeps these
tables, in the transactions that append the events.

Money keeps four decimals in every table: some currencies have three, USD shows two.
"""

import uuid
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from analytics import clock
from catalog import price_rules


class Product(models.Model):
    """`cost`, `stock`, `lead_days` and `expires_on` are null where the shop is silent.

    `price` is the price in force; `listed_price` is what the shop's feed said last.

    `gtin` and `mpn` (the maker's number) tell the same product in other shops. Products
    of a `family` differ in size or colour alone: their prices keep together.
    """

    sku = models.CharField(max_length=200, primary_key=True)
    name = models.TextField()
    department = models.TextField(default="", blank=True)
    category = models.TextField(default="", blank=True)
    brand = models.TextField(default="", blank=True)
    size = models.TextField(default="", blank=True)
    gtin = models.CharField(max_length=14, default="", blank=True)
    mpn = models.CharField(max_length=200, default="", blank=True)
    family = models.CharField(max_length=200, default="", blank=True)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    listed_price = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, blank=True
    )
    cost = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    stock = models.IntegerField(null=True, blank=True)
    lead_days = models.IntegerField(
        null=True, blank=True, help_text="From an order to its arrival."
    )
    pack = models.IntegerField(default=1, help_text="Units that are ordered together.")
    expires_on = models.DateField(
        null=True, blank=True, help_text="The first day on which some are not sold."
    )
    expiring = models.IntegerField(
        null=True, blank=True, help_text="Units of that day; empty: all there are."
    )
    promotable = models.BooleanField(
        default=True, help_text="Fuel, stamps and the like must never be discounted."
    )
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            # Products of a scope: proposals, gifts.
            models.Index(fields=["category"], name="product_category"),
            models.Index(
                fields=["family"], name="product_family", condition=~Q(family="")
            ),
            models.Index(fields=["gtin"], name="product_gtin", condition=~Q(gtin="")),
            models.Index(
                fields=["expires_on"],
                name="product_expires",
                condition=Q(expires_on__isnull=False),
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="product_cost"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="product_stock"),
            models.CheckConstraint(condition=Q(lead_days__gte=0), name="product_lead"),
            models.CheckConstraint(condition=Q(pack__gte=1), name="product_pack"),
            models.CheckConstraint(
                condition=Q(expiring__gte=0) & Q(expires_on__isnull=False)
                | Q(expiring=None),
                name="product_expiring",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PricePoint(models.Model):
    """From a moment on a product cost so much: the log's price changes, by product."""

    sku = models.CharField(max_length=200)
    since = models.DateTimeField()
    price = models.DecimalField(max_digits=14, decimal_places=4)
    currency = models.CharField(max_length=3)

    class Meta:
        indexes = [models.Index(fields=["sku", "since"], name="price_point")]

    def __str__(self) -> str:
        return f"{self.sku} {self.price} {self.currency}"


class PriceHold(models.Model):
    """A strategy's price is in force, or was until a moment ago; see catalog.prices.

    `back` is what the product costs without it, `echoes` the prices it has had by the
    strategy: a feed that repeats one of them tells nothing new.
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

    class Meta:
        indexes = [
            models.Index(fields=["strategy"], name="price_hold_strategy"),
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


class Feed(models.Model):
    """Products or past orders that came as a whole: by the API, or as a file.

    A file waits as `body`, for a day at most, while it is looked into, approved and
    taken by a worker. `done` of `rows` is how far that is; `errors` are the first
    refused rows: {row, field, reason, value}. Orders' values tell of customers, so they
    are not kept; neither is what is in the file, once it was taken or a day is over.
    """

    class What(models.TextChoices):
        PRODUCTS = "products", _("products")
        ORDERS = "orders", _("past orders")

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
