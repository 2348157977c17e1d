"""The market's days and daily series in the back office."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, Min
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics import clock
from catalog import holidays, market_calendar, market_feeds
from catalog.market_bodies import FIRST, LAST, LONGEST, REGION
from catalog.market_feeds import DaysListed
from catalog.models import SeriesValue, ShopDay
from promotions import charts
from promotions.feed_pages import allow
from promotions.market_pages import shown
from promotions.report_tables import Row, Section, drawn

AHEAD = timedelta(days=365)
BACK = timedelta(days=14)
MOST = 300
MOST_SERIES = 50
CHARTED = 4
IN_CHART = timedelta(days=120)


class DaysForm(forms.Form):
    """Days of the shop's calendar: new ones, or those of a key moved."""

    key = forms.CharField(max_length=200, required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=500)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind"),
        choices=ShopDay.Kind.choices,
        initial=ShopDay.Kind.EVENT,
    )
    first = forms.DateField(
        label=gettext_lazy("First day"), widget=forms.DateInput(attrs={"type": "date"})
    )
    last = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        help_text=gettext_lazy("It counts too. Empty: one day."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    region = forms.RegexField(
        REGION,
        label=gettext_lazy("Region"),
        required=False,
        help_text=gettext_lazy("As DE or DE-BY; empty: everywhere."),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name in ("first", "last"):
            if (day := given.get(name)) and not FIRST <= day < LAST:
                self.add_error(name, _("It must lie between 1970 and 2100."))
        first, last = given.get("first"), given.get("last")
        if first and last and not first <= last < first + LONGEST:
            self.add_error(
                "last", _("It lies before the first day, or a year after it.")
            )
        return given


def days_page(request: HttpRequest) -> HttpResponseBase:
    """Show the coming days; add some, move some, call some off."""
    allow(request, "catalog.view_shopday")
    form = DaysForm(initial=_edited(request))
    if request.method == "POST":
        allow(request, "catalog.change_shopday")
        if key := request.POST.get("cancel"):
            return _called_off(request, key)
        form = DaysForm(request.POST)
        if form.is_valid():
            # What was left empty is the default of `DaysListed`.
            given = {name: value for name, value in form.cleaned_data.items() if value}
            market_feeds.take_days([DaysListed(**given)], at=clock.now())
            messages.success(request, _("It is on the calendar."))
            return redirect("market-days")
    today = clock.now().astimezone(ZoneInfo("UTC")).date()
    public = holidays.between(today, today + AHEAD)
    page = {
        "title": _("Days of the market"),
        "form": form,
        "own": market_calendar.own(today - BACK, today + AHEAD)[:MOST],
        "kinds": dict(ShopDay.Kind.choices),
        "public": public.days,
        "language": public.language,
        "country": settings.HOLIDAYS_OF,
        "may": request.user.has_perm("catalog.change_shopday"),
        "edits": bool(form.initial.get("key")),
    }
    return shown(request, "days", page)


def _edited(request: HttpRequest) -> dict[str, Any]:
    row = ShopDay.objects.filter(key=request.GET.get("key", "").replace("\0", ""))
    found = row.values("key", "name", "kind", "region", "first", "last").first()
    return dict(found or {})


def _called_off(request: HttpRequest, key: str) -> HttpResponseBase:
    row = ShopDay.objects.filter(key=key.replace("\0", "")).first()
    if row is not None:
        gone = DaysListed(key=row.key, name=row.name, first=row.first, cancelled=True)
        market_feeds.take_days([gone], at=clock.now())
        messages.success(request, _("It is off the calendar."))
    return redirect("market-days")


def series_page(request: HttpRequest) -> HttpResponseBase:
    """Show which daily series there are, and the newest values."""
    allow(request, "catalog.view_seriesvalue")
    found = SeriesValue.objects.values("series", "region").annotate(
        days=Count("day"), first=Min("day"), last=Max("day"), told=Max("updated_at")
    )
    ordered = found.order_by("series", "region")[:MOST_SERIES]
    rows: list[dict[str, Any]] = [{**one} for one in ordered]
    page = {
        "title": _("Daily series"),
        "sections": [
            Section(
                title=_("Daily series"),
                says=_(
                    "Weather or anything else of a day, by region, as the shop or a "
                    "source told it. Values of coming days are forecasts."
                ),
                columns=[
                    *(_("Series"), _("Region"), _("Days"), _("From"), _("Until")),
                    _("Last told"),
                ],
                rows=[
                    Row(
                        cells=[
                            *(one["series"], one["region"] or _("everywhere")),
                            *(f"{one['days']:,}", str(one["first"]), str(one["last"])),
                            f"{one['told']:%Y-%m-%d %H:%M}",
                        ]
                    )
                    for one in rows
                ],
            ),
            *_charts(rows[:CHARTED]),
        ],
    }
    return shown(request, "page", page)


def _charts(rows: list[dict[str, Any]]) -> Iterator[Section]:
    for one in rows:
        last: date = one["last"] + timedelta(days=1)
        first = max(one["first"], last - IN_CHART)
        values = market_calendar.series(one["series"], first, last, one["region"])
        title = f"{one['series']} {one['region']}".strip()
        line = [((day - first).days, value) for day, value in values.items()]
        yield Section(
            title=title,
            chart=drawn(
                charts.steps(
                    [line],
                    (str(first), str(one["last"])),
                    last=(last - first).days,
                    title=title,
                )
            ),
            columns=[_("Day"), _("Value")],
            rows=[
                Row(cells=[str(day), f"{value:g}"])
                for day, value in reversed(values.items())
            ],
            folded=True,
        )
