"""What the shop sells, as its feed says."""

from django.db import models
from django.db.models import Q

from analytics import clock


class Product(models.Model):
    """`cost`, `stock`, `lead_days` and `expires_on` are null where the shop is silent.

    `price` is the price in force; `listed_price` is the last that was the shop's own:
    a feed that repeats a strategy's price does not change it.

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
    description = models.TextField(default="", blank=True)
    image_url = models.CharField(max_length=2000, default="", blank=True)
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
    incoming = models.IntegerField(
        null=True, blank=True, help_text="Units that are ordered, not there yet."
    )
    incoming_on = models.DateField(
        null=True, blank=True, help_text="When they come; empty: within lead_days."
    )
    promotable = models.BooleanField(
        default=True, help_text="Fuel, stamps and the like must never be discounted."
    )
    updated_at = models.DateTimeField(default=clock.now)
    first_listed_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty: before this was kept."
    )

    class Meta:
        indexes = [
            # ml.new_products: what is new.
            models.Index(
                fields=["first_listed_at"],
                name="product_new",
                condition=Q(first_listed_at__isnull=False),
            ),
            # Products of a scope: proposals, gifts.
            models.Index(fields=["category"], name="product_category"),
            # promotions.price_families: who else is of a price's family.
            models.Index(
                fields=["family"], name="product_family", condition=~Q(family="")
            ),
            models.Index(fields=["gtin"], name="product_gtin", condition=~Q(gtin="")),
            # promotions.supply: what expires soon.
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
            models.CheckConstraint(
                condition=Q(incoming__gte=0), name="product_incoming"
            ),
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
