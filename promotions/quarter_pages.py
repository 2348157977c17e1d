"""The page on which a quarter is planned: budgets by week, and what if all differed.

Whatever is asked stands in the address; nothing is stored until it is proposed, or the
budget is set. A part of the page is the answer alone, for scripts that ask again.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from analytics import clock
from analytics.languages import said
from promotions import (
    quarter_best,
    quarter_budgets,
    quarter_forms,
    quarter_plans,
    quarter_proposals,
    quarter_tables,
    quarter_weeks,
)
from promotions.drafts import Faulty
from promotions.proposals import NotReplaceable
from promotions.quarter_forms import Asked, BudgetForm
from promotions.quarter_tables import Shown
from promotions.quarter_weeks import WEEK, Quarter
from promotions.quarters import Line

YEARS = range(2000, 2100)


def quarter_page(
    request: HttpRequest, year: int | None = None, number: int = 1
) -> HttpResponseBase:
    """Show a quarter, this one by default; set its budget, propose its plan."""
    if not request.user.has_perms(
        ["promotions.view_strategy", "promotions.view_quarter"]
    ):
        raise PermissionDenied
    at = clock.now()
    quarter = quarter_weeks.quarter_of(at.date())
    if year is not None:
        if year not in YEARS or number not in range(1, 5):
            raise Http404
        quarter = Quarter(year=year, number=number)
    if request.method == "POST" and "budget" in request.POST:
        return _set(request, quarter, at)
    if request.method == "POST" and "plan" not in request.POST:
        messages.error(request, _("Nothing was said: neither a budget nor a plan."))
        return HttpResponseRedirect(_address(quarter))
    # What is proposed is what the page showed:
    # the same text as the address, read the same.
    given = QueryDict(request.POST["plan"]) if "plan" in request.POST else request.GET
    shown = _shown(quarter, given, at)
    if request.method == "POST":
        return _propose(request, shown)
    if "best" in request.GET:
        return _best(shown)
    return _page(request, shown)


def _shown(quarter: Quarter, given: QueryDict, at: datetime) -> Shown:
    asked = Asked(given, quarter, at, quarter_plans.alike())
    return Shown(
        asked=asked,
        plan=quarter_plans.read(quarter, asked.added(), at=at),
        budget=quarter_budgets.budget(quarter),
        spent=quarter_budgets.spent(quarter),
    )


def _address(quarter: Quarter) -> str:
    return reverse("quarter", args=[quarter.year, quarter.number])


def _set(
    request: HttpRequest, quarter: Quarter, at: datetime, form: BudgetForm | None = None
) -> HttpResponseBase:
    if not request.user.has_perm("promotions.change_quarter"):
        raise PermissionDenied
    form = BudgetForm(request.POST, quarter=quarter)
    if not form.is_valid():
        return _page(request, _shown(quarter, QueryDict(), at), form)
    amount, by = form.cleaned_data["budget"], request.user.get_username()
    quarter_budgets.set_budget(quarter, amount, form.fixed(), by=by, at=at)
    messages.success(request, _("The quarter has its budget."))
    return HttpResponseRedirect(_address(quarter))


def _propose(request: HttpRequest, shown: Shown) -> HttpResponseBase:
    if not request.user.has_perms(_needed(shown)):
        raise PermissionDenied
    try:
        made = quarter_proposals.propose(
            shown.plan,
            shown.changed,
            by=request.user.get_username(),
            at=shown.asked.now,
        )
    except (Faulty, NotReplaceable) as error:
        # All was rolled back; the address brings back what was asked.
        messages.error(request, str(said(error.args[0])))
        return HttpResponseRedirect(f"{_address(shown.quarter)}?{request.POST['plan']}")
    told = ngettext(
        "%d strategy was proposed.", "%d strategies were proposed.", len(made)
    )
    messages.success(request, told % len(made))
    return HttpResponseRedirect(reverse("proposals"))


BEGIN = ["promotions.add_strategy", "promotions.add_campaign"]


def _needed(shown: Shown) -> list[str]:
    """Return what it takes to propose the changes: what waits is replaced by them."""
    waits = any(one.state == "proposed" for one in shown.changed)
    # Returning a proposal for changes is an approver's step.
    return [*BEGIN, "promotions.approve_strategy"] if waits else BEGIN


def _best(shown: Shown) -> HttpResponseBase:
    """Ask for what brings most, by the address."""
    lines = quarter_best.best(
        shown.lines,
        shown.plan.shared,
        shown.quarter,
        now=shown.asked.now,
        limits=shown.limits,
    )
    told = quarter_forms.written(lines, shown.plan, shown.asked.given)
    return HttpResponseRedirect(f"{_address(shown.quarter)}?{told.urlencode()}")


def _page(
    request: HttpRequest, shown: Shown, form: BudgetForm | None = None
) -> HttpResponseBase:
    quarter = shown.quarter
    lines = {one.key: one for one in shown.lines}
    page = {
        "title": _("Plan a quarter"),
        "no_file": True,
        "quarter": quarter,
        # The last week's Sunday.
        "last": quarter.mondays[-1] + 6 * WEEK / 7,
        "others": [_address(quarter.before), _address(quarter.after)],
        "here": _address(quarter),
        "rows": list(_rows(shown, lines)),
        "adds": shown.asked.adds,
        "answer": quarter_tables.answer(shown),
        "left": _left(shown.plan),
        "plan": quarter_forms.written(
            shown.lines, shown.plan, shown.asked.given
        ).urlencode(),
        "budget_form": form or _filled(shown),
        "may_set": request.user.has_perm("promotions.change_quarter"),
        "may_propose": request.user.has_perms(_needed(shown)),
        "may_begin": request.user.has_perms(BEGIN),
    }
    if "part" in request.GET:
        return TemplateResponse(request, "admin/promotions/quarter_part.html", page)
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/promotions/quarter.html", context)


def _left(plan: quarter_plans.Plan) -> Iterator[str]:
    """Say what counts for less than it could, and why."""
    if plan.unpriced:
        told = ngettext(
            "%(n)d strategy counts as its own forecast says and keeps its place: no "
            "more than %(most)d are priced on customers, those that begin first.",
            "%(n)d strategies count as their own forecasts say and keep their places: "
            "no more than %(most)d are priced on customers, those that begin first.",
            plan.unpriced,
        )
        yield told % {"n": plan.unpriced, "most": quarter_plans.MOST}
    if plan.priced_at is not None:
        age = clock.now() - plan.priced_at
        yield _("Priced on customers %(n)d minutes ago.") % {
            "n": age // timedelta(minutes=1)
        }
    if plan.by_calendar[1]:
        yield _(
            "Holidays and your own days move the forecast of demand in %(n)d of "
            "%(all)d categories: where they helped on past weeks."
        ) % {"n": plan.by_calendar[0], "all": plan.by_calendar[1]}
    if plan.stale is not None:
        yield _(
            "Demand was forecast %(days)s days ago, which is too old: it is taken for "
            "even here."
        ) % {"days": plan.stale.days}


def _filled(shown: Shown) -> BudgetForm:
    if shown.budget is None:
        return BudgetForm(quarter=shown.quarter)
    fixed = {f"week_{n}": one for n, one in enumerate(shown.budget.weeks)}
    known = {"budget": shown.budget.budget} | fixed
    return BudgetForm(
        quarter=shown.quarter,
        # The column has four decimals, the form
        # two: else what it shows would be refused.
        initial={k: v if v is None else f"{v:.2f}" for k, v in known.items()},
    )


def _rows(shown: Shown, lines: Mapping[str, Line]) -> Iterator[dict[str, Any]]:
    """Yield the stored lines with their forms."""
    known = shown.asked.forms(shown.plan, lines)
    movable = {one.key for one in shown.plan.lines if one.movable}
    spends = {one.key for one in shown.plan.lines if one.spends}
    for key, form in known.items():
        row = shown.plan.rows[key]
        yield {
            "title": row.called,
            "state": row.state,
            "told": row.get_state_display(),
            "link": reverse("admin:promotions_strategy_change", args=[row.pk]),
            "form": form,
            "movable": key in movable,
            "spends": key in spends,
        }
