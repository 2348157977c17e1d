"""The back office's page that asks: what if?

Its sliders ask for the answer alone (`part`), and a strategy's page shows it so too,
once all else is there. Without scripts it is a form like any other.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from analytics import clock
from analytics.languages import said
from ml.customers import Segment
from promotions import charts, what_if
from promotions.figures import money
from promotions.frontier import Point
from promotions.models import Strategy
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn
from promotions.what_if import Asked, Found

TEMPLATES = "admin/promotions/strategy"
ROWS = 8
STEPS = 100
"""Places of the budget's slider."""


class Slider(forms.NumberInput):
    """A number between ends; the page writes it beside, with its unit."""

    input_type = "range"

    def __init__(self, unit: str, step: str) -> None:
        super().__init__({"data-unit": unit, "step": step})


class WhatIfForm(forms.Form):
    """What is to be different; empty fields are as the strategy has them."""

    budget = forms.DecimalField(label=_("Budget"), min_value=0, max_digits=12)
    depth = forms.DecimalField(
        label=_("All discounts, times"),
        min_value=Decimal("0.25"),
        max_value=Decimal(2),
        widget=Slider("×", "0.25"),
    )
    floor = forms.DecimalField(
        label=_("Least margin, %"),
        min_value=0,
        max_value=100,
        help_text=_("No variant that leaves less of the price."),
        widget=Slider("%", "1"),
    )
    segments = forms.MultipleChoiceField(
        label=_("Only customers who are"),
        choices=Segment.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, given: Mapping[str, Any], strategy: Strategy) -> None:
        super().__init__(given)
        # The slider goes to twice the budget, or as far as was typed into the address.
        usual = max(2 * strategy.budget, Decimal(1))
        step = _round(usual / STEPS)
        slider = Slider(strategy.currency, f"{step:f}")
        slider.attrs["max"] = f"{max(_asked(given['budget']), STEPS * step):f}"
        slider.attrs["min"] = "0"
        self.fields["budget"].widget = slider


def _round(number: Decimal) -> Decimal:
    """Round up to 1, 2 or 5 of a power of ten: a slider's steps are round."""
    # The power of ten at or below: 1, 2, 5 or 10 of it is at least the number.
    unit = Decimal(1).scaleb(number.adjusted())
    return next(unit * k for k in (1, 2, 5, 10) if unit * k >= number)


def _asked(budget: Any) -> Decimal:
    try:
        asked = Decimal(budget)
    except (InvalidOperation, TypeError):
        return Decimal(0)
    # The form says what is wrong; here it must only not fail.
    return asked if asked.is_finite() else Decimal(0)


def what_if_page(request: HttpRequest, key: UUID) -> HttpResponseBase:
    """Show what another budget, depth, audience or floor is believed to bring."""
    if not request.user.has_perms(["promotions.view_strategy"]):
        raise PermissionDenied
    rows = Strategy.objects.filter(trigger=Strategy.Trigger.OFFER)
    strategy = get_object_or_404(rows, id=key)
    form = WhatIfForm(_filled(strategy) | _given(request), strategy)
    page: dict[str, Any] = {
        "title": gettext("What if: %s") % strategy.called,
        "back": strategy,
        "form": form,
        "no_file": True,
    }
    if form.is_valid():
        page["answer"] = _answered(strategy, form.cleaned_data)
    if "part" in request.GET:
        return TemplateResponse(request, f"{TEMPLATES}/what_if_part.html", page)
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, f"{TEMPLATES}/what_if.html", context)


def _filled(strategy: Strategy) -> dict[str, Any]:
    return {
        "budget": strategy.budget.normalize().__format__("f"),
        "depth": "1",
        "floor": (100 * strategy.least_margin).normalize().__format__("f"),
        "segments": [],
    }


def _given(request: HttpRequest) -> dict[str, Any]:
    # `dict()` of a query has the last value of each alone.
    lists = {"segments": request.GET.getlist("segments")} if request.GET else {}
    return {**request.GET.dict(), **lists}


def _answered(strategy: Strategy, asked: dict[str, Any]) -> dict[str, Any]:
    try:
        found = what_if.ask(
            strategy,
            Asked(
                budget=float(asked["budget"]),
                depth=float(asked["depth"]),
                segments=asked["segments"],
                floor=float(asked["floor"]) / 100,
            ),
            at=clock.now(),
        )
    except what_if.NothingScored as error:
        return {"says": said(error.args[0])}
    return {
        "says": gettext(
            "From a sample of customers, with what is believed now; who is held back "
            "gets nothing. Customers who would get another strategy's offer instead "
            "are not taken out here, so it may be more than what is promised."
        ),
        "cards": list(_cards(found, strategy.currency)),
        "sections": [_section(found, float(asked["budget"]), strategy.currency)],
    }


def _cards(found: Found, currency: str) -> Iterator[Card]:
    here = found.here
    yield Card(
        name=gettext("Margin gained"),
        value=money(here.margin, currency, whole=True),
        detail=_ends(here, currency),
    )
    yield Card(name=gettext("Discounts given"), value=_cost(here, currency))
    yield Card(
        name=gettext("Customers with an offer"),
        value=f"{here.reach:,.0f}",
        detail=ngettext("of %d", "of %d", found.customers) % found.customers,
    )


def _ends(point: Point, currency: str) -> str:
    return gettext("80 %%: %s") % _between(point, currency)


def _between(point: Point, currency: str) -> str:
    low, high = (money(end, currency, whole=True) for end in (point.low, point.high))
    return gettext("%(low)s to %(high)s") % {"low": low, "high": high}


def _cost(point: Point, currency: str) -> str:
    return money(point.cost, currency, whole=True).lstrip("+")


def _section(found: Found, budget: float, currency: str) -> Section:
    marks = [
        (point.cost, Mark(label="", value=point.margin, low=point.low, high=point.high))
        for point in found.points
    ]
    title = gettext("What a budget buys")
    # About ROWS points, without the first, which is nothing, and with the last.
    every = max(1, len(found.points) // ROWS)
    told = [*found.points[every:-1:every], found.points[-1]]
    return Section(
        title=title,
        says=gettext(
            "The most margin for each amount of discounts, with an interval that holds "
            "in 80 of 100 cases. Where the curve ends, nobody is left to whom an offer "
            "is worth it."
        ),
        chart=drawn(
            charts.curve(marks, here=budget, title=title, across=gettext("Discounts"))
        ),
        legend=[("band", "80 %"), ("dashes", gettext("the budget"))],
        columns=[
            gettext("Discounts"),
            gettext("Margin gained"),
            "80 %",
            gettext("Customers"),
        ],
        rows=[
            Row(
                cells=[
                    _cost(point, currency),
                    money(point.margin, currency, whole=True),
                    _between(point, currency),
                    f"{point.reach:,.0f}",
                ]
            )
            for point in told
        ],
        folded=True,
    )
