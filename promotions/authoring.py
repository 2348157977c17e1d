"""The doors for campaigns and strategies: propose, read, propose a new version.

What is proposed here is not live: an operator approves it in the back office.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from analytics.problems import Problem
from promotions import draft_reading, proposals
from promotions.drafts import CampaignDraft, Draft, Faulty
from promotions.models import Strategy
from promotions.strategy_bodies import (
    AskedSerializer,
    CampaignSerializer,
    StrategiesSerializer,
    StrategySerializer,
    campaign_told,
    told,
)

REF = "#/components/schemas/{name}"
Did = TypeVar("Did")


def _body(kind: type[Any]) -> dict[str, Any]:
    return {"application/json": {"$ref": REF.format(name=kind.__name__)}}


class CampaignsView(APIView):
    """Campaigns."""

    scope = "strategies"

    @extend_schema(
        operation_id="post_campaigns",
        request=_body(CampaignDraft),
        responses={201: CampaignSerializer},
    )
    def post(self, request: Request) -> Response:
        """Open a campaign for strategies to share its period, budget and limits."""
        campaign = _valid(
            lambda: proposals.open_campaign(
                draft_reading.read_campaign(request.data),
                by=_by(request),
                at=clock.now(),
            )
        )
        return Response(campaign_told(campaign), status=201)


class StrategiesView(APIView):
    """Strategies."""

    scope = "strategies"

    @extend_schema(
        operation_id="get_strategies",
        parameters=[AskedSerializer],
        responses=StrategiesSerializer,
    )
    def get(self, request: Request) -> Response:
        """List strategies, the newest first, a page at a time."""
        asked = AskedSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = asked.validated_data
        wanted = {name: page[name] for name in ("state", "trigger") if name in page}
        rows = Strategy.objects.filter(**wanted).select_related("campaign")
        some, further = paged(rows, page)
        return Response({"strategies": [told(row) for row in some], "next": further})

    @extend_schema(
        operation_id="post_strategies",
        request=_body(Draft),
        responses={201: StrategySerializer},
    )
    def post(self, request: Request) -> Response:
        """Propose a strategy; it goes live when an operator approves it."""
        made = _valid(
            lambda: proposals.propose(
                draft_reading.read(request.data), by=_by(request), at=clock.now()
            )
        )
        return Response(told(made), status=201)


class StrategyView(APIView):
    """A strategy."""

    scope = "strategies"

    @extend_schema(operation_id="get_strategy", responses=StrategySerializer)
    def get(self, request: Request, strategy: UUID) -> Response:
        """Read a strategy: its guards, its state, what it has spent and earned."""
        row = Strategy.objects.select_related("campaign").filter(id=strategy).first()
        if row is None:
            raise Http404
        return Response(told(row))


class VersionsView(APIView):
    """A strategy's next version."""

    scope = "strategies"

    @extend_schema(
        operation_id="post_version",
        request=_body(Draft),
        responses={201: StrategySerializer},
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Propose what takes the strategy's place at the moment it is approved."""
        try:
            made = _valid(
                lambda: proposals.propose_version(
                    strategy,
                    draft_reading.read(request.data),
                    by=_by(request),
                    at=clock.now(),
                )
            )
        except Strategy.DoesNotExist as error:
            raise Http404 from error
        except proposals.NotReplaceable as error:
            raise Problem(409, "not_replaceable", str(error)) from error
        return Response(told(made), status=201)


def paged(
    rows: QuerySet[Strategy], page: dict[str, Any]
) -> tuple[list[Strategy], str | None]:
    """Return a page of strategies, the newest first, and the next one's cursor."""
    if "cursor" in page:
        at, id_ = _place(page["cursor"])
        # By keys, not by offset: what is proposed meanwhile moves no row.
        later = Q(proposed_at__lt=at) | Q(proposed_at=at, id__gt=id_)
        rows = rows.filter(later)
    found = list(rows.order_by("-proposed_at", "id")[: page["limit"] + 1])
    some, more = found[: page["limit"]], found[page["limit"] :]
    return some, _cursor(some[-1]) if more else None


def describe(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Put the drafts' schema into the OpenAPI schema, as the code reads them."""
    _roots, parts = msgspec.json.schema_components(
        [Draft, CampaignDraft], ref_template=REF
    )
    result["components"]["schemas"] |= {n: _older(part) for n, part in parts.items()}
    return result


def _older(schema: Any) -> Any:
    """Say in the words of OpenAPI 3.0 what msgspec says in those of 3.1."""
    if isinstance(schema, list):
        return [_older(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {n: _older(v) for n, v in schema.items() if n != "propertyNames"}
    # 3.0 has no tuples. The only one is a condition's hours.
    if pair := told.pop("prefixItems", None):
        told["items"] = {"type": "integer", "minimum": 0, "maximum": 24}
        told |= {"minItems": len(pair), "maxItems": len(pair)}
    if "const" in told:
        told["enum"] = [told.pop("const")]
    # A number in 3.1, in 3.0 a word on `maximum`.
    if "exclusiveMaximum" in told:
        told |= {"maximum": told["exclusiveMaximum"], "exclusiveMaximum": True}
    # 3.0 overlooks all that stands beside a $ref.
    if "$ref" in told and len(told) > 1:
        told["allOf"] = [{"$ref": told.pop("$ref")}]
    options = told.get("anyOf", [])
    if {"type": "null"} in options:
        rest = [one for one in options if one != {"type": "null"}]
        told = {**told, "nullable": True, "anyOf": rest}
    return told


def _by(request: Request) -> str:
    return f"key {caller(request).name}"[:150]


def _valid(do: Callable[[], Did]) -> Did:
    try:
        return do()
    except Faulty as error:
        raise Invalid(error) from error


class Invalid(Problem):
    """A draft's faults, in the shape of every door's."""

    def __init__(self, error: Faulty) -> None:
        errors = [
            {"field": one.field, "code": "invalid", "detail": one.reason}
            for one in error.faults
        ]
        detail = "Some fields are not valid; see `errors`."
        super().__init__(400, "invalid", detail, errors=errors)


def _cursor(row: Strategy) -> str:
    plain = f"{row.proposed_at.isoformat()} {row.id}"
    return base64.urlsafe_b64encode(plain.encode()).decode()


def _place(cursor: str) -> tuple[datetime, UUID]:
    try:
        plain = base64.urlsafe_b64decode(cursor.encode()).decode()
        at, id_ = plain.split(" ")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a time without a zone")
        return moment, UUID(id_)
    except (ValueError, binascii.Error) as error:
        reason = "Send the `next` of an answer of ours."
        raise serializers.ValidationError({"cursor": [reason]}) from error
