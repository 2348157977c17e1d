"""Strategies in the back office: read the promise, approve or reject with a comment."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from analytics import clock, store
from analytics.admin import ReadOnly, worded
from analytics.languages import reread, said
from analytics.models import Customer
from analytics.wording import revived
from catalog import pricing
from catalog.admin import money
from promotions import (
    approval,
    backtest_pages,
    backtest_runs,
    code_admin,
    desk,
    feedback,
    findings,
    forms,
    help_admin,
    measurement,
    order_admin,
    phrases,
    price_lines,
    price_pages,
    proposals,
    rules,
    standing_admin,
    webhook_admin,
)
from promotions.models import Allocation, Campaign, Feedback, Offer, Strategy

__all__ = ["code_admin", "help_admin", "order_admin", "standing_admin", "webhook_admin"]
"""Loaded with this module, which is the one that Django looks for."""

DECIDES, CHANGES, SEES = (
    f"promotions.{may}_strategy" for may in ("approve", "change", "view")
)


class Decision(NamedTuple):
    """What somebody may do with a strategy, who has one of some permissions."""

    step: Callable[..., None]
    label: Any
    permissions: tuple[str, ...]


DECISIONS = {
    "approve": Decision(approval.approve, _("Approve"), (DECIDES,)),
    "changes": Decision(approval.request_changes, _("Request changes"), (DECIDES,)),
    "reject": Decision(approval.reject, _("Reject"), (DECIDES,)),
    # Whoever wrote it takes it back, without the right to decide.
    "withdraw": Decision(approval.reject, _("Withdraw"), (CHANGES,)),
    "resume": Decision(approval.resume, _("Resume"), (DECIDES,)),
    # To stop giving must never wait for somebody.
    "pause": Decision(approval.pause, _("Pause"), (DECIDES, CHANGES)),
    "end": Decision(approval.end, _("End"), (DECIDES,)),
    "comment": Decision(approval.comment, _("Only comment"), (SEES,)),
}
OPEN: Mapping[str, tuple[str, ...]] = {
    "proposed": ("approve", "changes", "reject", "withdraw"),
    "live": ("pause", "end"),
    "paused": ("resume", "end"),
}
STEPS = {
    "strategy_proposed": pgettext_lazy("step", "proposed"),
    "strategy_approved": pgettext_lazy("step", "approved"),
    "strategy_returned": pgettext_lazy("step", "requested changes"),
    "strategy_rejected": pgettext_lazy("step", "rejected"),
    "strategy_paused": pgettext_lazy("step", "paused"),
    "strategy_resumed": pgettext_lazy("step", "resumed"),
    "strategy_ended": pgettext_lazy("step", "ended"),
    "strategy_commented": pgettext_lazy("step", "said"),
    "prices_rolled": pgettext_lazy("step", "prices moved"),
}
MOST_BEFORE = 3
"""Versions before, whose decisions a page shows too."""
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
        return _standing(strategy)

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
        before = get_object_or_404(Strategy.objects.exclude(kind="prices"), id=key)
        return self._written(request, before.kind, before)

    def names(self, request: HttpRequest, of: str) -> HttpResponse:
        """Find categories, brands or products for the form: never all of them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
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
            desk.start(before) if before else None,
        )
        if request.method == "POST":
            who, old = request.user.get_username(), before.id if before else None
            try:
                made = page.propose(by=who, before=old)
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
        if request.method != "POST" or decision not in DECISIONS:
            return page
        if not _may(request, decision, strategy):
            messages.error(request, _("You may not decide on strategies."))
            return page
        try:
            DECISIONS[decision].step(
                strategy.id,
                by=request.user.get_username(),
                comment=request.POST.get("comment", "").replace("\0", ""),
                at=clock.now(),
            )
        except approval.REFUSALS as refusal:
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
        if not _may(request, "changes", strategy):
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
        except (*approval.REFUSALS, price_lines.NoLines) as refusal:
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
            context |= _page(strategy, request.GET) | _choices(strategy, request)
        return super().changeform_view(request, object_id, form_url, context)


