"""Prices in the back office: what changes them now, and proposing by hand."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import clock
from catalog.models import Product
from promotions import price_lines, price_proposals
from promotions.figures import money
from promotions.models import PriceLine, Strategy
from promotions.price_proposals import NothingToGain, Why
from promotions.report_tables import Row, Section

MOST = 100
MOST_NAMES = 1000
STEPS: dict[str, Callable[..., Strategy]] = {
    "propose": price_proposals.propose_for,
    "answer": price_proposals.answer,
}


def prices_page(request: HttpRequest) -> HttpResponseBase:
    """Show the price changes that there are; propose those of a category."""
    if not request.user.has_perm("promotions.view_strategy"):
        raise PermissionDenied
    may = request.user.has_perm("promotions.add_strategy")
    if request.method == "POST":
        if not may:
            raise PermissionDenied
        return _proposed(request)
    page = {
        "title": _("Prices"),
        "no_file": True,
        "may_propose": may,
        "categories": _categories(),
        "sections": [_changes()],
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/promotions/prices.html", context)


def _proposed(request: HttpRequest) -> HttpResponseBase:
    category = request.POST.get("category", "").replace("\0", "").strip()
    step = STEPS.get(request.POST.get("step", ""))
    try:
        if step is None or not category:
            raise NothingToGain(category, Why.UNKNOWN)
        who = request.user.get_username()
        made = step(category, by=who, at=clock.now())
    except price_lines.NoLines:
        text = _(
            "More prices of “%(category)s” would change than can be looked through."
        )
        messages.warning(request, text % {"category": category})
        return redirect("pricing")
    except price_proposals.UnderWay as error:
        text = _(
            "“%(category)s” has a price change already: “%(title)s” (%(state)s). "
            "Decide on it, or end it, first."
        )
        other = error.strategy
        state = other.get_state_display()
        told = {"category": category, "title": other.called, "state": state}
        messages.warning(request, text % told)
        return redirect("admin:promotions_strategy_change", other.pk)
    except NothingToGain as none:
        messages.warning(request, _reason(none.why) % {"category": category})
        return redirect("pricing")
    messages.success(request, _("Proposed. Somebody else decides on it."))
    return redirect("admin:promotions_strategy_change", made.pk)


def _reason(why: Why) -> str:
    return {
        Why.UNKNOWN: _("Nothing is known yet of the demand for “%(category)s”."),
        Why.RESTS: _(
            "It is too early: the prices of “%(category)s” changed within the days "
            "that its rules ask for, or an approved change is under way."
        ),
        Why.NONE: _("No price of “%(category)s” is worth changing within its rules."),
    }[why]


def _categories() -> list[str]:
    rows = Product.objects.filter(price__isnull=False).exclude(category="")
    names = rows.values_list("category", flat=True).distinct().order_by("category")
    return list(names[:MOST_NAMES])


def _changes() -> Section:
    state = PriceLine.State
    counts = {
        name: Count("price_lines", filter=Q(price_lines__state=value))
        for name, value in (
            ("running", state.RUNNING),
            ("planned", state.PLANNED),
            ("overruled", state.OVERRULED),
        )
    }
    rows = Strategy.objects.filter(kind=Strategy.Kind.PRICES).annotate(
        lines=Count("price_lines"), **counts
    )
    return Section(
        title=_("Price changes"),
        says=_(
            "Approved ones go into force on time and back, all of their prices or "
            "none. A feed that brings a third price overrules a line."
        ),
        columns=[
            *(_("Price change"), _("State"), _("Products"), _("In force")),
            *(_("Planned"), _("Overruled"), _("Margin gained")),
        ],
        rows=[_row(one) for one in rows.order_by("-proposed_at")[:MOST]],
    )


def _row(one: Any) -> Row:
    margin = one.forecast.get("margin")
    return Row(
        cells=[
            one.called,
            str(one.get_state_display()),
            *(f"{n:,}" for n in (one.lines, one.running, one.planned, one.overruled)),
            "" if margin is None else money(margin, one.currency, whole=True),
        ],
        link=reverse("admin:promotions_strategy_change", args=[one.pk]),
    )
