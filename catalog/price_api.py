"""The storefront's door to prices: GET and POST /api/v1/prices.

A price's JSON is written when it changes (catalog.prices), so an answer is one look-up.
"""

from collections.abc import Sequence
from urllib.parse import parse_qsl

import msgspec
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import bodies, lookup

MOST = 1000
HIGHEST = 2**63 - 1
SOME = (
    "SELECT coalesce(max(version), 0), coalesce(string_agg(body, ','"
    " ORDER BY sku COLLATE \"C\"), '') FROM catalog_shownprice WHERE sku = ANY(%s)"
)
NEWEST = "SELECT coalesce(max(version), 0) FROM catalog_shownprice WHERE sku = ANY(%s)"
SINCE = (
    "SELECT coalesce(max(version), %s), coalesce(string_agg(body, ','"
    " ORDER BY version), ''), count(*) FROM (SELECT version, body"
    " FROM catalog_shownprice WHERE version > %s ORDER BY version LIMIT %s) f"
)
"""Versions grow in the order in which transactions end: nothing is passed over."""


class PriceSerializer(serializers.Serializer[None]):
    """A product's price in force; null where it is not sold any more.

    Where it is reduced: `reference_price`, the lowest of the 30 days before, and the
    percentage off that, rounded down. `valid_until` is when it goes back, if known.
    """

    sku = serializers.CharField()
    price = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    valid_from = serializers.DateTimeField()
    valid_until = serializers.DateTimeField(required=False)
    reference_price = serializers.CharField(required=False)
    percent_off = serializers.IntegerField(required=False)


class PricesSerializer(serializers.Serializer[None]):
    """Prices; of a list of changes `cursor` is the next call's `since`."""

    prices = PriceSerializer(many=True)
    cursor = serializers.IntegerField(required=False)
    more = serializers.BooleanField(required=False)


class SkusSerializer(serializers.Serializer[None]):
    """Up to 1,000 products; the unknown are left out of the answer."""

    skus = serializers.ListField(
        child=serializers.CharField(max_length=200), min_length=1, max_length=MOST
    )


class Skus(msgspec.Struct, forbid_unknown_fields=True):
    skus: list[str]


ASKED = [
    OpenApiParameter("sku", str, many=True, description="Up to 1,000, repeated."),
    OpenApiParameter("since", int, description="What changed after this cursor; or 0."),
    OpenApiParameter("limit", int, description="Of changes, 1 to 1,000."),
    OpenApiParameter("If-None-Match", str, OpenApiParameter.HEADER),
]


class PricesView(APIView):
    """Prices in force."""

    scope = "offers"

    @extend_schema(
        operation_id="get_prices",
        parameters=ASKED,
        responses={
            200: PricesSerializer,
            304: OpenApiResponse(description="What you have is still so."),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """Read the prices of some products, or what has changed since a cursor."""
        query = request._request.META.get("QUERY_STRING", "")
        asked = parse_qsl(query, keep_blank_values=True)
        since = [value for name, value in asked if name == "since"]
        if since:
            limit = [value for name, value in asked if name == "limit"] or [str(MOST)]
            return _changes(
                _whole("since", since[-1], 0, HIGHEST),
                _whole("limit", limit[-1], 1, MOST),
            )
        skus = _checked([value for name, value in asked if name == "sku"])
        if request.headers.get("If-None-Match"):
            known = _tag(lookup.row(NEWEST, [skus]))
            kept = get_conditional_response(request._request, etag=known)
            if kept:
                return kept
        return _prices(skus)

    @extend_schema(
        operation_id="post_prices", request=SkusSerializer, responses=PricesSerializer
    )
    def post(self, request: Request) -> HttpResponse:
        """Read the prices of products whose names do not fit in an address."""
        return _prices(_checked(bodies.read(request, Skus).skus))


def _checked(skus: Sequence[str]) -> list[str]:
    if not 0 < len(skus) <= MOST:
        raise ValidationError({"sku": [f"Name 1 to {MOST:,} products."]})
    return [sku for sku in skus if "\0" not in sku]


def _whole(name: str, value: str, least: int, most: int) -> int:
    if not (value.isascii() and value.isdigit() and least <= int(value) <= most):
        raise ValidationError({name: [f"Send a whole number from {least} to {most}."]})
    return int(value)


def _tag(row: Sequence[int] | None) -> str:
    return f'"{row[0] if row else 0}"'


def _prices(skus: Sequence[str]) -> HttpResponse:
    row = lookup.row(SOME, [skus]) or (0, "")
    answer = _json(f'{{"prices":[{row[1]}]}}')
    answer["ETag"] = _tag(row)
    return answer


def _changes(since: int, limit: int) -> HttpResponse:
    """A page of changes, the oldest first: a product is in it as it is now."""
    cursor, listed, count = lookup.row(SINCE, [since, since, limit]) or (since, "", 0)
    more = "true" if count == limit else "false"
    return _json(f'{{"prices":[{listed}],"cursor":{cursor},"more":{more}}}')


def _json(body: str) -> HttpResponse:
    answer = HttpResponse(body, content_type="application/json")
    answer["Cache-Control"] = "private, no-cache"
    return answer
