"""Strategies in the back office: read the promise, approve or reject with a comment."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import store
from analytics.admin import ReadOnly
from analytics.models import Customer
from catalog import pricing
from catalog.admin import money
from promotions import approval, rules
from promotions.models import Campaign, Offer, Redemption, Strategy

DECISIONS: dict[str, Callable[..., None]] = {
    "approve": approval.approve,
    "reject": approval.reject,
    "end": approval.end,
}
COLOURS = {"proposed": "warning", "live": "success", "rejected": "danger"}


@admin.register(Strategy)
class StrategyAdmin(ReadOnly):
    """Nothing is edited here: a strategy is decided, and the log keeps who and why."""

    list_display = [
        "title",
        "pill",
        "kind",
        "reach",
        "promise",
        money("budget"),
        "used",
    ]
    list_filter = ["state", "kind"]
    list_filter_submit = False
    search_fields = ["title"]
    ordering = ["-decided_at", "kind"]  # PostgreSQL: what is undecided comes first
    list_select_related = ["campaign"]
    change_form_before_template = "admin/promotions/strategy/decision.html"
    fieldsets = [(_("Terms"), {"fields": ["campaign", "scope", "least_margin"]})]

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=COLOURS, ordering="state"
    )
    def pill(self, strategy: Strategy) -> tuple[str, str]:
        return strategy.state, strategy.get_state_display()

    @admin.display(description=_("Reach"))
    def reach(self, strategy: Strategy) -> str:
        return f"{strategy.forecast['reach']:,}"

    @admin.display(description=_("Promised margin"))
    def promise(self, strategy: Strategy) -> str:
        return f"{strategy.forecast['margin']:+,.0f} {strategy.currency}"

    @admin.display(description=_("Budget used"))
    def used(self, strategy: Strategy) -> str:
        share = 100 * strategy.spent / strategy.budget if strategy.budget else 0
        # Not a <progress>: unstyled, an empty one looks full.
        bar = (
            '<span style="white-space: nowrap"><span style="display: inline-block; '
            "width: 5rem; height: .625rem; border: 1px solid rgb(128 128 128 / .6); "
            "border-radius: .25rem; background: linear-gradient(to right, "
            '#15803d {}%, transparent 0)"></span> {} %</span>'
        )
        return format_html(bar, round(share), round(share))

    def get_urls(self) -> list[URLPattern]:
        # The id comes last: unfold's own pattern swallows a path that ends in a verb.
        decide = path(
            "decide/<str:decision>/<uuid:key>",
            self.admin_site.admin_view(self.decide),
            name="promotions_strategy_decide",
        )
        return [decide, *super().get_urls()]

    def decide(self, request: HttpRequest, decision: str, key: UUID) -> HttpResponse:
        """Approve, reject or end; a refusal becomes a message, and nothing changes."""
        strategy = get_object_or_404(Strategy, id=key)
        page = redirect(reverse("admin:promotions_strategy_change", args=[key]))
        if request.method != "POST" or decision not in DECISIONS:
            return page
        if not request.user.has_perm("promotions.change_strategy"):
            messages.error(request, _("You may not decide on strategies."))
            return page
        try:
            DECISIONS[decision](
                strategy.id,
                by=request.user.get_username(),
                comment=request.POST.get("comment", ""),
                at=timezone.now(),
            )
        except approval.REFUSALS as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, _("Your decision is in the log."))
        return page

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        strategy = Strategy.objects.filter(id=object_id).first()
        context = (extra_context or {}) | (_page(strategy) if strategy else {})
        return super().changeform_view(request, object_id, form_url, context)


def _page(strategy: Strategy) -> dict[str, Any]:
    """Return what the decision page shows."""
    return {
        "strategy": strategy,
        "spent": pricing.rounded(strategy.spent, strategy.currency),
        "budget": pricing.rounded(strategy.budget, strategy.currency),
        "variants": [
            rules.words(terms, strategy.currency) for terms in strategy.terms.values()
        ],
        "history": [
            (step.occurred_at, getattr(step.event, "by", ""), _step(step), step.event)
            for step in approval.history(strategy)
        ],
        "examples": _examples(strategy),
        "decisions": _decisions(strategy),
    }


def _step(step: store.Stored) -> str:
    """Say what a decision was: strategy_approved -> approved."""
    return step.type.removeprefix("strategy_")


def _decisions(strategy: Strategy) -> list[tuple[str, Any]]:
    match strategy.state:
        case Strategy.State.PROPOSED:
            return [("approve", _("Approve")), ("reject", _("Reject"))]
        case Strategy.State.LIVE:
            return [("end", _("End"))]
        case _:
            return []


def _examples(strategy: Strategy) -> list[tuple[str, str]]:
    """Return some customers with their offers."""
    some = list(strategy.offers.order_by("-expected", "id")[:5])
    names = Customer.objects.in_bulk([offer.customer for offer in some])
    return [(str(names.get(offer.customer, "")), offer.variant) for offer in some]


@admin.register(Campaign)
class CampaignAdmin(ReadOnly):
    list_display = ["name", "starts_at", "ends_at", money("budget"), money("spent")]
    ordering = ["-starts_at"]


@admin.register(Offer)
class OfferAdmin(ReadOnly):
    list_display = ["customer", "strategy", "variant", "expected", "expires_at"]
    list_filter = ["strategy"]
    search_fields = ["customer"]
    ordering = ["-expected"]
    list_select_related = ["strategy"]
    show_full_result_count = False


@admin.register(Redemption)
class RedemptionAdmin(ReadOnly):
    list_display = ["order_id", "strategy", "variant", "given", "redeemed_at"]
    ordering = ["-redeemed_at"]
    list_select_related = ["strategy"]

    @admin.display(description=_("Discount"), ordering="discount")
    def given(self, redemption: Redemption) -> str:
        return str(pricing.rounded(redemption.discount, redemption.strategy.currency))
