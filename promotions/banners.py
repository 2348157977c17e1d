"""The storefront's door to what applies by itself: for banners and shelf labels."""

import hashlib
import json
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import clock
from promotions import authoring, book, phrases, rules
from promotions.models import Strategy

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
        some, further = authoring.paged(_live(), asked.validated_data)
        body = json.dumps({"promotions": list(map(told, some)), "next": further})
        etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
        answer = HttpResponse(body, content_type="application/json")
        answer["ETag"] = etag
        kept = get_conditional_response(request._request, etag=etag, response=answer)
        answer = kept or answer
        answer["Cache-Control"] = f"public, max-age={FRESH}"
        return answer


def told(row: Strategy) -> dict[str, Any]:
    """Return a promotion as storefronts read it."""
    terse = book.decoded(row)
    terms = terse.menu[terse.variant]
    asked = terse.rule.conditions
    return {
        "id": str(row.id),
        "kind": row.kind,
        "title": rules.words(terms, row.currency),
        "about": phrases.about(row.scope, terse.rule, {terse.variant: terms}),
        "conditions": list(phrases.conditions(asked, row.currency, terse.zone)),
        "terms": row.menu[terse.variant],
        "categories": row.scope,
        "skus": terse.rule.skus,
        "brands": terse.rule.brands,
        "currency": row.currency,
        "starts_at": row.campaign.starts_at.isoformat(),
        "ends_at": row.campaign.ends_at.isoformat(),
        "zone": terse.zone,
    }


def _live() -> Any:
    """Who is in a segment is nobody else's business, so those are left out."""
    at = clock.now()
    return (
        Strategy.objects.filter(
            state=Strategy.State.LIVE,
            trigger=Strategy.Trigger.AUTOMATIC,
            campaign__starts_at__lte=at,
            campaign__ends_at__gt=at,
            budget__gt=F("spent") + F("reserved"),
            campaign__budget__gt=F("campaign__spent") + F("campaign__reserved"),
        )
        .exclude(rule__conditions__segments__0__isnull=False)
        .select_related("campaign")
    )
