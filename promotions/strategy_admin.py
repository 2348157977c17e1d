"""Strategies in the back office: read the promise, approve or reject with a comment."""

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import clock
from analytics.back_office import ReadOnly
from analytics.languages import said
from catalog.admin import money
from promotions import (
    backtest_pages,
    backtest_runs,
    deciders,
    decision_rules,
    desk,
    desk_starts,
    price_lines,
    price_pages,
    proposals,
    strategy_pages,
)
from promotions.models import Strategy

COLOURS = {
    "over": "default",
    "ended": "default",
    "scheduled": "info",
    "proposed": "warning",
    "returned": "info",
    "live": "success",
    "paused": "warning",
    "rejected": "danger",
}


@admin.register(Strategy)
class StrategyAdmin(ReadOnly):
    """Nothing is edited here: a strategy is decided, and the log keeps who and why."""

    list_display = [
        "named",
        "pill",
        "kind",
        "trigger",
        "version",
        "reach",
        "promise",
        money("budget"),
        "used",
    ]
    list_filter = ["state", "kind", "trigger"]
    list_filter_submit = False
    search_fields = ["title"]
    ordering = ["-decided_at", "kind"]  # PostgreSQL: what is undecided comes first
    list_select_related = ["campaign"]
    change_form_before_template = "admin/promotions/strategy/decision.html"
    fields = ["campaign", "proposed_at"]  # the template shows the rest, in words

    @admin.display(description=_("title"), ordering="title")
    def named(self, strategy: Strategy) -> str:
        return strategy.called

    @display(  # type: ignore[untyped-decorator]
        description=_("State"), label=COLOURS, ordering="state"
    )
    def pill(self, strategy: Strategy) -> tuple[str, str]:
        return strategy_pages.standing(strategy)

    @admin.display(description=_("Reach"))
    def reach(self, strategy: Strategy) -> str:
        reach = strategy.forecast.get("reach")
        return "" if reach is None else f"{reach:,}"

    @admin.display(description=_("Promised margin"))
    def promise(self, strategy: Strategy) -> str:
        margin = strategy.forecast.get("margin")
        return "" if margin is None else f"{margin:+,.0f} {strategy.currency}"

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
        version = path(
            "version/<uuid:key>",
            self.admin_site.admin_view(self.version),
            name="promotions_strategy_version",
        )
        names = path(
            "names/<str:of>",
            self.admin_site.admin_view(self.names),
            name="promotions_strategy_names",
        )
        backtest = path(
            "backtest/<uuid:key>",
            self.admin_site.admin_view(self.backtest),
            name="promotions_strategy_backtest",
        )
        strike = path(
            "strike/<uuid:key>",
            self.admin_site.admin_view(self.strike),
            name="promotions_strategy_strike",
        )
        return [decide, version, names, backtest, strike, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("promotions.add_strategy"))

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Choose a kind, then fill in its form."""
        kind = request.GET.get("kind", "")
        if kind not in desk.KINDS:
            kinds = Strategy.Kind.choices
            rows = [(v, label, desk.KINDS[v]) for v, label in kinds if v in desk.KINDS]
            return self._shown(request, "kinds.html", _("New strategy"), kinds=rows)
        return self._written(request, kind, None)

    def version(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Write a strategy's next version, beginning with what it is."""
        # Prices have lines, which no form here writes:
        # they are proposed from their own page.
        before = get_object_or_404(Strategy.objects.exclude(kind="prices"), id=key)
        return self._written(request, before.kind, before)

    def names(self, request: HttpRequest, of: str) -> HttpResponse:
        """Find categories, brands or products for the form: never all of them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        # PostgreSQL's text holds no NUL.
        wanted = request.GET.get("q", "").replace("\0", "").strip()
        return JsonResponse({"names": desk.names(of, wanted) if wanted else []})

    def _written(
        self, request: HttpRequest, kind: str, before: Strategy | None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        page = desk.Desk(
            kind,
            request.POST if request.method == "POST" else None,
            desk_starts.start(before) if before else None,
        )
        if request.method == "POST":
            who, old = request.user.get_username(), before.id if before else None
            try:
                made = page.propose(by=who, before=old)
            # Somebody else wrote the next version meanwhile.
            except proposals.NotReplaceable as refusal:
                messages.error(request, said(refusal.args[0]))
                return redirect("admin:promotions_strategy_change", old)
            if made:
                done = _("Proposed. A worker tries it on past orders now.")
                messages.success(request, done)
                return redirect("admin:promotions_strategy_change", made.id)
        usual = Strategy.Kind(kind).label.capitalize()
        title = _("Next version of “%s”") % before.called if before else usual
        return self._shown(request, "desk.html", title, page=page, before=before)

    def _shown(
        self, request: HttpRequest, name: str, title: Any, **more: Any
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "title": title, **more}
        template = f"admin/promotions/strategy/{name}"
        return TemplateResponse(request, template, context)

    def decide(self, request: HttpRequest, decision: str, key: UUID) -> HttpResponse:
        """Decide, or comment; a refusal becomes a message, and nothing changes."""
        strategy = get_object_or_404(Strategy, id=key)
        page = redirect(reverse("admin:promotions_strategy_change", args=[key]))
        if request.method != "POST" or decision not in deciders.DECISIONS:
            return page
        if not deciders.may(request, decision, strategy):
            messages.error(request, _("You may not decide on strategies."))
            return page
        try:
            deciders.DECISIONS[decision].step(
                strategy.id,
                by=request.user.get_username(),
                comment=request.POST.get("comment", "").replace("\0", ""),
                at=clock.now(),
            )
        except decision_rules.REFUSALS as refusal:
            messages.error(request, said(refusal.args[0]))
        else:
            done = _("Your comment is in the log.")
            if decision != "comment":
                done = _("Your decision is in the log.")
            messages.success(request, done)
        return page

    def strike(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Propose a price change again without some of its products."""
        page = redirect("admin:promotions_strategy_change", key)
        if request.method != "POST":
            return page
        strategy = get_object_or_404(Strategy, id=key, kind=Strategy.Kind.PRICES)
        if not deciders.may(request, "changes", strategy):
            messages.error(request, _("You may not decide on strategies."))
            return page
        try:
            made = price_pages.strike(
                key,
                price_pages.chosen(
                    request.POST.getlist("sku"), request.POST.get("skus", "")
                ),
                by=request.user.get_username(),
                comment=request.POST.get("comment", "").replace("\0", ""),
                at=clock.now(),
            )
        except (*decision_rules.REFUSALS, price_lines.NoLines) as refusal:
            messages.error(request, said(refusal.args[0]))
            return page
        messages.success(request, _("Proposed again without these products."))
        return redirect("admin:promotions_strategy_change", made.id)

    def backtest(self, request: HttpRequest, key: UUID) -> HttpResponse:
        """Ask a worker to try a strategy on past weeks."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Strategy.objects.select_related("campaign")
        strategy, weeks = get_object_or_404(rows, id=key), request.POST.get("weeks", "")
        asks = request.method == "POST" and not strategy.prices
        if asks and weeks in map(str, backtest_pages.CHOICES):
            try:
                backtest_runs.request(
                    strategy,
                    weeks=int(weeks),
                    until=None,
                    by=request.user.get_username(),
                    at=clock.now(),
                )
            except backtest_runs.TooMany as refusal:
                messages.error(request, said(refusal.args[0]))
            else:
                done = _("A worker tries it on past weeks now.")
                messages.success(request, done)
        return redirect("admin:promotions_strategy_change", key)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        rows = Strategy.objects.select_related("campaign", "replaces")
        strategy = None
        with suppress(ValidationError):  # what is no id is nobody's
            strategy = rows.filter(id=object_id).first()
        context = extra_context or {}
        if strategy:
            context = context | strategy_pages.page(strategy, request.GET)
            context |= deciders.choices(strategy, request)
        return super().changeform_view(request, object_id, form_url, context)
