"""A product's page of stock: what was, what is expected, what is cleared and how."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from analytics import clock
from catalog import demanded, levels
from catalog.models import Product
from ml import forecasts
from ml.forecasts import Demand
from ml.models import Forecast
from promotions import charts, fans, supply
from promotions.figures import money
from promotions.models import Strategy, Supply
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn
from promotions.stock_pages import old
from promotions.stock_sections import OPEN, days

BACK, AHEAD = 84, 56
"""Days of the chart of stock."""
WEEK = timedelta(days=7)


def product_stock_page(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Show a product's stock."""
    if not request.user.has_perm("promotions.view_supply"):
        raise PermissionDenied
    product = get_object_or_404(Product, sku=sku)
    row = Supply.objects.filter(pk=sku).first()
    at = clock.now()
    known = supply.outlooks([sku], at).get(sku)
    page = {
        "title": product.name,
        "product": product,
        "says": _says(product, row, known),
        "old": "" if known else old(at),
        "no_file": True,
        "cards": list(_cards(product, row)) if row else [],
        "sections": list(_sections(product, known, at)),
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/stock/product.html", context)


def _says(product: Product, row: Supply | None, known: Demand | None) -> str:
    if product.stock is None:
        return _("The shop sends no stock of this product: nothing is known of it.")
    if row is None:
        return _("It was not counted yet: that is done every hour.")
    if known is None:
        return _("There is no forecast: it has not sold of late.")
    return str(row.get_state_display()).capitalize() + "."


def _cards(product: Product, row: Supply) -> Iterator[Card]:
    coming = product.incoming_on
    yield Card(
        name=_("Units"),
        value=f"{row.units:,}",
        detail=_("%(units)s under way %(day)s")
        % {"units": f"{row.incoming:,}", "day": coming or ""},
    )
    yield Card(
        name=_("Days of cover"),
        value=days(row.cover),
        detail=_("%s sell a week") % f"{row.weekly:,.1f}",
    )
    yield Card(
        name=_("Chance to run out"),
        value=f"{row.chance_out:.0%}",
        detail=_("before an order of today arrives, in %s days") % row.lead_days,
    )
    yield Card(
        name=_("Reorder point"),
        value=f"{row.reorder_point:,}",
        detail=_("%s of it are safety stock") % f"{row.safety:,}",
    )
    yield Card(
        name=_("Order"),
        value=f"{row.order:,}",
        detail=_("in packs of %s") % f"{product.pack:,}",
    )
    if product.expires_on:
        yield Card(
            name=_("Left when it expires"),
            value=f"{row.unsold:,.0f}",
            detail=str(product.expires_on),
        )


def _sections(
    product: Product, known: Demand | None, at: datetime
) -> Iterator[Section]:
    if product.stock is not None:
        yield _levels(product, known, at.date())
    if known:
        yield _demand(product.sku, known)
    for strategy in Strategy.objects.filter(
        state__in=OPEN, kind="prices", forecast__clearance__has_key=product.sku
    ).order_by("-proposed_at")[:2]:
        yield _path(strategy, strategy.forecast["clearance"][product.sku])


def _levels(product: Product, known: Demand | None, today: date) -> Section:
    """Draw the stock of the past days, and what is expected of it without orders."""
    marks = list(_past(product, today))
    if known:
        marks += _ahead(product, known, today)
    title = _("Stock by day, and what is expected if nothing is ordered")
    return Section(
        title=title,
        says=_("What is under way is not in it. From today on with its 80 % interval."),
        chart=drawn(charts.by_day(marks, title=title)),
        legend=[("dot", _("units")), ("band", "80 %")],
        columns=[_("Day"), _("Units"), "80 %"],
        rows=[_told(mark) for mark in marks[:: WEEK.days]],
        folded=True,
    )


def _told(mark: Mark) -> Row:
    known = mark.low is not None and mark.high is not None
    ends = f"{mark.low:,.0f} – {mark.high:,.0f}" if known else ""
    return Row(cells=[mark.label, f"{mark.value:,.0f}", ends])


def _past(product: Product, today: date) -> Iterator[Mark]:
    since = today - timedelta(days=BACK)
    known = levels.history(product.sku, since=since)
    first = max(known[0][0], since) if known else today
    for number in range((today - first).days + 1):
        day = first + timedelta(days=number)
        # The last word on or before the day; where there is none, what is there now.
        units = next((n for at, n in reversed(known) if at <= day), product.stock or 0)
        yield Mark(label=day.isoformat(), value=float(units))


def _ahead(product: Product, known: Demand, today: date) -> Iterator[Mark]:
    """Yield what is expected to be left: without orders it never rises."""
    there = float(product.stock or 0)
    value = high = low = there
    for number in range(1, AHEAD + 1):
        mean, deviation = forecasts.cover(known.units, known.low, known.high, number)
        wide = forecasts.Z80 * deviation
        expected = demanded.left(
            demanded.Expected(mean=mean, deviation=deviation), there
        )
        value = min(value, expected)
        # The ends only fall too, and hold the value between them.
        low = min(low, max(0.0, there - mean - wide), value)
        high = min(high, max(there - mean + wide, value))
        label = (today + timedelta(days=number)).isoformat()
        yield Mark(label=label, value=value, low=low, high=high)


def _demand(sku: str, known: Demand) -> Section:
    """Draw what sold by week, where the product has a series, and what is expected."""
    own = Forecast.objects.filter(level="product", key=sku).first()
    past: Sequence[float] = own.history[-26:] if own else ()
    # History ends where its forecast begins.
    first = (own.first if own else known.first) - len(past) * WEEK
    before = [
        Mark(label=(first + n * WEEK).isoformat(), value=float(units))
        for n, units in enumerate(past)
    ]
    marks = [
        Mark(
            label=(known.first + n * WEEK).isoformat(), value=units, low=low, high=high
        )
        for n, (units, low, high) in enumerate(
            zip(known.units, known.low, known.high, strict=True)
        )
    ]
    title = _("Units by week: sold, and expected")
    return Section(
        title=title,
        says=_("Elasticity %(value)s ± %(error)s, observational; forecast: %(how)s.")
        % {
            "value": f"{known.elasticity:.2f}",
            "error": f"{known.elasticity_error:.2f}",
            "how": known.method,
        },
        chart=drawn(
            fans.fan(
                [(mark.label, mark.value) for mark in before],
                marks,
                _naive(own, known) if own else [],
                title=title,
            )
        ),
        legend=[
            *(("dot", _("sold")), ("aim", _("expected")), ("band", "80 %")),
            *([("dashes", _("as the last week was"))] if own else []),
        ],
        columns=[_("Week from"), _("Units"), "80 %"],
        rows=[_told(mark) for mark in [*before, *marks]],
        folded=True,
    )


def _naive(own: Forecast, known: Demand) -> Sequence[float]:
    """Return what the last week was, for the weeks that are not over."""
    gone = (known.first - own.first) // WEEK
    return own.naive[gone : gone + len(known.units)]


def _path(strategy: Strategy, told: Mapping[str, Any]) -> Section:
    """Show a mark-down path with the stock that is expected on it."""
    starts = date.fromisoformat(told["starts"]) + len(told["charged"]) * WEEK
    marks = [
        Mark(
            label=(starts + (n + 1) * WEEK).isoformat(), value=mean, low=low, high=high
        )
        for n, (mean, low, high) in enumerate(told["stock_after"])
    ]
    begin = Mark(label=starts.isoformat(), value=float(told["now"]))
    title = _("Mark-down path: the stock that is expected on it")
    gain = [money(one, strategy.currency, whole=True) for one in told["gain"]]
    return Section(
        title=f"{strategy.called}: {strategy.get_state_display()}",
        says=_(
            "It is expected to recover %(gain)s more than the price held (80 %%: "
            "%(low)s to %(high)s), and to leave %(left)s units instead of %(beside)s."
        )
        % {
            "gain": gain[0],
            "low": gain[1],
            "high": gain[2],
            "left": f"{told['left'][0]:,.0f}",
            "beside": f"{told['left_beside']:,.0f}",
        },
        chart=drawn(charts.by_day([begin, *marks], title=title)),
        legend=[("dot", _("units at the week's end")), ("band", "80 %")],
        columns=[
            *(_("Week from"), _("Price"), _("Units at its end"), "80 %"),
            _("If the price stays"),
        ],
        rows=[
            Row(
                cells=[
                    (starts + n * WEEK).isoformat(),
                    f"{told['prices'][index]:,.2f} {strategy.currency}",
                    f"{mark.value:,.0f}",
                    f"{mark.low:,.0f} – {mark.high:,.0f}",
                    f"{beside:,.0f}",
                ]
            )
            for n, (index, mark, beside) in enumerate(
                zip(told["path"], marks, told["beside"], strict=True)
            )
        ],
    )
