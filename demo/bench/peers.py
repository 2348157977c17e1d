"""The yardsticks of the bench, served by the same server and middleware.

With ROOT_URLCONF=demo.bench.peers: a bare DRF view that answers ready bytes, and the
usual way to take a batch of events: nested serializers, then `bulk_create`.
"""

import json
import os
from pathlib import Path

from django.db import connection, models
from django.http import HttpResponse
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

BODY = Path(os.environ.get("BARE_BODY", os.devnull)).read_bytes()


class BareView(APIView):
    """Answers from memory, to anybody."""

    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request, customer: str) -> HttpResponse:
        return HttpResponse(BODY, content_type="application/json")


class UsualCustomer(models.Model):
    """Whose events they are."""

    external_id = models.CharField(max_length=200, unique=True)

    class Meta:
        app_label = "demo"
        managed = False
        db_table = "bench_usual_customer"

    def __str__(self) -> str:
        return self.external_id


class UsualEvent(models.Model):
    """The columns that such a table usually has."""

    message = models.CharField(max_length=100, unique=True)
    customer = models.ForeignKey(UsualCustomer, models.PROTECT)
    type = models.CharField(max_length=50)
    event = models.CharField(max_length=200)
    properties = models.JSONField()
    context = models.JSONField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "demo"
        managed = False
        db_table = "bench_usual_event"

    def __str__(self) -> str:
        return self.message


class PropertiesSerializer(serializers.Serializer[None]):
    product_id = serializers.CharField()
    sku = serializers.CharField()
    category = serializers.CharField(required=False)
    name = serializers.CharField(required=False)
    brand = serializers.CharField(required=False)
    price = serializers.FloatField(required=False)
    currency = serializers.CharField(max_length=3, required=False)
    url = serializers.CharField(required=False)
    position = serializers.IntegerField(required=False)


class LibrarySerializer(serializers.Serializer[None]):
    name = serializers.CharField()
    version = serializers.CharField(required=False)


class ContextSerializer(serializers.Serializer[None]):
    library = LibrarySerializer(required=False)


class MessageSerializer(serializers.Serializer[None]):
    messageId = serializers.CharField(max_length=100)  # noqa: N815
    userId = serializers.CharField(max_length=200)  # noqa: N815
    type = serializers.CharField()
    event = serializers.CharField()
    properties = PropertiesSerializer()
    context = ContextSerializer()  # type: ignore[assignment]
    timestamp = serializers.DateTimeField()


class UsualSerializer(serializers.Serializer[None]):
    batch = MessageSerializer(many=True)


class UsualView(APIView):
    """Validate a batch with DRF, store it with the ORM; whoever sends it."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request) -> Response:
        given = UsualSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        batch = given.validated_data["batch"]
        customers = _customers({message["userId"] for message in batch})
        UsualEvent._default_manager.bulk_create(
            [
                UsualEvent(
                    message=message["messageId"],
                    customer=customers[message["userId"]],
                    type=message["type"],
                    event=message["event"],
                    properties=message["properties"],
                    context=message["context"],
                    occurred_at=message["timestamp"],
                )
                for message in batch
            ],
            ignore_conflicts=True,
        )
        return Response({"success": True})


def _customers(names: set[str]) -> dict[str, UsualCustomer]:
    table = UsualCustomer._default_manager
    new = [UsualCustomer(external_id=name) for name in sorted(names)]
    table.bulk_create(new, ignore_conflicts=True)
    return {c.external_id: c for c in table.filter(external_id__in=names)}


class RowView(APIView):
    """Reads one row, or writes one; for anybody."""

    authentication_classes = ()
    permission_classes = ()

    def post(self, request: Request, what: str) -> Response:
        statement = {
            "read": "SELECT id FROM bench_bare_row WHERE id = 1",
            "write": "INSERT INTO bench_bare_row (body) VALUES (%s) RETURNING id",
        }[what]
        with connection.cursor() as cursor:
            body = [json.dumps(request.data)] if what == "write" else None
            cursor.execute(statement, body)
            return Response({"id": cursor.fetchone()[0]})


urlpatterns = [
    path("bare/<str:what>", RowView.as_view()),
    path("api/v1/customers/<str:customer>/offers", BareView.as_view()),
    path("v1/batch", UsualView.as_view()),
]
