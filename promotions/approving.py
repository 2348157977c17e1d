"""The doors by which a program decides on proposals, in demo mode alone.

Elsewhere no key can: it would spend the shop's money. See analytics.clock.
"""

from collections.abc import Callable
from uuid import UUID

import msgspec
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import bodies, clock
from analytics.access import caller
from analytics.clock_api import DemoView
from analytics.problems import Problem
from promotions import approval, decision_rules
from promotions.models import Strategy
from promotions.strategy_bodies import StrategySerializer, told


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """A decision's body."""

    comment: str


class ReasonSerializer(serializers.Serializer[None]):
    """By which rule the program decides."""

    comment = serializers.CharField()


class ApprovalView(DemoView):
    """A proposal that a program approves."""

    @extend_schema(
        operation_id="approve_strategy",
        request=ReasonSerializer,
        responses=StrategySerializer,
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Make a proposal live in the key's name, if its guards hold."""
        return _decided(approval.approve, request, strategy)


class RejectionView(DemoView):
    """A proposal that a program rejects."""

    @extend_schema(
        operation_id="reject_strategy",
        request=ReasonSerializer,
        responses=StrategySerializer,
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Refuse a proposal for ever, in the key's name."""
        return _decided(approval.reject, request, strategy)


def _decided(decide: Callable[..., None], request: Request, strategy: UUID) -> Response:
    asked = bodies.read(request, Reason)
    by = f"{caller(request).name} (simulated)"
    try:
        decide(strategy, by=by, comment=asked.comment, at=clock.now())
    except Strategy.DoesNotExist as error:
        raise Http404 from error
    except decision_rules.REFUSALS as error:
        raise Problem(409, "not_decidable", str(error)) from error
    row = Strategy.objects.select_related("campaign").get(id=strategy)
    return Response(told(row))
