"""The door by which a program approves proposals, in demo mode alone.

Elsewhere no key can: it would spend the shop's money. See analytics.clock.
"""

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
from promotions import approval
from promotions.authoring import StrategySerializer, told
from promotions.models import Strategy


class Reason(msgspec.Struct, forbid_unknown_fields=True):
    """An approval's body."""

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
        asked = bodies.read(request, Reason)
        by = caller(request).name
        try:
            approval.approve(strategy, by=by, comment=asked.comment, at=clock.now())
        except Strategy.DoesNotExist as error:
            raise Http404 from error
        except approval.REFUSALS as error:
            raise Problem(409, "not_approvable", str(error)) from error
        return Response(
            told(Strategy.objects.select_related("campaign").get(id=strategy))
        )
