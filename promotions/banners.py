"""The storefront's door to what applies by itself: for banners and shelf labels."""

import hashlib
import json

from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import clock
from promotions import authoring, automatic

FRESH = 60
"""Seconds for which anybody may keep an answer."""


class PageSerializer(serializers.Serializer[None]):
    """How many, and from where on: `cursor` is the last answer's `next`."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=100)
    cursor = serializers.CharField(max_length=200, required=False)


class PromotionSerializer(serializers.Serializer[None]):
    """What applies by itself, and its campaign's half-open period."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    about = serializers.CharField()
    conditions = serializers.ListField(child=serializers.CharField())
    terms = serializers.DictField()
    categories = serializers.ListField(child=serializers.CharField())
    skus = serializers.ListField(child=serializers.CharField())
    brands = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    zone = serializers.CharField()


class PromotionsSerializer(serializers.Serializer[None]):
    """A page of promotions, the newest first; `next` is null on the last one."""

    promotions = PromotionSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PromotionsView(APIView):
    """What applies by itself."""

    scope = "offers"

    @extend_schema(
        operation_id="get_promotions",
        parameters=[PageSerializer],
        responses={
            200: PromotionsSerializer,
            304: OpenApiResponse(description="What you have is still so."),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """List the automatic strategies that are live, but for those of segments."""
        asked = PageSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        some, further = authoring.paged(
            automatic.live(at=clock.now()), asked.validated_data
        )
        body = json.dumps(
            {"promotions": list(map(automatic.told, some)), "next": further}
        )
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        answer = HttpResponse(body, content_type="application/json")
        answer["ETag"] = etag
        kept = get_conditional_response(request._request, etag=etag, response=answer)
        answer = kept or answer
        # On a 304 too: what is kept is fresh for as long again.
        answer["Cache-Control"] = f"public, max-age={FRESH}"
        return answer
