"""The door of stock: how products stand, and what to order."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from promotions.models import Supply

MOST = 1000
FIELDS = (
    *("state", "units", "incoming", "weekly", "promoted", "cover", "chance_out"),
    *("lead_days", "lead_assumed", "safety", "reorder_point", "order"),
    *("over", "chance_over", "unsold", "chance_unsold", "computed_at"),
)


class SupplySerializer(serializers.ModelSerializer[Supply]):
    """How a product's stock stands. `cover` is in days; null: none is sold."""

    sku = serializers.CharField(source="product_id")

    class Meta:
        model = Supply
        fields = ("sku", *FIELDS)
        read_only_fields = fields


class StockSerializer(serializers.Serializer[None]):
    """A page of products by sku; `next` begins the next page."""

    products = SupplySerializer(many=True)
    next = serializers.CharField(allow_null=True)


class AskedSerializer(serializers.Serializer[None]):
    """What is asked for."""

    state = serializers.ChoiceField(choices=Supply.State.values, required=False)
    to_order = serializers.BooleanField(default=False)
    # As `next` said it: a sku may begin or end with a space.
    after = serializers.CharField(
        max_length=200, required=False, allow_blank=True, trim_whitespace=False
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=100)


class StockView(APIView):
    """How the stock stands."""

    scope = "reports"

    @extend_schema(
        operation_id="get_stock",
        parameters=[AskedSerializer],
        responses=StockSerializer,
    )
    def get(self, request: Request) -> Response:
        """List products whose stock is sent, by sku: cover, risk, what to order."""
        asked = AskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return Response(_page(asked.validated_data))


def _page(asked: dict[str, Any]) -> dict[str, Any]:
    rows = Supply.objects.order_by("product_id")
    if "state" in asked:
        rows = rows.filter(state=asked["state"])
    if asked["to_order"]:
        rows = rows.filter(order__gt=0)
    if asked.get("after"):
        rows = rows.filter(product_id__gt=asked["after"])
    found = list(rows[: asked["limit"] + 1])
    # One more than asked was read, to know whether there is a next page.
    more = len(found) > asked["limit"]
    shown = found[: asked["limit"]]
    return {
        "products": SupplySerializer(shown, many=True).data,
        "next": shown[-1].product_id if more else None,
    }
