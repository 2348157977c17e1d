"""The catalogue's door: PUT /api/v1/products."""

from collections.abc import Iterator
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from catalog import feeds, intake
from catalog.bodies import FeedSerializer, TakenSerializer
from catalog.intake import Fault


class ProductsView(APIView):
    """Send products with their prices and stock."""

    scope = "catalog"

    @extend_schema(
        operation_id="put_products", request=FeedSerializer, responses=TakenSerializer
    )
    def put(self, request: Request) -> Response:
        """List products. All of them are taken, or, if one is wrong, none."""
        feed, key, at = FeedSerializer(data=request.data), caller(request), clock.now()
        if not feed.is_valid():
            faults = list(_faults(feed.errors))
            intake.refused_call(key.name, rows=_sent(request), faults=faults, at=at)
            raise serializers.ValidationError(feed.errors)
        listed = [feeds.Listed(**row) for row in feed.validated_data["products"]]
        taken = feeds.take(listed, at=at)
        intake.taken_call(key.name, rows=len(listed), changes=taken.changes, at=at)
        return Response({"products": taken.products, "changes": taken.changes})


def _sent(request: Request) -> int:
    body = request.data
    sent = body.get("products") if isinstance(body, dict) else None
    return len(sent) if isinstance(sent, list) else 0


def _faults(errors: Any) -> Iterator[Fault]:
    """Yield the faults of a feed by product; the first one in the call is 1."""
    found = errors.get("products", errors)
    if not isinstance(found, dict):
        yield Fault(row=0, field="products", reason=" ".join(map(str, found)))
        return
    for place, wrong in found.items():
        row = place + 1 if isinstance(place, int) else 0
        fields = wrong if isinstance(wrong, dict) else {str(place): wrong}
        for name, reasons in fields.items():
            yield Fault(row=row, field=str(name), reason=" ".join(map(str, reasons)))
