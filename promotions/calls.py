"""What calls of this app share: strict bodies, Idempotency-Keys."""

from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.access import caller
from analytics.problems import Problem
from promotions import receipts

KEY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, required=True)


class Strict(serializers.Serializer[None]):
    """A body whose fields are all known: a misspelt one must not pass in silence."""

    def to_internal_value(self, data: Any) -> Any:
        names = data.keys() if isinstance(data, Mapping) else set()
        if unknown := sorted(names - self.fields.keys()):
            errors = {name: ["There is no such field."] for name in unknown}
            raise serializers.ValidationError(errors, "unknown")
        return super().to_internal_value(data)


def valid(kind: type[serializers.Serializer[None]], request: Request) -> Any:
    """Return the body's fields.

    :raises serializers.ValidationError: some are wrong, or unknown.
    """
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def check_key(request: Request) -> str:
    """Return the Idempotency-Key, or refuse the call."""
    key = request.headers.get("Idempotency-Key", "")
    if not 1 <= len(key) <= 255:
        raise Problem(
            400,
            "idempotency_key_missing",
            "Send an Idempotency-Key header of 1 to 255 characters.",
        )
    return key


def once(request: Request, do: Callable[[], dict[str, Any]]) -> Response:
    """Do it once for the request's key: 201, and 200 with the same answer again.

    :raises receipts.KeyReused: the key came before with another request.
    """
    body, again = receipts.once(
        caller=caller(request).pk,
        key=check_key(request),
        # The path too: a key that comes again with another call is told so.
        request=request.path.encode() + request._request.body,
        do=do,
    )
    return Response(body, status=200 if again else 201)
