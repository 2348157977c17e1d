"""The door of forecasts: GET /api/v1/forecasts."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ml import forecasts
from ml.models import Forecast

MOST = 200


class ForecastsAskedSerializer(serializers.Serializer[None]):
    """Which forecasts: of these keys, or, without any, of all, in pages."""

    level = serializers.ChoiceField(Forecast.Level.values)
    key = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=MOST, default=list
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=MOST)
    cursor = serializers.CharField(max_length=200, required=False)


class ForecastSerializer(serializers.Serializer[Any]):
    """Units a week, from Monday `first` on; `low` to `high` hold each with 80 %.

    `units` is expected if prices stay and shelf discounts come as often as they did;
    `undiscounted` is the share of it that would sell without these. `elasticity` is
    observational.
    """

    key = serializers.CharField()
    first = serializers.DateField()
    units = serializers.ListField(child=serializers.FloatField())
    low = serializers.ListField(child=serializers.FloatField())
    high = serializers.ListField(child=serializers.FloatField())
    undiscounted = serializers.FloatField()
    elasticity = serializers.FloatField()
    elasticity_error = serializers.FloatField()
    method = serializers.CharField()


class ForecastsSerializer(serializers.Serializer[None]):
    """Forecasts by key; `next` is the cursor of the page that follows, if any."""

    forecasts = ForecastSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class ForecastsView(APIView):
    """What is expected to sell."""

    scope = "reports"

    @extend_schema(
        operation_id="get_forecasts",
        parameters=[ForecastsAskedSerializer],
        responses=ForecastsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Read forecasts of categories or products; who has none is left out.

        Without keys, products are those that have a series of their own.
        """
        asked = ForecastsAskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        keys, further = _keys(asked.validated_data)
        read = {
            Forecast.Level.CATEGORY.value: forecasts.of_categories,
            Forecast.Level.PRODUCT.value: forecasts.of_products,
        }
        found = read[asked.validated_data["level"]](keys)
        told = [found[key] for key in sorted(found)]
        body = {"forecasts": ForecastSerializer(told, many=True).data, "next": further}
        return Response(body)


def _keys(asked: dict[str, Any]) -> tuple[list[str], str | None]:
    """Return the keys asked for, or a page of all, and the cursor of the next one."""
    if asked["key"]:
        return asked["key"], None
    rows = Forecast.objects.filter(level=asked["level"])
    rows = rows.filter(key__gt=asked.get("cursor", "")).order_by("key")
    # One more than is shown: it says whether there is a next page.
    keys = list(rows.values_list("key", flat=True)[: asked["limit"] + 1])
    more = len(keys) > asked["limit"]
    keys = keys[: asked["limit"]]
    return keys, keys[-1] if more else None
