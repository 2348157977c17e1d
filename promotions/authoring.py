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
from catalog import pricing
from promotions import drafts, phrases, proposals
from promotions.drafts import CampaignDraft, Draft, Faulty
from promotions.models import Campaign, Strategy

MOST = 100
REF = "#/components/schemas/{name}"
Did = TypeVar("Did")


class AskedSerializer(serializers.Serializer[None]):
    """Which strategies: the newest first; `cursor` is the last answer's `next`."""

    state = serializers.ChoiceField(Strategy.State.choices, required=False)
    trigger = serializers.ChoiceField(Strategy.Trigger.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=MOST, default=20)
    cursor = serializers.CharField(max_length=200, required=False)


class CampaignSerializer(serializers.Serializer[None]):
    """A campaign; its period is half-open."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    zone = serializers.CharField()
    budget = serializers.DecimalField(max_digits=22, decimal_places=3)
    spent = serializers.DecimalField(max_digits=22, decimal_places=3)
    reserved = serializers.DecimalField(max_digits=22, decimal_places=3)
    currency = serializers.CharField()
    limits = serializers.ListField(child=serializers.DictField())
    least_return = serializers.DecimalField(
        max_digits=7, decimal_places=3, allow_null=True
    )
    most_per_customer = serializers.IntegerField(allow_null=True)


class GuardSerializer(serializers.Serializer[None]):
    """One check; a strategy with one that has not passed cannot be approved."""

    name = serializers.CharField()
    passed = serializers.BooleanField()
    detail = serializers.CharField()


class StrategySerializer(serializers.Serializer[None]):
    """A strategy, what it says in plain words, and what became of it."""

    id = serializers.UUIDField()
    campaign = serializers.UUIDField()
    starts_at = serializers.DateTimeField(help_text="The campaign's.")
    ends_at = serializers.DateTimeField(
        help_text="The campaign's: a live strategy applies no longer from then on."
    )
    title = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(Strategy.Kind.choices)
    trigger = serializers.ChoiceField(Strategy.Trigger.choices)
    menu = serializers.DictField()
    rule = serializers.DictField()
    scope = serializers.ListField(child=serializers.CharField())
    words = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    budget = serializers.DecimalField(max_digits=22, decimal_places=3)
    spent = serializers.DecimalField(max_digits=22, decimal_places=3)
    reserved = serializers.DecimalField(max_digits=22, decimal_places=3)
    redemptions = serializers.IntegerField()
    least_margin = serializers.DecimalField(max_digits=4, decimal_places=3)
    holdout = serializers.FloatField()
    explore = serializers.FloatField()
    allocation = serializers.ChoiceField(Strategy.Allocation.choices)
    renews_days = serializers.IntegerField(allow_null=True)
    state = serializers.ChoiceField(Strategy.State.choices)
    version = serializers.IntegerField()
    replaces = serializers.UUIDField(allow_null=True)
    guards = GuardSerializer(many=True)
    forecast = serializers.DictField()
    measured = serializers.DictField()
    proposed_at = serializers.DateTimeField()
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.CharField(allow_blank=True)
    comment = serializers.CharField(allow_blank=True)


class StrategiesSerializer(serializers.Serializer[None]):
    """A page of strategies; `next` is null on the last one."""

    strategies = StrategySerializer(many=True)
    next = serializers.CharField(allow_null=True)


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
                drafts.read_campaign(request.data), by=_by(request), at=clock.now()
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
                drafts.read(request.data), by=_by(request), at=clock.now()
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
                    drafts.read(request.data),
                    by=_by(request),
                    at=clock.now(),
                )
            )
        except Strategy.DoesNotExist as error:
            raise Http404 from error
        except proposals.NotReplaceable as error:
            raise Problem(409, "not_replaceable", str(error)) from error
        return Response(told(made), status=201)


def told(row: Strategy) -> dict[str, Any]:
    """Return a strategy as shops read it."""
    plain = (
        *("title", "reason", "kind", "trigger", "menu", "rule", "scope", "currency"),
        *("redemptions", "holdout", "explore", "allocation", "state", "version"),
        *("measured", "decided_by", "comment", "renews_days"),
    )
    return {
        "id": str(row.id),
        "campaign": str(row.campaign_id),
        "starts_at": row.campaign.starts_at.isoformat(),
        "ends_at": row.campaign.ends_at.isoformat(),
        **{name: getattr(row, name) for name in plain},
        "guards": [
            {name: guard[name] for name in ("name", "passed", "detail")}
            for guard in row.guards
        ],
        # How it is said in other languages is for pages: the API stays English.
        "forecast": {
            name: value for name, value in row.forecast.items() if name != "said"
        },
        "words": phrases.sentences(proposals.said(row)),
        **_money(row, row.currency),
        "least_margin": str(row.least_margin),
        "replaces": row.replaces_id and str(row.replaces_id),
        "proposed_at": row.proposed_at.isoformat(),
        "decided_at": row.decided_at and row.decided_at.isoformat(),
    }


def campaign_told(row: Campaign) -> dict[str, Any]:
    """Return a campaign as shops read it."""
    return {
        "id": str(row.id),
        "name": row.name,
        "starts_at": row.starts_at.isoformat(),
        "ends_at": row.ends_at.isoformat(),
        "zone": row.zone,
        **_money(row, row.currency),
        "currency": row.currency,
        "limits": row.limits,
        "least_return": None if row.least_return is None else str(row.least_return),
        "most_per_customer": row.most_per_customer,
    }


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


def _money(row: Strategy | Campaign, currency: str) -> dict[str, str]:
    names = ("budget", "spent", "reserved")
    return {n: str(pricing.rounded(getattr(row, n), currency)) for n in names}


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
