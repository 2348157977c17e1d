"""The doors of reports: what strategies, campaigns and the programme earned.

Each answers as JSON, or as a file for `?format=csv` and `?format=parquet`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.problems import Problem
from promotions import (
    authoring,
    programme,
    report_answers,
    report_files,
    reports,
)
from promotions.models import Campaign, Strategy
from promotions.report_bodies import (
    CampaignReportSerializer,
    ProgrammeReportSerializer,
    StrategyReportSerializer,
    StrategyReportsSerializer,
)
from promotions.report_files import CSV, PARQUET


class CsvRenderer(JSONRenderer):
    """Stands for `?format=csv`; a refusal is JSON all the same."""

    media_type, format = CSV, "csv"


class ParquetRenderer(JSONRenderer):
    """Stands for `?format=parquet`."""

    media_type, format = PARQUET, "parquet"


class PageSerializer(serializers.Serializer[None]):
    """How many, and from where on: `cursor` is the last answer's `next`."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    cursor = serializers.CharField(max_length=200, required=False)


class ReportView(APIView):
    """A report, in three forms."""

    scope = "reports"
    renderer_classes = [JSONRenderer, CsvRenderer, ParquetRenderer]


def _forms(body: type[serializers.Serializer[None]]) -> dict[tuple[int, str], Any]:
    return {
        (200, "application/json"): body,
        (200, CSV): OpenApiTypes.STR,
        (200, PARQUET): OpenApiTypes.BINARY,
    }


class StrategyReportsView(ReportView):
    """Strategies side by side."""

    @extend_schema(
        operation_id="get_strategy_reports",
        parameters=[PageSerializer],
        responses=_forms(StrategyReportsSerializer),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """List measured strategies, the newest first; a file holds all of them."""
        asked = PageSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows = programme.measured()

        def page() -> dict[str, Any]:
            some, further = authoring.paged(rows, asked.validated_data)
            return {"strategies": list(_lines(some)), "next": further}

        # Nothing is read until a file is asked for: the page answers otherwise.
        every = _lines(rows.order_by("-proposed_at", "id").iterator(500))
        return _told(request, page, report_files.of_lines(every), "strategies")


class StrategyReportView(ReportView):
    """A strategy's report."""

    @extend_schema(
        operation_id="get_strategy_report", responses=_forms(StrategyReportSerializer)
    )
    def get(self, request: Request, strategy: UUID) -> HttpResponseBase:
        """Read what a strategy earned, against its own holdout."""
        row = Strategy.objects.select_related("campaign").filter(id=strategy).first()
        if row is None:
            raise Problem(404, "strategy_unknown", "There is no such strategy.")
        body = report_answers.strategy(row, reports.of_strategy(row))
        rows = report_files.of_strategy(body)
        return _told(request, lambda: body, rows, f"strategy-{row.pk}")


class CampaignReportView(ReportView):
    """A campaign's report."""

    @extend_schema(
        operation_id="get_campaign_report", responses=_forms(CampaignReportSerializer)
    )
    def get(self, request: Request, campaign: UUID) -> HttpResponseBase:
        """Read what a campaign earned, against who is held out of everything."""
        row = Campaign.objects.filter(id=campaign).first()
        if row is None:
            raise Problem(404, "campaign_unknown", "There is no such campaign.")
        lines = programme.of_campaign(row)
        body = report_answers.campaign(row, reports.of_campaign(row), lines)
        rows = report_files.of_campaign(body)
        return _told(request, lambda: body, rows, f"campaign-{row.pk}")


class ProgrammeReportView(ReportView):
    """The programme's report."""

    @extend_schema(
        operation_id="get_programme_report", responses=_forms(ProgrammeReportSerializer)
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Read what all strategies earned, month by month."""
        body = report_answers.of_programme(programme.of(at=clock.now()))
        rows = report_files.of_programme(body)
        return _told(request, lambda: body, rows, "programme")


def _lines(rows: Iterable[Strategy]) -> Iterator[dict[str, Any]]:
    return (report_answers.line(programme.line(row)) for row in rows)


def _told(
    request: Request,
    body: Callable[[], dict[str, Any]],
    rows: Iterable[report_files.Row],
    name: str,
) -> HttpResponseBase:
    """Answer in the form that was asked for."""
    form = getattr(request, "accepted_renderer", JSONRenderer()).format
    # `body` is called only where no file is: a file of all needs no page.
    return report_files.download(form, rows, name) or Response(body())
