"""The doors of hindsight: what other rules would have earned in a strategy's place."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.problems import Problem
from ml.models import CustomerProfile
from promotions import hindsight
from promotions.authoring import Invalid
from promotions.calls import Strict, valid
from promotions.drafts import Fault, Faulty
from promotions.hindsight import NotWatched
from promotions.models import Strategy
from promotions.policies import OTHERS, Ends, Switched, Valued
from promotions.report_answers import each

RULES = ("nothing", "variant", "equal", "best", "asked")
WHY = ("no_overlap", "too_few")
ESTIMATORS = ("ips", "snips", "dr")
LEFT_TO_MODEL = "left_to_model"
ROUNDING = 1e-9


class EndsSerializer(serializers.Serializer[None]):
    """Profit for each assigned customer, and its 95 % interval."""

    value = serializers.CharField()
    low = serializers.CharField()
    high = serializers.CharField()


class SwitchedSerializer(EndsSerializer):
    """The same, but the part that the model answers has no known error."""

    low = serializers.CharField(allow_null=True)
    high = serializers.CharField(allow_null=True)
    why = serializers.ChoiceField(
        [LEFT_TO_MODEL],
        allow_null=True,
        help_text="No interval: the part that the model answers has no known error.",
    )


class EstimatesSerializer(serializers.Serializer[None]):
    """By estimator; null where it cannot be told."""

    ips = EndsSerializer(allow_null=True)
    snips = EndsSerializer(allow_null=True)
    dr = EndsSerializer(allow_null=True)
    switch_dr = SwitchedSerializer(allow_null=True)


class RuleValueSerializer(serializers.Serializer[None]):
    """What a rule would have earned; `why` there is no number, if there is none."""

    rule = serializers.ChoiceField(RULES)
    variant = serializers.CharField(allow_null=True)
    estimates = EstimatesSerializer()
    over_nothing = EndsSerializer(allow_null=True)
    effective = serializers.FloatField(help_text="So many customers' worth of evidence")
    covered = serializers.FloatField(help_text="Of what it does, the log has so much.")
    why = serializers.ChoiceField(WHY, allow_null=True)
    thin = serializers.BooleanField(help_text="Few customers: doubt the intervals too.")


class PoliciesSerializer(serializers.Serializer[None]):
    """Rules in the place of a strategy, and what it earned as it ran."""

    strategy = serializers.UUIDField()
    currency = serializers.CharField()
    until = serializers.DateTimeField()
    horizon_days = serializers.IntegerField()
    customers = serializers.IntegerField()
    observed = EndsSerializer()
    policies = RuleValueSerializer(many=True)


class OddsSerializer(Strict):
    """A rule: segment -> variant -> share; what is left to 1 is nothing.

    A segment that is not named goes by "*".
    """

    odds = serializers.DictField(
        child=serializers.DictField(
            child=serializers.FloatField(min_value=0, max_value=1)
        )
    )


class PoliciesView(APIView):
    """What other rules would have earned."""

    scope = "reports"

    @extend_schema(operation_id="get_policies", responses=PoliciesSerializer)
    def get(self, request: Request, strategy: UUID) -> Response:
        """Read what the usual rules would have earned in a strategy's place."""
        row = _strategy(strategy)
        try:
            told, until = hindsight.of(row)
        except NotWatched as error:
            raise Problem(409, "not_watched", str(error)) from error
        currency = row.currency
        return Response(
            {
                "strategy": str(row.pk),
                "currency": currency,
                "until": until.isoformat(),
                "horizon_days": told.days,
                "customers": told.customers,
                "observed": _ends(told.observed, currency),
                "policies": [_told(one, currency) for one in told.rules],
            }
        )

    @extend_schema(
        operation_id="post_policies",
        request=OddsSerializer,
        responses=RuleValueSerializer,
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Read what a rule of yours would have earned; nothing is stored."""
        odds, row = valid(OddsSerializer, request)["odds"], _strategy(strategy)
        if faults := list(_faults(odds, row)):
            raise Invalid(Faulty(faults))
        try:
            return Response(_told(hindsight.asked(row, odds), row.currency))
        except NotWatched as error:
            raise Problem(409, "not_watched", str(error)) from error


def _strategy(key: UUID) -> Strategy:
    row = Strategy.objects.filter(id=key).first()
    if row is None:
        raise Problem(404, "strategy_unknown", "There is no such strategy.")
    return row


def _faults(
    odds: Mapping[str, Mapping[str, float]], strategy: Strategy
) -> Iterator[Fault]:
    """Say which segments and variants there are not, and which odds are above 1."""
    # "": who had no profile when the lot was drawn (promotions.drawing).
    segments = {OTHERS, "", *CustomerProfile.Segment.values}
    for name, mine in odds.items():
        if name not in segments:
            yield Fault(field=f"odds.{name}", reason="There is no such segment.")
        for label in mine.keys() - strategy.menu.keys():
            reason = "The strategy has no such variant."
            yield Fault(field=f"odds.{name}.{label}", reason=reason)
        if sum(mine.values()) > 1 + ROUNDING:
            yield Fault(field=f"odds.{name}", reason="The shares add up to above 1.")


def _told(one: Valued, currency: str) -> dict[str, Any]:
    known = one.estimates
    return {
        "rule": one.rule,
        "variant": one.variant or None,
        "estimates": {
            **{name: _ends(known.get(name), currency) for name in ESTIMATORS},
            "switch_dr": _switched(one.switch_dr, currency),
        },
        "over_nothing": _ends(one.over_nothing, currency),
        "effective": one.effective,
        "covered": one.covered,
        "why": one.why or None,
        "thin": one.thin,
    }


def _ends(one: Ends | None, currency: str) -> dict[str, str] | None:
    if one is None:
        return None
    ends = {"value": one.value, "low": one.low, "high": one.high}
    return {name: each(end, currency) for name, end in ends.items()}


def _switched(one: Switched | None, currency: str) -> dict[str, str | None] | None:
    if one is None:
        return None
    told = _ends(one.ends, currency)
    if told is None:
        value = each(one.value, currency)
        return {"value": value, "low": None, "high": None, "why": LEFT_TO_MODEL}
    return {**told, "why": None}
