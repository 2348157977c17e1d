"""The shop's search by words: GET /api/v1/search; a browser's key may ask."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import pricing
from catalog.models import Product
from ml import searching

MOST = 100


class SearchAskedSerializer(serializers.Serializer[None]):
    """What is looked for, in words of either language."""

    q = serializers.CharField(max_length=searching.LONGEST)
    category = serializers.CharField(max_length=200, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=20)


class FoundSerializer(serializers.Serializer[None]):
    """A product that was found; `score` ranks this answer alone."""

    sku = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    brand = serializers.CharField()
    size = serializers.CharField()
    price = serializers.DecimalField(max_digits=22, decimal_places=3, allow_null=True)
    currency = serializers.CharField()
    image_url = serializers.CharField()
    score = serializers.FloatField()


class SearchedSerializer(serializers.Serializer[None]):
    """Products, best first; `spelt` are words that were taken for the shop's own."""

    products = FoundSerializer(many=True)
    spelt = serializers.DictField(child=serializers.CharField())


class SearchView(APIView):
    """Find products."""

    scope = "search"

    @extend_schema(
        operation_id="get_search",
        parameters=[SearchAskedSerializer],
        responses=SearchedSerializer,
    )
    def get(self, request: Request) -> Response:
        """List what is sold and in stock, by words and by meaning."""
        asked = SearchAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        found = searching.search(
            said["q"], most=said["limit"], category=said["category"]
        )
        products = Product.objects.in_bulk([hit.sku for hit in found.hits])
        rows = [
            _told(products[hit.sku], hit.score)
            for hit in found.hits
            if hit.sku in products
        ]
        return Response({"products": rows, "spelt": dict(found.spelt)})


def _told(product: Product, score: float) -> dict[str, Any]:
    price, currency = product.price, product.currency
    return {
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "brand": product.brand,
        "size": product.size,
        "price": None if price is None else str(pricing.rounded(price, currency)),
        "currency": currency,
        "image_url": product.image_url,
        "score": score,
    }
