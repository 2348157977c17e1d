"""Campaigns in the back office: opened, then read."""

from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from analytics.back_office import ReadOnly
from analytics.languages import said
from catalog import pricing
from catalog.admin import money
from promotions import desk_campaigns, form_fields, forms, phrases, rule_reading
from promotions.models import Campaign


@admin.register(Campaign)
class CampaignAdmin(ReadOnly):
    """Opened, never edited: strategies were approved under its zone and limits."""

    list_display = [
        *("called", "starts_at", "ends_at", "zone"),
        *(money("budget"), money("spent")),
    ]
    ordering = ["-starts_at"]
    readonly_fields = ["called", "period", "funds", "asked", "caps", "results"]
    fields = readonly_fields

    @admin.display(description=_("Name"), ordering="name")
    def called(self, campaign: Campaign) -> str:
        return campaign.called

    @admin.display(description=_("Period"))
    def period(self, campaign: Campaign) -> Any:
        zone = ZoneInfo(campaign.zone)
        since, until = (
            at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
            for at in (campaign.starts_at, campaign.ends_at)
        )
        return _("from %(since)s up to, but not including, %(until)s (%(zone)s)") % {
            "since": since,
            "until": until,
            "zone": campaign.zone,
        }

    @admin.display(description=_("Budget"))
    def funds(self, campaign: Campaign) -> Any:
        told = {
            name: pricing.rounded(getattr(campaign, name), campaign.currency)
            for name in ("budget", "spent", "reserved")
        }
        told_of = _("%(budget)s %(currency)s: %(spent)s spent, %(reserved)s reserved")
        return told_of % {**told, "currency": campaign.currency}

    @admin.display(description=_("Personal offers"))
    def asked(self, campaign: Campaign) -> Any:
        told = []
        if campaign.least_return is not None:
            told.append(
                _("For each 1.00 of discount they bring %(least)s of profit or more.")
                % {"least": f"{campaign.least_return.normalize():f}"}
            )
        if campaign.most_per_customer is not None:
            told.append(
                _("A customer gets at most %(most)s.")
                % {"most": campaign.most_per_customer}
            )
        return " ".join(map(str, told)) or _("No limits of their own.")

    @admin.display(description=_("Results"))
    def results(self, campaign: Campaign) -> str:
        page = reverse("campaign_results", args=[campaign.pk])
        link = '<a class="underline" href="{}">{}</a>'
        return format_html(link, page, _("What it earned"))

    @admin.display(description=_("Limits"))
    def caps(self, campaign: Campaign) -> Any:
        limits = rule_reading.decoded_limits(campaign.limits)
        told = map(said, phrases.limits(limits, campaign.currency))
        return " ".join(told) or _("None.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("promotions.add_campaign"))

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Open a campaign."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        data = request.POST if request.method == "POST" else None
        form = forms.CampaignForm(
            data, prefix="campaign", initial={"currency": settings.CURRENCY}
        )
        limits = form_fields.rows(forms.LimitForm, data, "limits", [], 1)
        if data is not None:
            made = desk_campaigns.open_campaign(
                form, limits, by=request.user.get_username()
            )
            if made:
                messages.success(request, _("The campaign is open."))
                return redirect("admin:promotions_campaign_change", made.id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("New campaign"),
            "page": desk_campaigns.campaign_page(form, limits),
            "zones": sorted(available_timezones()),
        }
        return TemplateResponse(request, "admin/promotions/strategy/desk.html", context)
