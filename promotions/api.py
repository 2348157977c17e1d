"""The storefront's door to a customer's offers."""

import json

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics.access import caller
from promotions import offers


class OfferSerializer(serializers.Serializer[None]):
    """An offer to show; report that you did as an `offer_shown` event with its id."""

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    terms = serializers.DictField()
    scope = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()
    reasons = serializers.ListField(child=serializers.CharField())


class WithheldSerializer(serializers.Serializer[None]):
    """An offer that a lot keeps from a customer: never show it.

    Report it as `offer_shown` where you would have shown it: then both arms can be
    compared from that moment on.
    """

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()


class OffersSerializer(serializers.Serializer[None]):
    """A customer's offers, the most promising first."""

    customer = serializers.CharField()
    computed_at = serializers.DateTimeField(allow_null=True)
    offers = OfferSerializer(many=True)
    withheld = WithheldSerializer(many=True, required=False)


class OffersView(APIView):
    """A customer's offers."""

    scope = "offers"

    @extend_schema(
        operation_id="get_offers",
        responses=OffersSerializer,
        parameters=[
            OpenApiParameter(
                "withheld", bool, description="Name what lots keep back; secret keys."
            )
        ],
    )
    def get(self, request: Request, customer: str) -> HttpResponse:
        """Read the offers; nothing is recorded. An unknown customer has none."""
        body = offers.sheet(customer, currency=settings.CURRENCY, at=timezone.now())
        if caller(request).publishable:
            body = offers.without_habits(body)
        elif request.query_params.get("withheld") == "true":
            told = {"withheld": offers.withheld(customer, at=timezone.now())}
            body = json.dumps(json.loads(body) | told)
        return HttpResponse(body, content_type="application/json")