def _page(strategy: Strategy, asked: Mapping[str, str]) -> dict[str, Any]:
    """Return what the decision page shows; of prices the part that is asked for."""
    now = proposals.said(strategy)
    before = strategy.replaces
    dropped, added = (
        phrases.changes(proposals.said(before), now) if before else ([], [])
    )
    return {
        "strategy": strategy,
        "standing": _standing(strategy)[1],
        "spent": pricing.rounded(strategy.spent, strategy.currency),
        "budget": pricing.rounded(strategy.budget, strategy.currency),
        "sentences": list(map(said, phrases.sentences(now))),
        "dropped": list(map(said, dropped)),
        "added": list(map(said, added)),
        "tried": _tried(strategy),
        "past_weeks": None if strategy.prices else backtest_pages.section(strategy),
        "choices": backtest_pages.CHOICES,
        "measured": _measured(strategy),
        "checks": (checks := [_check(one) for one in _checks(strategy)]),
        "failing": sum(not one["passed"] for one in checks),
        "runs": (strategy.campaign.ends_at - strategy.campaign.starts_at).days,
        "feedback": [] if strategy.prices else _feedback(strategy),
        "successors": (successors := list(strategy.successors.order_by("version"))),
        "versionable": proposals.versionable(strategy, successors),
        "history": _steps(approval.history(strategy)),
        "before": [
            (old, _steps(steps))
            for old, steps in islice(approval.before(strategy), MOST_BEFORE)
        ],
        "examples": [] if strategy.prices else _examples(strategy),
        "prices": price_pages.page(strategy, asked) if strategy.prices else None,
    }


def _standing(strategy: Strategy) -> tuple[str, str]:
    """Return its state, and for a live one whether its campaign runs at all."""
    campaign, at = strategy.campaign, clock.now()
    if strategy.state == Strategy.State.LIVE and campaign.ends_at <= at:
        return "over", gettext("over")
    if strategy.state == Strategy.State.LIVE and campaign.starts_at > at:
        return "scheduled", gettext("scheduled")
    return strategy.state, str(strategy.get_state_display())


def _choices(strategy: Strategy, request: HttpRequest) -> dict[str, Any]:
    """Return what whoever looks may do with a strategy, and what they may not."""
    names = (*OPEN.get(strategy.state, ()), "comment")
    who = request.user.get_username()
    own = "approve" in names and approval.needs_another(strategy, who)
    may = [name for name in names if _may(request, name, strategy)]
    return {
        "decisions": [
            (name, DECISIONS[name].label)
            for name in may
            if not (own and name == "approve")
        ],
        "own": own and "approve" in may,
    }


def _may(request: HttpRequest, decision: str, strategy: Strategy) -> bool:
    allowed = any(map(request.user.has_perm, DECISIONS[decision].permissions))
    if decision != "withdraw" or not allowed:
        return allowed
    mine = approval.wrote(strategy, request.user.get_username())
    return mine and not request.user.has_perm(DECIDES)


def _tried(strategy: Strategy) -> dict[str, Any] | None:
    """Return what came of past baskets, for the page."""
    tried: dict[str, Any] = strategy.forecast.get("tried", {})
    if not tried:
        return None
    share = 100 * tried["touched"] / max(1, tried["baskets"])
    return tried | {
        "reached": f"{share:.1f}",
        "lasts": _lasts(strategy, Decimal(tried["cost"])),
        "worst": f"{100 * float(tried['worst']):.1f}",
        "kept": f"{100 * float(tried['kept']):.1f}",
        "seen": datetime.fromisoformat(tried["at"]),
    }


