"""The door to the clock, in demo mode alone: read it, move it forward."""

from datetime import datetime
from typing import Any, ClassVar

import msgspec
from django.conf import settings
from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import agenda, bodies, clock
from analytics.models import Clock, Due
from analytics.problems import Problem

NO_TASK = "No task that the schedule or others run at a time has this name."


class DemoView(APIView):
    """A call that exists in demo mode alone, for keys that may move the clock."""

    scope: ClassVar[str] = "clock"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if not settings.SIMULATED_CLOCK:
            raise Problem(404, "not_found", "The clock is the system's: see demo mode.")
        super().initial(request, *args, **kwargs)


class Moved(msgspec.Struct, forbid_unknown_fields=True):
    """A move's body."""

    now: datetime
    runs: agenda.Runs = "daily"
    instead: dict[str, str | None] = {}


class MovedSerializer(serializers.Serializer[None]):
    """Where to move the clock, and what to run on the way."""

    now = serializers.DateTimeField(help_text="Not before what it is.")
    runs = serializers.ChoiceField(
        ["daily", "once", "none"],
        default="daily",
        help_text="How often each task of the schedule runs on the way.",
    )
    instead = serializers.DictField(
        child=serializers.CharField(allow_null=True),
        default=dict,
        help_text="Task -> what to do instead, or null; also where others send it.",
    )


class DueSerializer(serializers.Serializer[None]):
    """A task of the schedule, or one that another one or an approval sent."""

    at = serializers.DateTimeField()
    task = serializers.CharField()
    error = serializers.CharField(help_text="Empty: still to be done.")


class ClockSerializer(serializers.Serializer[None]):
    """The time; all is done when `pending` is empty."""

    now = serializers.DateTimeField()
    until = serializers.DateTimeField(help_text="What it will be when all is done.")
    pending = DueSerializer(many=True)
    failed = DueSerializer(many=True)


class ClockView(DemoView):
    """The shop's time."""

    @extend_schema(operation_id="get_clock", responses=ClockSerializer)
    def get(self, request: Request) -> Response:
        """Tell the time, and what is still to be done before it stands."""
        return Response(_told())

    @extend_schema(
        operation_id="move_clock",
        request=MovedSerializer,
        responses={200: ClockSerializer, 202: ClockSerializer},
    )
    def put(self, request: Request) -> Response:
        """Move the clock forward. 202: a worker now does what is due on the way."""
        asked = bodies.read(request, Moved)
        if asked.now.tzinfo is None:
            raise Problem(400, "invalid", "Say the time with its zone.")
        try:
            due = agenda.move(asked.now, runs=asked.runs, instead=asked.instead)
        except agenda.UnknownTasks as error:
            raise serializers.ValidationError(
                {"instead": {name: [NO_TASK] for name in error.names}}
            ) from error
        except agenda.Backwards as error:
            raise Problem(409, "clock_backwards", str(error)) from error
        except agenda.Busy as error:
            raise Problem(409, "clock_busy", str(error)) from error
        return Response(_told(), status=202 if due else 200)


@transaction.atomic
def _told() -> dict[str, Any]:
    row = Clock.objects.first()
    now = row.now if row else clock.now()
    rows = [
        {"at": due.at, "task": due.task, "error": due.error}
        for due in Due.objects.order_by("at", "id")
    ]
    return {
        "now": now,
        "until": max(now, row.until) if row else now,
        "pending": [one for one in rows if not one["error"]],
        "failed": [one for one in rows if one["error"]],
    }
