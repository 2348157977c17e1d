"""The doors of codes: give some, ask for batches of them, list, export, stop."""

import base64
import binascii
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.access import caller
from analytics.bodies import TooLarge
from analytics.problems import Problem
from promotions import batches, code_files, codes, giving, receipts
from promotions.calls import KEY, once, valid
from promotions.code_bodies import (
    BatchRequestSerializer,
    BatchSerializer,
    CodeSerializer,
    CodesSerializer,
    GivenCodesSerializer,
    ImportedSerializer,
    batch_told,
    codes_told,
)
from promotions.models import Code, CodeBatch, Strategy
from promotions.spelling import digest

MOST_TOLD = 100
USUAL_PAGE, LARGEST_PAGE = 100, 1000
CSV = "text/csv; charset=utf-8"


class CsvParser(BaseParser):
    """Leaves a CSV body to its reader."""

    media_type = "text/csv"

    def parse(self, *_: Any, **__: Any) -> Any:
        return None


PAGE = [
    OpenApiParameter("cursor", str, description="`next` of the page before."),
    OpenApiParameter("limit", int, description="1 to 1,000; 100."),
    OpenApiParameter("code", str, description="Only this one, however it is typed."),
]
FILE = {(200, "text/csv"): OpenApiTypes.STR}


class CodesView(APIView):
    """A strategy's codes."""

    scope = "codes"

    @extend_schema(
        operation_id="list_codes", parameters=PAGE, responses=CodesSerializer
    )
    def get(self, request: Request, strategy: UUID) -> Response:
        """Read a strategy's codes, a page at a time."""
        asked = request.query_params
        rows = Code.objects.filter(strategy=_strategy(strategy)).order_by("digest")
        if text := asked.get("code"):
            rows = rows.filter(digest=digest(text))
        if cursor := asked.get("cursor"):
            rows = rows.filter(digest__gt=_place(cursor))
        size = _size(asked.get("limit", str(USUAL_PAGE)))
        page = list(rows[: size + 1])
        more = _cursor(page[size - 1]) if len(page) > size else None
        return Response({"codes": codes_told(page[:size]), "next": more})

    @extend_schema(
        operation_id="post_codes",
        request=GivenCodesSerializer,
        responses={201: CodesSerializer},
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Make the codes you name: all, or none. Again is no error."""
        row = _taking(strategy)
        given = [
            giving.Given(text=one.pop("code"), **one)
            for one in valid(GivenCodesSerializer, request)["codes"]
        ]
        with transaction.atomic():
            became = giving.give(row, given)
            faults: Any = {
                i: {one.field: [serializers.ErrorDetail(one.reason, "code_refused")]}
                for i, one in enumerate(became)
                if one.status == "refused"
            }
            if faults:
                raise serializers.ValidationError({"codes": faults})
        wanted = [digest(one.text) for one in given]
        made = {bytes(c.digest): c for c in Code.objects.filter(digest__in=wanted)}
        told = codes_told([made[one] for one in wanted])
        return Response({"codes": told, "next": None}, status=201)


class StrategyFileView(APIView):
    """A strategy's codes as a file."""

    scope = "codes"
    parser_classes = [CsvParser]

    @extend_schema(operation_id="export_codes", responses=FILE)
    def get(self, request: Request, strategy: UUID) -> StreamingHttpResponse:
        """Read all codes of the strategy."""
        key = _strategy(strategy).pk
        return _file(code_files.export(strategy=key), f"codes-{key}.csv")

    @extend_schema(
        operation_id="import_codes",
        request={"text/csv": OpenApiTypes.STR},
        parameters=[OpenApiParameter("dry_run", bool)],
        responses=ImportedSerializer,
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Import codes from a file of up to 4 MiB: its good rows. Again is fine."""
        row, faults = _taking(strategy), []  # type: Strategy, list[code_files.Fault]
        dry_run = request.query_params.get("dry_run", "").lower() in ("true", "1")
        lines = io.StringIO(_body(request).decode("utf-8-sig", "replace"), newline="")
        try:
            report = code_files.take(lines, row, dry_run=dry_run, refused=faults.append)
        except code_files.BadHeader as error:
            raise Problem(400, "unreadable", str(error)) from error
        told = [vars(fault) for fault in faults[:MOST_TOLD]]
        return Response(vars(report) | {"faults": told})


class BatchesView(APIView):
    """Batches of a strategy's codes."""

    scope = "codes"

    @extend_schema(
        operation_id="post_code_batches",
        request=BatchRequestSerializer,
        responses={201: BatchSerializer, 200: BatchSerializer},
        parameters=[KEY],
    )
    def post(self, request: Request, strategy: UUID) -> Response:
        """Ask for random codes, which are made in the background."""
        sent = valid(BatchRequestSerializer, request)
        by = caller(request).name

        def ask() -> dict[str, Any]:
            row = _taking(strategy)
            made = batches.request(row, **sent, by=by, at=clock.now())
            return batch_told(made)

        try:
            return once(request, ask)
        except batches.TooShort as error:
            raise _invalid("length", error, "too_short") from error
        except batches.BadPrefix as error:
            raise _invalid("prefix", error, "bad_prefix") from error
        except batches.TooMany as error:
            raise _invalid("number", error, "too_many") from error
        except receipts.KeyReused as error:
            raise Problem(422, "idempotency_key_reused", str(error)) from error


class BatchView(APIView):
    """A batch of codes."""

    scope = "codes"

    @extend_schema(operation_id="get_code_batch", responses=BatchSerializer)
    def get(self, request: Request, batch: UUID) -> Response:
        """Read how far it is."""
        return Response(batch_told(_found(batch)))


class BatchFileView(APIView):
    """A batch's codes as a file."""

    scope = "codes"

    @extend_schema(operation_id="export_code_batch", responses=FILE)
    def get(self, request: Request, batch: UUID) -> StreamingHttpResponse:
        """Read the codes that are made so far."""
        key = _found(batch).pk
        return _file(code_files.export(batch=key), f"codes-{key}.csv")


class DeactivationView(APIView):
    """The end of a code."""

    scope = "codes"

    @extend_schema(
        operation_id="post_code_deactivation", request=None, responses=CodeSerializer
    )
    def post(self, request: Request, code: UUID) -> Response:
        """Refuse a code from now on, for ever; again is no error."""
        try:
            row = codes.deactivate(code)
        except codes.UnknownCode as error:
            raise Problem(404, "code_unknown", str(error)) from error
        return Response(codes_told([row])[0])


def _strategy(key: UUID) -> Strategy:
    found = Strategy.objects.filter(id=key).first()
    if found is None:
        raise Problem(404, "strategy_unknown", "There is no such strategy.")
    return found


def _taking(key: UUID) -> Strategy:
    try:
        found = giving.taking(key)
    except giving.NotByCode as error:
        raise Problem(409, "strategy_takes_no_codes", str(error)) from error
    return found or _strategy(key)


def _found(key: UUID) -> CodeBatch:
    found = CodeBatch.objects.filter(id=key).first()
    if found is None:
        raise Problem(404, "batch_unknown", "There is no such batch.")
    return found


def _cursor(row: Code) -> str:
    return base64.urlsafe_b64encode(bytes(row.digest)).decode()


def _place(cursor: str) -> bytes:
    try:
        return base64.b64decode(cursor, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _invalid("cursor", "This is no cursor of ours.", "invalid") from error


def _size(said: str) -> int:
    # int() would take "１２" and "1_000" too.
    size = int(said) if said.isascii() and said.isdigit() and len(said) < 5 else 0
    if not 1 <= size <= LARGEST_PAGE:
        raise _invalid("limit", f"Expected 1 to {LARGEST_PAGE}.", "invalid")
    return size


def _body(request: Request) -> bytes:
    try:
        return bytes(request._request.body)
    except RequestDataTooBig as error:
        raise TooLarge from error


def _file(blocks: Iterator[bytes], name: str) -> StreamingHttpResponse:
    answer = StreamingHttpResponse(blocks, content_type=CSV)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _invalid(
    field: str, reason: str | Exception, code: str
) -> serializers.ValidationError:
    detail = serializers.ErrorDetail(str(reason), code)
    return serializers.ValidationError({field: [detail]})
