"""Request bodies: JSON, whatever it holds, up to DATA_UPLOAD_MAX_MEMORY_SIZE.

DRF's own parser reads a body of any size, and a deeply nested one makes it fail.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import IO, Any

import msgspec
from django.core.exceptions import RequestDataTooBig
from rest_framework import serializers
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from analytics import shapes


class TooLarge(APIException):
    """The body is longer than we read."""

    status_code = 413
    default_code = "body_too_large"
    default_detail = "Send at most 4 MiB at a time."


class Unreadable(ParseError):
    """The body is not the JSON that the door expects."""

    default_code = "unreadable"


def read(request: Request, kind: Any = Any) -> Any:
    """Return the body, read as a `kind`.

    :raises TooLarge: nothing was read.
    :raises Unreadable: it is not JSON, or not a `kind`.
    """
    try:
        return msgspec.json.decode(request._request.body, type=kind)
    except RequestDataTooBig as error:
        raise TooLarge from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(str(error)) from error


class JsonParser(BaseParser):
    """The parser of every door that has a serializer."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return read((parser_context or {})["request"])


class AmountField(serializers.DecimalField):
    """A number of a body, in plain digits."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """DRF takes "" for null here, and so a missing price for the catalogue's."""
        if data == "":
            self.fail("invalid")
        found: tuple[bool, Any] = super().validate_empty_values(data)
        return found

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and not shapes.spelled(data):
            self.fail("invalid")
        return super().to_internal_value(data)


class MomentField(serializers.DateTimeField):
    """A moment of a body: with its time zone, or it may mean another one."""

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise serializers.ValidationError("Say which time zone, as in +00:00.")
        return super().enforce_timezone(value)

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, date) and not isinstance(value, datetime):
            self.fail("date")
        return super().to_internal_value(value)


class WholeField(serializers.IntegerField):
    """A whole number of a body, in plain digits."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and not shapes.spelled(data):
            self.fail("invalid")
        return super().to_internal_value(data)
