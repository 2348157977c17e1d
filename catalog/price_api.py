"""The storefront's door to prices: GET and POST /api/v1/prices.

A price's JSON is written when it changes (catalog.labels), and kept in memory
(catalog.shown_prices), so an answer is one look-up.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from analytics import access, bodies
from catalog import shown_prices

MOST = 1000
HIGHEST = 2**63 - 1


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


class Answer(NamedTuple):
    """What an address was answered, when so much of all prices was seen."""

    seen: int
    tag: str
    body: bytes


MOST_KEPT = 200
"""Answers in memory, of up to 100 KB: pages ask for the same products again."""
answers: dict[str, Answer] = {}


class OnlyJson(BaseContentNegotiation):
    """Answer JSON whatever is asked for: to look for `format` among a thousand names
    takes longer than the answer."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[Any],
        format_suffix: str | None = None,
    ) -> Any:
        first = next(iter(renderers))
        return first, first.media_type


class PricesView(APIView):
    """Prices in force."""

    scope = "offers"
    content_negotiation_class = OnlyJson

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer again what is still so, in one statement; else go the long way."""
        return _still(request) or super().dispatch(request, *args, **kwargs)

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
        since, limit = _said(query, "since"), _said(query, "limit")
        if since:
            return _changes(
                _whole("since", since[-1], 0, HIGHEST),
                _whole("limit", (limit or [str(MOST)])[-1], 1, MOST),
            )
        found = _prices(_said(query, "sku"))
        if len(answers) >= MOST_KEPT:
            answers.clear()
        answers[query] = found
        return _unless_known(request._request, found)

    @extend_schema(
        operation_id="post_prices", request=SkusSerializer, responses=PricesSerializer
    )
    def post(self, request: Request) -> HttpResponse:
        """Read the prices of products whose names do not fit in an address."""
        return _json(_prices(bodies.read(request, Skus).skus).body)


def _said(query: str, name: str) -> list[str]:
    """Return a name's values, in an address of a thousand: faster than parse_qsl."""
    start = f"{name}="
    found = [one[len(start) :] for one in query.split("&") if one.startswith(start)]
    if "%" in query or "+" in query:
        return [unquote_plus(one) for one in found]
    return found


def _whole(name: str, value: str, least: int, most: int) -> int:
    # HIGHEST has 19 digits; of more than 4,300 int() raises, from Python 3.11 on.
    plain = value.isascii() and value.isdigit() and len(value) < 20
    if not (plain and least <= int(value) <= most):
        raise ValidationError({name: [f"Send a whole number from {least} to {most}."]})
    return int(value)


def _still(request: HttpRequest) -> HttpResponseBase | None:
    """Answer an address again if no price has changed since it was answered."""
    known = answers.get(request.META.get("QUERY_STRING", ""))
    words = request.META.get("HTTP_AUTHORIZATION", "").split()
    if not known or request.method != "GET" or len(words) != 2:
        return None
    caller, newest = access.find_beside(words[1], shown_prices.NEWEST)
    # The key is still looked up: a revoked one stops at once.
    if caller is None or words[0].lower() != "bearer" or newest != known.seen:
        return None
    serves = caller.serves(request.META.get("HTTP_ORIGIN"))
    if not serves or PricesView.scope not in caller.scopes:
        return None
    return _unless_known(request, known)


def _unless_known(request: HttpRequest, found: Answer) -> HttpResponse:
    answer = _json(found.body)
    answer["ETag"] = found.tag
    kept = get_conditional_response(request, etag=found.tag, response=answer)
    return kept or answer


def _prices(asked: Sequence[str]) -> Answer:
    skus = [sku for sku in dict.fromkeys(asked) if "\0" not in sku]
    if not 0 < len(asked) <= MOST:
        raise ValidationError({"sku": [f"Name 1 to {MOST:,} products."]})
    seen, newest, rows = shown_prices.read(skus)
    body = f'{{"prices":[{rows}]}}'.encode()
    return Answer(seen=seen, tag=f'"{newest}"', body=body)


def _changes(since: int, limit: int) -> HttpResponse:
    """A page of changes, the oldest first: a product is in it as it is now."""
    cursor, listed, count = shown_prices.since(since, limit)
    more = "true" if count == limit else "false"
    return _json(f'{{"prices":[{listed}],"cursor":{cursor},"more":{more}}}')


def _json(body: str | bytes) -> HttpResponse:
    answer = HttpResponse(body, content_type="application/json")
    # May be kept, but is asked for each time, by its ETag.
    answer["Cache-Control"] = "private, no-cache"
    return answer
