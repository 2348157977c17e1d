"""The doors of backtests: ask for one, read how far it is and what it found."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from analytics.bodies import MomentField
from analytics.problems import Problem
from promotions import backtest_runs, past_weeks
from promotions.authoring import REF, Invalid
from promotions.calls import Strict, valid
from promotions.drafts import YEARS, Fault, Faulty
from promotions.models import Backtest, Strategy

MONEY = {"max_digits": 22, "decimal_places": 3}
SHARE = {"max_digits": 8, "decimal_places": 4}


@extend_schema_field({"allOf": [{"$ref": REF.format(name="Draft")}]})
class DraftField(serializers.DictField):
    """A strategy's body; promotions.drafts reads it."""


class BacktestRequestSerializer(Strict):
    """A draft, or a strategy's id; the weeks end before `until`."""

    draft = DraftField(required=False)
    strategy = serializers.UUIDField(required=False)
    weeks = serializers.IntegerField(min_value=1, max_value=104, default=12)
    until = MomentField(required=False, help_text="Default: with the newest order.")

    def validate_until(self, until: datetime) -> datetime:
        """Refuse what weeks before it cannot be counted back from."""
        if until.year not in YEARS:
            reason = f"It must lie between {YEARS[0]} and {YEARS[-1]}."
            raise serializers.ValidationError(reason)
        return until


class TriedSerializer(serializers.Serializer[None]):
    """What it did, of the baskets that were tried; `cost` is of all orders."""

    orders = serializers.IntegerField()
    baskets = serializers.IntegerField()
    touched = serializers.IntegerField()
    cost = serializers.DecimalField(**MONEY)  # type: ignore[arg-type]
    worst = serializers.DecimalField(**SHARE)  # type: ignore[arg-type]
    kept = serializers.DecimalField(**SHARE)  # type: ignore[arg-type]
    floored = serializers.IntegerField()
    stopped = serializers.BooleanField()


class TriedWeekSerializer(TriedSerializer):
    """A half-open week."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    customers = serializers.IntegerField()
    given = serializers.DecimalField(**MONEY)  # type: ignore[arg-type]


class TriedWeeksSerializer(TriedSerializer):
    """All weeks together."""

    mean = serializers.DecimalField(**MONEY)  # type: ignore[arg-type]


class BacktestSerializer(serializers.Serializer[None]):
    """How far a backtest is: `done` of `weeks`; `result` is of those."""

    id = serializers.UUIDField()
    strategy = serializers.UUIDField(allow_null=True)
    state = serializers.ChoiceField(Backtest.State.values)
    error = serializers.CharField(allow_blank=True)
    weeks = serializers.IntegerField()
    done = serializers.IntegerField()
    currency = serializers.CharField()
    ends_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    total = TriedWeeksSerializer()
    result = TriedWeekSerializer(many=True)


class BacktestsView(APIView):
    """Backtests."""

    scope = "strategies"

    @extend_schema(
        operation_id="post_backtests",
        request=BacktestRequestSerializer,
        responses={201: BacktestSerializer},
    )
    def post(self, request: Request) -> Response:
        """Try a draft, which is not stored, or a strategy on past weeks of the log."""
        sent = valid(BacktestRequestSerializer, request)
        try:
            row = backtest_runs.request(
                _of(sent),
                weeks=sent["weeks"],
                until=sent.get("until"),
                by=f"key {caller(request).name}"[:150],
                at=clock.now(),
            )
        except Faulty as error:
            raise Invalid(_placed(error)) from error
        except backtest_runs.TooMany as error:
            raise Problem(409, "too_many_backtests", str(error)) from error
        return Response(told(row), status=201)


class BacktestView(APIView):
    """A backtest."""

    scope = "strategies"

    @extend_schema(operation_id="get_backtest", responses=BacktestSerializer)
    def get(self, request: Request, backtest: UUID) -> Response:
        """Read how far it is, and what it found."""
        row = Backtest.objects.filter(id=backtest).first()
        if row is None:
            raise Problem(404, "backtest_unknown", "There is no such backtest.")
        return Response(told(row))


def told(row: Backtest) -> dict[str, Any]:
    """Fill BacktestSerializer."""
    weeks = backtest_runs.weeks(row)
    return {
        "id": str(row.id),
        "strategy": row.strategy_id and str(row.strategy_id),
        "state": str(row.state),
        "error": row.error,
        "weeks": row.weeks,
        "done": len(weeks),
        "currency": row.currency,
        "ends_at": row.ends_at.isoformat(),
        "created_at": row.created_at.isoformat(),
        "total": msgspec.to_builtins(past_weeks.total(weeks, row.currency)),
        "result": msgspec.to_builtins(weeks),
    }


def _of(sent: dict[str, Any]) -> Any:
    """Return what is to be tried.

    :raises serializers.ValidationError: it is neither, or both.
    """
    if ("draft" in sent) == ("strategy" in sent):
        reason = "Send a draft, or a strategy's id."
        raise serializers.ValidationError({"draft": [reason]})
    if "draft" in sent:
        return sent["draft"]
    rows = Strategy.objects.select_related("campaign")
    found = rows.filter(id=sent["strategy"]).first()
    if found is None:
        raise Problem(404, "strategy_unknown", "There is no such strategy.")
    return found


def _placed(error: Faulty) -> Faulty:
    """Put a draft's faults where the draft is."""
    return Faulty(
        [
            Fault(
                field=f"draft.{one.field}" if one.field else "draft", reason=one.reason
            )
            for one in error.faults
        ]
    )
