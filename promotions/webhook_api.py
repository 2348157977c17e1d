"""The doors of webhooks: where to tell what happens."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.problems import Problem
from promotions import webhooks
from promotions.calls import Strict, valid
from promotions.models import Endpoint


class EndpointRequestSerializer(Strict):
    """An https address, and what it is told; without types, everything."""

    url = serializers.CharField(max_length=500)
    types = serializers.ListField(
        child=serializers.ChoiceField(webhooks.TYPES),
        max_length=len(webhooks.TYPES),
        default=list,
    )


class SwitchSerializer(Strict):
    """Whether it is told."""

    active = serializers.BooleanField()


class EndpointSerializer(serializers.Serializer[None]):
    """An endpoint; `failing_since` is null while it takes what it is sent."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField())
    active = serializers.BooleanField()
    failing_since = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class SecretSerializer(EndpointSerializer):
    """An endpoint with its secret, which is told only now."""

    secret = serializers.CharField()


class EndpointsSerializer(serializers.Serializer[None]):
    """All endpoints, at most 50."""

    endpoints = EndpointSerializer(many=True)


class EndpointsView(APIView):
    """Where shops are told."""

    scope = "webhooks"

    @extend_schema(operation_id="list_webhook_endpoints", responses=EndpointsSerializer)
    def get(self, request: Request) -> Response:
        """Read them, the oldest first."""
        rows = Endpoint.objects.order_by("created_at", "id")
        return Response({"endpoints": [_told(row) for row in rows]})

    @extend_schema(
        operation_id="post_webhook_endpoints",
        request=EndpointRequestSerializer,
        responses={201: SecretSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make one; it is told of what happens from now on. Keep the secret."""
        sent = valid(EndpointRequestSerializer, request)
        try:
            # By the machine's clock: receivers live
            # by it, and not by a simulated shop's.
            row = webhooks.register(sent["url"], sent["types"], at=clock.wall())
        except webhooks.BadEndpoint as error:
            detail = serializers.ErrorDetail(str(error), "refused")
            raise serializers.ValidationError({error.field: [detail]}) from error
        except webhooks.EndpointExists as error:
            raise Problem(409, "endpoint_exists", str(error)) from error
        return Response(_told(row) | {"secret": row.secret}, status=201)


class EndpointView(APIView):
    """An endpoint."""

    scope = "webhooks"

    @extend_schema(operation_id="get_webhook_endpoint", responses=EndpointSerializer)
    def get(self, request: Request, endpoint: UUID) -> Response:
        """Read it."""
        return Response(_told(_found(endpoint)))

    @extend_schema(
        operation_id="patch_webhook_endpoint",
        request=SwitchSerializer,
        responses=EndpointSerializer,
    )
    def patch(self, request: Request, endpoint: UUID) -> Response:
        """Switch it off, or on again: then it is told of all that happened."""
        row = _found(endpoint)
        webhooks.switch(row.pk, on=valid(SwitchSerializer, request)["active"])
        return Response(_told(_found(endpoint)))

    @extend_schema(operation_id="delete_webhook_endpoint", responses={204: None})
    def delete(self, request: Request, endpoint: UUID) -> Response:
        """Forget it with all that waits for it; again is no error."""
        Endpoint.objects.filter(id=endpoint).delete()
        return Response(status=204)


class SecretView(APIView):
    """An endpoint's secret."""

    scope = "webhooks"

    @extend_schema(
        operation_id="post_webhook_secret", request=None, responses=SecretSerializer
    )
    def post(self, request: Request, endpoint: UUID) -> Response:
        """Make a new secret; for a day, the one before signs too."""
        row = webhooks.rotate(_found(endpoint).pk, at=clock.wall())
        return Response(_told(row) | {"secret": row.secret})


def _found(key: UUID) -> Endpoint:
    found = Endpoint.objects.filter(id=key).first()
    if found is None:
        raise Problem(404, "endpoint_unknown", "There is no such endpoint.")
    return found


def _told(row: Endpoint) -> dict[str, Any]:
    names = ("id", "url", "types", "active", "failing_since", "created_at")
    return {name: getattr(row, name) for name in names}
