"""The storefront's doors to recommendations; see promotions.recommendations."""

from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from catalog import pricing
from promotions import recommendations
from promotions.recommendations import Answer, Suggestion

MOST = 50
MOST_SKUS = 200
MOST_NEW = 10


class AskedSerializer(serializers.Serializer[None]):
    """How many products, and the skus that are in the cart by now."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=10)
    cart = serializers.ListField(
        child=serializers.CharField(max_length=200, allow_blank=True),
        max_length=MOST_SKUS,
        default=list,
    )
    new = serializers.IntegerField(
        min_value=0,
        max_value=MOST_NEW,
        default=0,
        help_text="At most so many of the last places go to products without orders.",
    )


class TogetherSerializer(serializers.Serializer[None]):
    """The product, or all the products of a cart."""

    sku = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=MOST_SKUS
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=10)


class SimilarSerializer(serializers.Serializer[None]):
    """The product that others could stand in for."""

    sku = serializers.CharField(max_length=200)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=10)


class SuggestionSerializer(serializers.Serializer[None]):
    """A product to show; `price` is the catalogue's, null if it has none."""

    sku = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    price = serializers.DecimalField(max_digits=22, decimal_places=3, allow_null=True)
    currency = serializers.CharField()
    score = serializers.FloatField()
    reasons = serializers.ListField(child=serializers.CharField())


class SuggestionsSerializer(serializers.Serializer[None]):
    """Products, best first; `source` is live, night, popular or none."""

    source = serializers.CharField()  # type: ignore[assignment]  # DRF has one too
    products = SuggestionSerializer(many=True)


class RecommendationsView(APIView):
    """Products for a customer."""

    scope = "recommendations"

    @extend_schema(
        operation_id="get_recommendations",
        parameters=[AskedSerializer],
        responses=SuggestionsSerializer,
    )
    def get(self, request: Request, customer: str) -> Response:
        """Rank products by what the customer has done up to now; nothing is recorded.

        An unknown customer gets what the shop sells best.
        """
        asked = _asked(AskedSerializer, request)
        answer = recommendations.for_customer(
            customer,
            at=clock.now(),
            most=asked["limit"],
            cart=asked["cart"],
            new=asked["new"],
        )
        return Response(_answered(answer))


class TogetherView(APIView):
    """Products that are bought together with others."""

    scope = "recommendations"

    @extend_schema(
        operation_id="get_together",
        parameters=[TogetherSerializer],
        responses=SuggestionsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Say what goes with a product, or completes a cart; `sku` may be repeated."""
        asked = _asked(TogetherSerializer, request)
        answer = recommendations.together(asked["sku"], most=asked["limit"])
        return Response(_answered(answer))


class SimilarView(APIView):
    """Products that could stand in for one."""

    scope = "recommendations"

    @extend_schema(
        operation_id="get_similar",
        parameters=[SimilarSerializer],
        responses=SuggestionsSerializer,
    )
    def get(self, request: Request) -> Response:
        """List others, of the product's category first; one never sold has some too."""
        asked = _asked(SimilarSerializer, request)
        answer = recommendations.similar(asked["sku"], most=asked["limit"])
        return Response(_answered(answer))


def _asked(kind: type[serializers.Serializer[None]], request: Request) -> Any:
    """Check the query; a parameter that may repeat becomes a list."""
    fields = kind().fields.items()
    lists = {n for n, f in fields if isinstance(f, serializers.ListField)}
    try:
        # Django counts the fields as it first reads
        # them; its refusal is told in our own words.
        given = request.query_params.lists()
    except TooManyFieldsSent as error:
        told = {name: ["There are too many."] for name in sorted(lists or {"sku"})}
        raise serializers.ValidationError(told, "max_length") from error
    query = {name: values if name in lists else values[0] for name, values in given}
    serializer = kind(data=query)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _answered(answer: Answer) -> dict[str, Any]:
    return {
        "source": answer.source,
        "products": [_told(one) for one in answer.suggestions],
    }


def _told(one: Suggestion) -> dict[str, Any]:
    product = one.product
    price = product.price
    return {
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "price": None
        if price is None
        else str(pricing.rounded(price, product.currency)),
        "currency": product.currency or settings.CURRENCY,
        "score": round(one.score, 4),
        "reasons": list(one.reasons),
    }