def _measured(strategy: Strategy) -> list[findings.Finding]:
    """Return what was measured when it was last summed up, in two sentences."""
    result = measurement.read(strategy.measured)
    if result is None:
        return []
    return [
        *findings.sizes(result),
        findings.earned(result, strategy.currency),
    ]


def _lasts(strategy: Strategy, cost: Decimal) -> str | None:
    """Return for how much of the campaign the budget lasts, if not for all."""
    if strategy.trigger == "offer" or cost <= strategy.budget:
        return None
    return f"{strategy.budget / cost:.0%}"


def _checks(strategy: Strategy) -> list[dict[str, Any]]:
    """Return the guards, those of this moment as they are now while it waits."""
    if strategy.state == Strategy.State.PROPOSED:
        return approval.checks(strategy, at=clock.now())
    stored: list[dict[str, Any]] = strategy.guards
    return stored


def _check(guard: Mapping[str, Any]) -> dict[str, Any]:
    """Say a guard in the operator's language; what was stored before is English."""
    kept = guard.get("said")
    detail = said(revived(kept)) if kept else reread(guard["detail"])
    return {**guard, "name": gettext(guard["name"]), "detail": detail}


def _feedback(strategy: Strategy) -> list[tuple[Any, int]]:
    """Return how many customers said what of it; nothing while nobody said anything."""
    told = feedback.counts(strategy.id)
    rows = [(label, told[word]) for word, label in Feedback.Word.choices]
    return rows if any(told.values()) else []


def _steps(steps: list[store.Stored]) -> list[tuple[Any, ...]]:
    return [
        (step.occurred_at, getattr(step.event, "by", ""), _step(step), step.event)
        for step in steps
        if step.type != "prices_proposed"
    ]


def _step(step: store.Stored) -> str:
    """Say what a decision was."""
    return str(STEPS.get(step.type, step.type))


def _examples(strategy: Strategy) -> list[tuple[Customer | None, str]]:
    """Return some customers with their offers."""
    some = list(strategy.offers.order_by("-expected", "id")[:5])
    names = Customer.objects.in_bulk([offer.customer for offer in some])
    return [
        (
            names.get(offer.customer),
            strategy.words(offer.variant),
        )
        for offer in some
    ]


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
        limits = rules.decoded_limits(campaign.limits)
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
        limits = forms.rows(forms.LimitForm, data, "limits", [], 1)
        if data is not None:
            made = desk.open_campaign(form, limits, by=request.user.get_username())
            if made:
                messages.success(request, _("The campaign is open."))
                return redirect("admin:promotions_campaign_change", made.id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("New campaign"),
            "page": desk.campaign_page(form, limits),
            "zones": sorted(available_timezones()),
        }
        return TemplateResponse(request, "admin/promotions/strategy/desk.html", context)


@admin.register(Offer)
class OfferAdmin(ReadOnly):
    list_display = ["customer", "strategy", "gives", "expected", "expires_at"]
    list_filter = ["strategy"]
    search_fields = ["customer"]
    ordering = ["-expected"]
    list_select_related = ["strategy"]
    show_full_result_count = False
    exclude = ["variant"]
    readonly_fields = ["gives"]

    @admin.display(description=_("variant"), ordering="variant")
    def gives(self, offer: Offer) -> str:
        return offer.strategy.words(offer.variant)


@admin.register(Allocation)
class AllocationAdmin(ReadOnly):
    """What each refresh decided, proved to be within the limits, and how good."""

    list_display = [
        *("computed_at", "feasible", "share", "value", "bound", "refused"),
        worded("reason", _("reason")),
    ]
    fields = [
        *list_display,
        worded("proof", _("proof")),
        *("prices", "slack"),
    ]
    readonly_fields = fields
    list_filter = ["refused"]
    ordering = ["-computed_at"]
    show_full_result_count = False

    @admin.display(description=_("Gap"), ordering="gap")
    def share(self, allocation: Allocation) -> str:
        return "–" if allocation.gap is None else f"{100 * allocation.gap:.4f} %"
