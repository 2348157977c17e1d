"""Errors as problem+json (RFC 9457), each with a stable `code`.

`Problem` is for doors: topics raise facts of their own, a door turns them into these.
"""

import logging
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found
from django.views.defaults import server_error as default_server_error
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

log = logging.getLogger(__name__)
SHAPE = {
    "type": "object",
    "required": ["status", "code", "detail"],
    "properties": {
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable: branch on this."},
        "detail": {"type": "string", "description": "For people."},
        "errors": {
            "type": "array",
            "description": "The fields at fault, where `code` is `invalid`.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string", "example": "products[1].price"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
"""A problem in the OpenAPI schema."""


class Problem(exceptions.APIException):
    """An answer of 4xx with a stable code and further members."""

    def __init__(self, status: int, code: str, detail: str, **members: object) -> None:
        super().__init__(detail, code)
        self.status_code, self.members = status, members


class Unavailable(exceptions.APIException):
    """The database does not answer; nothing was stored."""

    status_code = 503
    default_code = "try_again"
    default_detail = "Try again in a moment."
    wait = 1
    """DRF's name for Retry-After, in seconds."""


UNREACHABLE = (OperationalError, InterfaceError, psycopg.OperationalError)


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: the same shape for every refusal."""
    if isinstance(error, UNREACHABLE):
        log.warning("the database took no call: %s", type(error).__name__)
        error = Unavailable()
    response = exception_handler(error, context)
    if response is None:
        return None
    code, detail = _code(error), _detail(error)
    response.data = {"status": response.status_code, "code": code, "detail": detail}
    if isinstance(error, exceptions.ValidationError):
        response.data["errors"] = list(_fields("", error.get_full_details()))
    if isinstance(error, Problem):
        response.data |= error.members
    response.content_type = "application/problem+json"
    return response


def _code(error: Exception) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "invalid"
    if isinstance(error, Http404):
        return "not_found"
    codes = (
        error.get_codes() if isinstance(error, exceptions.APIException) else "denied"
    )
    return codes if isinstance(codes, str) else "invalid"


def _detail(error: Exception) -> str:
    if isinstance(error, exceptions.ValidationError):
        return "Some fields are not valid; see `errors`."
    if isinstance(error, exceptions.APIException):
        return str(error.detail)
    return str(error) or "Not found."


def _fields(path: str, details: Any) -> Any:
    """Flatten DRF's nested details into {field, code, detail} rows."""
    if isinstance(details, dict) and {"message", "code"} == details.keys():
        yield {"field": path, "code": details["code"], "detail": details["message"]}
    elif isinstance(details, dict):
        for name, inner in details.items():
            # DRF tells the faults of a list by place, in a dict.
            step = f"[{name}]" if isinstance(name, int) else f".{name}"
            yield from _fields(f"{path}{step}".lstrip("."), inner)
    else:
        for number, inner in enumerate(details):
            leaf = isinstance(inner, dict) and {"message", "code"} == inner.keys()
            yield from _fields(path if leaf else f"{path}[{number}]", inner)


def describe(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """Say in the OpenAPI schema that any call may be refused, in this one shape."""
    result["components"]["schemas"]["Problem"] = SHAPE
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for calls in result["paths"].values():
        for call in calls.values():
            call["responses"]["4XX"] = {
                "description": "Refused; nothing was written.",
                "content": {"application/problem+json": shape},
            }
    return result


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 404: problem+json below /api/, a page elsewhere."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    return _page(404, "not_found", "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500, likewise."""
    if not request.path.startswith("/api/"):
        return default_server_error(request)
    return _page(
        500, "server_error", "Something failed here; nothing was half-written."
    )


def _page(status: int, code: str, detail: str) -> JsonResponse:
    body = {"status": status, "code": code, "detail": detail}
    return JsonResponse(body, status=status, content_type="application/problem+json")
