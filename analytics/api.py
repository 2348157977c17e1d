"""The doors for shops: events in, consent, export and erasure."""

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import bodies, clock, ingestion, persons, privacy, salvage, wires
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
    anonymous = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        help_text="A visitor's id before log-in.",
    )
    previous = serializers.CharField(
        max_length=200,
        required=False,
        allow_null=True,
        help_text="With customer_aliased: the id given up.",
    )
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)
    data = serializers.DictField(required=False)  # type: ignore[assignment]


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
        results = ingestion.ingest(
            _batch(request),
            source=caller(request).name,
            at=clock.now(),
            read=wires.reader(""),
        )
        counts = {
            status: sum(result.status == status for result in results)
            for status in ("accepted", "duplicate", "rejected")
        }
        return Response(counts | {"results": [_row(result) for result in results]})


def _batch(request: Request) -> list[bytes]:
    """Return the events apart, also of a body that one of them makes unreadable."""
    try:
        batch: Batch = bodies.read(request, Batch)
        raws = [bytes(raw) for raw in batch.events]
    except bodies.Unreadable:
        found = salvage.items(request._request.body, "events")
        if found is None:
            raise
        raws = found
    if len(raws) > MOST_EVENTS:
        raise Problem(
            413, "batch_too_large", f"Send at most {MOST_EVENTS} events at a time."
        )
    return raws


def _row(result: ingestion.Result) -> dict[str, str | None]:
    row = {"id": result.id, "status": result.status}
    if result.status == "rejected":
        row |= {"reason": result.reason, "path": result.path}
    return row


class ConsentSerializer(serializers.Serializer[None]):
    """A customer's word: may offers be made from what they did?"""

    customer = serializers.CharField(max_length=200, required=False, allow_null=True)
    anonymous = serializers.CharField(max_length=200, required=False, allow_null=True)
    personalised = serializers.BooleanField()


class ErasureSerializer(serializers.Serializer[None]):
    """The receipt: it does not say who was forgotten."""

    erasure = serializers.UUIDField()
    erased_at = serializers.DateTimeField()
    events = serializers.IntegerField(help_text="So many lost the person behind them.")


class ConsentView(APIView):
    """A customer's word on personal offers."""

    scope = "events"

    @extend_schema(
        operation_id="post_consent",
        request=ConsentSerializer,
        responses=ResultSerializer,
    )
    def post(self, request: Request) -> Response:
        """Store the word as an event; it counts from this moment."""
        said = bodies.read(request, Said)
        result = ingestion.consent(
            customer=said.customer,
            anonymous=said.anonymous,
            personalised=said.personalised,
            source=caller(request).name,
            at=clock.now(),
        )
        if result.status == "rejected":
            raise Problem(400, "consent_refused", f"{result.reason} ({result.path})")
        return Response(_row(result))


class Said(msgspec.Struct, forbid_unknown_fields=True):
    personalised: bool
    customer: str | None = None
    anonymous: str | None = None


class CustomerView(APIView):
    """All that is held of a customer."""

    scope = "privacy"

    @extend_schema(operation_id="export_customer", responses=dict)
    def get(self, request: Request, customer: str) -> Response:
        """Export it: ids, consent, events, and every other row."""
        # PostgreSQL refuses U+0000 even as a question's value.
        held = None if "\0" in customer else privacy.export(customer)
        if held is None:
            raise Problem(404, "customer_unknown", "Nothing is held of this customer.")
        return Response(held)

    @extend_schema(operation_id="erase_customer", responses={200: ErasureSerializer})
    def delete(self, request: Request, customer: str) -> Response:
        """Erase it, for ever: late events of this customer are refused."""
        if "\0" in customer or persons.nobody(customer):
            raise Problem(404, "customer_unknown", "Nobody is called that.")
        done = privacy.erase(customer, by=caller(request).name, at=clock.now())
        return Response(
            {"erasure": done.id, "erased_at": done.erased_at, "events": done.events}
        )
