"""The door of decisions: why a customer got an offer, or none, from the log."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.problems import Problem
from ml.traits import TRAITS
from promotions import decided
from promotions.decided import Decision


class VariantWorthSerializer(serializers.Serializer[None]):
    """A variant before the customer: in the strategy's currency, not rounded."""

    margin = serializers.FloatField(help_text="Expected profit over offering nothing.")
    cost = serializers.FloatField(help_text="Expected discount.")
    lift = serializers.FloatField(help_text="Of the log-odds of buying in scope.")
    best = serializers.FloatField(help_text="The chance that it is the best one.")


class DecidedSerializer(serializers.Serializer[None]):
    """An arm and variant, and the chance of this very choice."""

    arm = serializers.CharField()
    variant = serializers.CharField(allow_null=True)
    probability = serializers.FloatField()
    bucket = serializers.FloatField(allow_null=True)
    counterfactual = serializers.CharField(allow_null=True)


class DecisionSerializer(serializers.Serializer[None]):
    """A decision: what it went by, what was decided, and what it comes to again."""

    offer = serializers.UUIDField()
    strategy = serializers.UUIDField()
    version = serializers.IntegerField()
    decided_at = serializers.DateTimeField()
    model = serializers.UUIDField(allow_null=True)
    response = serializers.CharField(help_text="Checksum of the posterior.")
    basis = serializers.CharField()
    segment = serializers.CharField(allow_blank=True)
    p0 = serializers.FloatField()
    spend = serializers.FloatField()
    rate = serializers.FloatField()
    traits = serializers.DictField(child=serializers.FloatField())
    later = serializers.FloatField(
        help_text="The share of what offers sell that is sold less later."
    )
    budget_left = serializers.CharField(allow_null=True)
    variants = serializers.DictField(child=VariantWorthSerializer())
    decided = DecidedSerializer()
    again = DecidedSerializer()
    same = serializers.BooleanField()


class DecisionView(APIView):
    """A decision, by the offer's id."""

    scope = "reports"

    @extend_schema(operation_id="get_decision", responses=DecisionSerializer)
    def get(self, request: Request, offer: UUID) -> Response:
        """Make a decision again: an offer's, or that of one which is withheld."""
        try:
            found = decided.replay(offer)
        except decided.NotDecided as error:
            raise Problem(404, "offer_unknown", str(error)) from error
        except decided.NotReplayable as error:
            raise Problem(409, "not_replayable", str(error)) from error
        return Response(_body(found))


def _body(found: Decision) -> dict[str, Any]:
    said, again = found.said, found.again
    names = list(DecidedSerializer().fields)
    return {
        "offer": found.offer,
        "strategy": found.strategy.id,
        "version": found.strategy.version,
        "decided_at": found.at,
        "model": found.model,
        "response": found.learnt.id,
        "basis": found.learnt.basis,
        "segment": said.segment,
        "p0": said.p0,
        "spend": said.spend,
        "rate": said.rate,
        "traits": dict(zip(TRAITS, said.traits, strict=True)),
        "later": found.later[0],
        "budget_left": None if found.left is None else str(found.left),
        "variants": {label: asdict(one) for label, one in found.variants.items()},
        "decided": {name: getattr(said, name) for name in names},
        "again": {name: getattr(again, name) for name in names},
        "same": found.same,
    }
