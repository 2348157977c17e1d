"""The events door: POST /api/v1/events."""

import msgspec
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import bodies, ingestion
from analytics.access import caller
from analytics.problems import Problem

MOST_EVENTS = 2500


class Batch(msgspec.Struct, frozen=True):
    """A request's body; each event is read on its own, so that one cannot harm all."""

    events: list[msgspec.Raw]


class EventSerializer(serializers.Serializer[None]):
    """One event; see docs/api.md for each type's data."""

    id = serializers.CharField(max_length=100, help_text="Yours; makes retries safe.")
    type = serializers.CharField()
    customer = serializers.CharField(max_length=200, required=False, allow_null=True)
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]


class BatchSerializer(serializers.Serializer[None]):
    """Up to 2,500 events and 4 MiB."""

    events = EventSerializer(many=True)


class ResultSerializer(serializers.Serializer[None]):
    """What became of the event at the same place of the batch."""

    id = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(["accepted", "duplicate", "rejected"])
    reason = serializers.CharField(required=False)
    path = serializers.CharField(required=False)


class ResultsSerializer(serializers.Serializer[None]):
    """Counts, and a result for each event in order."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField()
    results = ResultSerializer(many=True)


class EventsView(APIView):
    """Report what customers did."""

    scope = "events"

    @extend_schema(
        operation_id="post_events", request=BatchSerializer, responses=ResultsSerializer
    )
    def post(self, request: Request) -> Response:
        """Store a batch of events. A rejected event never harms its neighbours."""
        batch = _batch(request)
        results = ingestion.ingest(
            [bytes(raw) for raw in batch.events],
            source=caller(request).name,
            at=timezone.now(),
        )
        counts = {
            status: sum(result.status == status for result in results)
            for status in ("accepted", "duplicate", "rejected")
        }
        return Response(counts | {"results": [_row(result) for result in results]})


def _batch(request: Request) -> Batch:
    batch: Batch = bodies.read(request, Batch)
    if len(batch.events) > MOST_EVENTS:
        raise Problem(
            413, "batch_too_large", f"Send at most {MOST_EVENTS} events at a time."
        )
    return batch


def _row(result: ingestion.Result) -> dict[str, str | None]:
    row = {"id": result.id, "status": result.status}
    if result.status == "rejected":
        row |= {"reason": result.reason, "path": result.path}
    return row
