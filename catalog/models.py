"""Products: a mirror of the shop's feed; changes of price and stock are events.

Money keeps four decimals in every table: some currencies have three, USD shows two.
"""

from django.db import models
from django.db.models import Q

from analytics import clock


class Product(models.Model):
    """`cost` and `stock` are null where the shop does not say."""

    sku = models.CharField(max_length=200, primary_key=True)
    name = models.TextField()
    department = models.TextField(default="", blank=True)
    category = models.TextField(default="", blank=True)
    brand = models.TextField(default="", blank=True)
    size = models.TextField(default="", blank=True)
    currency = models.CharField(max_length=3)
    price = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    cost = models.DecimalField(max_digits=14, decimal_places=4, null=True, blank=True)
    stock = models.IntegerField(null=True, blank=True)
    promotable = models.BooleanField(
        default=True, help_text="Fuel, stamps and the like must never be discounted."
    )
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [
            # Products of a scope: proposals, gifts.
            models.Index(fields=["category"], name="product_category"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="product_price"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="product_cost"),
            models.CheckConstraint(condition=Q(stock__gte=0), name="product_stock"),
        ]

    def __str__(self) -> str:
        return self.name
