"""What a product looks like as the shop sends it: by the API, or as a file's row."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from analytics.bodies import AmountField, WholeField
from catalog import identifiers, pricing
from catalog.market_bodies import DayField, UnusedSerializer

MOST_PRODUCTS = 10_000


class ProductSerializer(serializers.Serializer[None]):
    """A product as the shop lists it. `cost` and `stock` may be left out.

    What never expires has no `expires_on`: 9999-12-31 is refused, as other days are
    that lie before 1970 or after 2099.
    """

    sku = serializers.CharField(max_length=200)
    name = serializers.CharField()
    department = serializers.CharField(max_length=200, default="", allow_blank=True)
    category = serializers.CharField(max_length=200, default="", allow_blank=True)
    brand = serializers.CharField(max_length=200, default="", allow_blank=True)
    size = serializers.CharField(max_length=200, default="", allow_blank=True)
    gtin = serializers.CharField(max_length=14, default="", allow_blank=True)
    mpn = serializers.CharField(max_length=200, default="", allow_blank=True)
    family = serializers.CharField(max_length=200, default="", allow_blank=True)
    description = serializers.CharField(max_length=10_000, default="", allow_blank=True)
    image_url = serializers.URLField(max_length=2000, default="", allow_blank=True)
    currency = serializers.RegexField("^[A-Z]{3}$")
    price = AmountField(
        max_digits=14, decimal_places=4, min_value=0, allow_null=True, default=None
    )
    cost = AmountField(
        max_digits=14, decimal_places=4, min_value=0, allow_null=True, default=None
    )
    stock = WholeField(min_value=0, max_value=1_000_000, allow_null=True, default=None)
    lead_days = WholeField(min_value=0, max_value=1000, allow_null=True, default=None)
    pack = WholeField(min_value=1, max_value=100_000, default=1)
    expires_on = DayField(allow_null=True, default=None)
    expiring = WholeField(
        min_value=0, max_value=1_000_000, allow_null=True, default=None
    )
    incoming = WholeField(
        min_value=0, max_value=1_000_000, allow_null=True, default=None
    )
    incoming_on = DayField(allow_null=True, default=None)
    promotable = serializers.BooleanField(default=True)

    def validate_gtin(self, gtin: str) -> str:
        if gtin and not identifiers.is_gtin(gtin):
            raise serializers.ValidationError(
                _("No GTIN: 8, 12, 13 or 14 digits, the last one checks the others."),
                "gtin",
            )
        return gtin

    def validate(self, product: dict[str, Any]) -> dict[str, Any]:
        for name in ("price", "cost"):
            fault = pricing.decimals_fault(product[name], product["currency"])
            if fault:
                raise serializers.ValidationError({name: [fault]}, "decimals")
        if product["expiring"] is not None and product["expires_on"] is None:
            raise serializers.ValidationError(
                {"expiring": [_("Say expires_on too: the day.")]}, "expires_on"
            )
        return product


class FeedSerializer(serializers.Serializer[None]):
    """Up to 10,000 products at a time; what is not listed stays as it is."""

    products = serializers.ListField(
        child=ProductSerializer(), min_length=1, max_length=MOST_PRODUCTS
    )


class TakenSerializer(serializers.Serializer[None]):
    """What the feed did."""

    products = serializers.IntegerField()
    changes = serializers.IntegerField()
    unused = UnusedSerializer(many=True, required=False)
