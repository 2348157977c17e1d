"""The yardsticks of the bench, served by the same server and middleware.

With ROOT_URLCONF=demo.bench.peers: a bare DRF view that answers ready bytes, and the
usual way to take a batch of events: nested serializers, then `bulk_create`.
"""

import os
from pathlib import Path

from django.db import models
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


class UsualEvent(models.Model):
    """The columns that such a table usually has."""

    message = models.CharField(max_length=100, unique=True)
    user = models.CharField(max_length=200, db_index=True)
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


class MessageSerializer(serializers.Serializer[None]):
    messageId = serializers.CharField(max_length=100)  # noqa: N815
    userId = serializers.CharField(max_length=200)  # noqa: N815
    type = serializers.CharField()
    event = serializers.CharField()
    properties = PropertiesSerializer()
    context = serializers.DictField()  # type: ignore[assignment]
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
        UsualEvent._default_manager.bulk_create(
            [
                UsualEvent(
                    message=message["messageId"],
                    user=message["userId"],
                    type=message["type"],
                    event=message["event"],
                    properties=message["properties"],
                    context=message["context"],
                    occurred_at=message["timestamp"],
                )
                for message in given.validated_data["batch"]
            ],
            ignore_conflicts=True,
        )
        return Response({"success": True})


urlpatterns = [
    path("api/v1/customers/<str:customer>/offers", BareView.as_view()),
    path("v1/batch", UsualView.as_view()),
]
