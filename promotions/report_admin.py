"""The back office's pages of results: of a strategy, a campaign, the programme.

Who may view strategies, and campaigns, may read what they earned, and download it.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from analytics import clock
from promotions import (
    findings,
    hindsight_pages,
    programme,
    programme_findings,
    report_answers,
    report_cards,
    report_files,
    report_lines,
    report_pages,
    reports,
)
from promotions.models import Campaign, Strategy


def strategy_results(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what a strategy earned."""
    _allow(request, "promotions.view_strategy")
    row = get_object_or_404(Strategy.objects.select_related("campaign"), id=key)
    report = reports.of_strategy(row)
    # A generator: it costs nothing unless a file is asked for.
    rows = report_files.of_strategy(report_answers.strategy(row, report))
    told = findings.of_report(report, programme.promise(row))
    others = hindsight_pages.section(row)
    context = {
        "title": _("Results of “%s”") % row.called,
        "back": row,
        "cards": report_cards.cards(report.result, report.currency),
        "findings": list(told),
        "doubts": list(findings.doubts(report)),
        "sections": [
            *report_pages.of_strategy(row, report),
            *([others] if others else []),
        ],
        "through": report.through,
    }
    return _shown(request, context, rows, f"strategy-{row.pk}")


def campaign_results(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what a campaign earned, and its strategies side by side."""
    _allow(request, "promotions.view_campaign", "promotions.view_strategy")
    row = get_object_or_404(Campaign, id=key)
    report, lines = reports.of_campaign(row), programme.of_campaign(row)
    rows = report_files.of_campaign(report_answers.campaign(row, report, lines))
    context = {
        "title": _("Results of the campaign “%s”") % row.called,
        "says": _(
            "All its audience against those who are held out of everything. They are "
            "few, so that only large effects are seen here; each strategy has a "
            "holdout of its own beside."
        ),
        "cards": report_cards.cards(report.result, report.currency),
        "findings": list(findings.of_report(report)),
        "doubts": list(findings.doubts(report)),
        "sections": list(report_pages.of_campaign(report, lines)),
        "through": report.through,
    }
    return _shown(request, context, rows, f"campaign-{row.pk}")


def programme_results(request: HttpRequest) -> HttpResponseBase:
    """Show what all strategies earned together."""
    _allow(request, "promotions.view_strategy")
    told = programme.of(at=clock.now())
    rows = report_files.of_programme(report_answers.of_programme(told))
    context = {
        "title": _("Programme"),
        "says": _("What all personal offers together earned."),
        "findings": list(programme_findings.of_programme(told)),
        "doubts": list(programme_findings.doubts_of_programme()),
        "sections": list(report_lines.of_programme(told)),
    }
    return _shown(request, context, rows, "programme")


def _allow(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _shown(
    request: HttpRequest,
    context: dict[str, Any],
    rows: Iterable[report_files.Row],
    name: str,
) -> HttpResponseBase:
    """Answer with the page, or with the file that was asked for."""
    file = report_files.download(request.GET.get("format"), rows, name)
    if file is not None:
        return file
    page = {**admin.site.each_context(request), **context}
    return TemplateResponse(request, "admin/promotions/report/page.html", page)
