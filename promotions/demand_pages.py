"""The back office's pages of demand: what sold, what will, and what prices do."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import clock
from analytics.languages import reread
from catalog.models import Product
from ml import forecasts
from ml.models import Forecast
from promotions import fans, pages
from promotions.plots import Mark
from promotions.report_tables import Card, Row, Section, drawn

SHOWN, MONTH = 52, 4
"""Weeks of the past that are drawn; weeks that are added up in tables."""
MOST = 100
"""Products of a list."""
MOST_CATEGORIES = 50
"""On a page, those first that sell most."""
Z95 = 1.96
CATEGORY, PRODUCT = Forecast.Level.CATEGORY, Forecast.Level.PRODUCT


def demand_page(request: HttpRequest) -> HttpResponseBase:
    """List categories; or, for `?category=` and `?product=`, show one."""
    if not request.user.has_perm("ml.view_elasticity"):
        raise PermissionDenied
    if key := request.GET.get("product"):
        page = _one(PRODUCT, key)
    elif key := request.GET.get("category"):
        page = _one(CATEGORY, key)
    else:
        page = _list(request.GET)
    context = {**admin.site.each_context(request), **page, "no_file": True}
    return TemplateResponse(request, "admin/promotions/report/demand.html", context)


def _list(asked: Mapping[str, str]) -> dict[str, Any]:
    every = Forecast.objects.filter(level=CATEGORY).order_by("key")
    rows = sorted(every, key=lambda row: -sum(row.units[:MONTH]))
    words = pages.words(asked).casefold()
    named = [row for row in rows if words in row.key.casefold()]
    found = pages.cut(named, asked, most=MOST_CATEGORIES)
    return {
        "title": _("Demand"),
        "says": _(
            "Expected units of the next four weeks if prices stay and shelf discounts "
            "come as often as they did. Made by night."
        ),
        "old": _old(rows[0]) if rows else "",
        "cards": list(_cards(rows[0])) if rows else [],
        "found": found,
        "sections": [_table(_("Categories"), found.rows, {})],
    }


def _one(level: str, key: str) -> dict[str, Any]:
    # PostgreSQL has no NUL in its texts.
    known = Forecast.objects.filter(level=level, key=key.replace("\0", "\ufffd"))
    row = known.first()
    if row is None:
        raise Http404
    products = []
    if level == CATEGORY:
        parts = Forecast.objects.filter(level=PRODUCT, category=key)
        products = sorted(parts, key=lambda part: -sum(part.units[:MONTH]))[:MOST]
    names = _names([row, *products])
    sections = [_fan(row), _answers(row), *_beside(row)]
    if products:
        sections.append(_table(_("Products"), products, names))
    return {
        "title": names.get(key, key),
        "says": "",
        "old": _old(row),
        "up": row.category if level == PRODUCT else "",
        "cards": list(_cards(row)),
        "sections": sections,
    }


def _old(row: Forecast) -> str:
    """Say how old a forecast is, if it is older than it should be."""
    age = clock.now() - row.computed_at
    if age < forecasts.STALE:
        return ""
    return _(
        "This was forecast %(days)s days ago, and nothing newer was: proposals, "
        "plans and stock go without it."
    ) % {"days": age.days}


def _names(rows: Sequence[Forecast]) -> dict[str, str]:
    """Name the products; categories are named by themselves."""
    skus = [row.key for row in rows if row.level == PRODUCT]
    known = Product.objects.filter(sku__in=skus).values_list("sku", "name")
    return {sku: f"{name} ({sku})" for sku, name in known}


def _cards(row: Forecast) -> Iterator[Card]:
    """Say how the forecasters did on past weeks of this level."""
    wape, pinball = row.figures.get("wape", {}), row.figures.get("pinball", {})
    if pinball:
        best = min(pinball, key=pinball.__getitem__)
        yield Card(
            name=_("Wrong by, of what sold"),
            value=f"{wape[best]:.1%}",
            detail=_("four weeks ahead, on the last 20 weeks: {method}").format(
                method=reread(best)
            ),
        )
        if "naive" in wape:
            yield Card(name=_("As the last week was"), value=f"{wape['naive']:.1%}")
        if "seasonal naive" in wape:
            season = wape["seasonal naive"]
            yield Card(name=_("As the last season was"), value=f"{season:.1%}")
    if row.figures.get("coverage") is not None:
        yield Card(
            name=_("Weeks within their interval"),
            value=f"{row.figures['coverage']:.0%}",
            detail=_("should be 80 %; corrected since"),
        )


def _table(title: str, rows: Sequence[Forecast], names: dict[str, str]) -> Section:
    return Section(
        title=title,
        columns=[
            title,
            _("Past year, and ahead"),
            _("Next four weeks"),
            _("Four before"),
            _("Elasticity, 95 %"),
            _("Method"),
        ],
        rows=[_line(row, names.get(row.key, row.key)) for row in rows],
    )


def _line(row: Forecast, name: str) -> Row:
    units, low, high = _month(row)
    chart = fans.spark(row.history[-SHOWN:], row.units, title=name)
    return Row(
        link=_address(row),
        cells=[
            name,
            drawn(chart),
            f"{units:,.0f} ({low:,.0f}–{high:,.0f})",
            f"{sum(row.history[-MONTH:]):,.0f}",
            _elasticity(row),
            reread(row.method),
        ],
    )


def _address(row: Forecast) -> str:
    name = "product" if row.level == PRODUCT else "category"
    return f"{reverse('demand')}?{urlencode({name: row.key})}"


def _month(row: Forecast) -> tuple[float, float, float]:
    """Return expected units of four weeks with their 80 % interval."""
    units, error = forecasts.cover(row.units, row.low, row.high, 7 * MONTH)
    half = forecasts.Z80 * error
    return units, max(units - half, 0.0), units + half


def _elasticity(row: Forecast) -> str:
    half = Z95 * row.elasticity_error
    low, high = row.elasticity - half, row.elasticity + half
    return f"{row.elasticity:.2f} ({low:.2f} – {high:.2f})".replace("-", "−")


def _week(first: date, n: int) -> str:
    return f"{first + timedelta(weeks=n):%Y-%m-%d}"


def _fan(row: Forecast) -> Section:
    past = row.history[-SHOWN:]
    was = [(_week(row.first, n - len(past)), value) for n, value in enumerate(past)]
    marks = [
        Mark(label=_week(row.first, n), value=units, low=low, high=high)
        for n, (units, low, high) in enumerate(
            zip(row.units, row.low, row.high, strict=True)
        )
    ]
    lines = zip(marks, row.naive, row.seasonal, strict=True)
    return Section(
        title=_("Units a week"),
        says=_("Eight weeks of ten should lie in the band. Weeks begin on Mondays."),
        chart=drawn(fans.fan(was, marks, row.naive, title=_("Units a week"))),
        legend=[
            ("was", _("sold")),
            ("ahead", _("expected")),
            ("band", _("80 % of weeks")),
            ("dashes", _("as the last week was")),
        ],
        columns=[
            _("Week"),
            _("Expected"),
            "80 %",
            _("As the last week was"),
            _("As the last season was"),
        ],
        rows=[
            Row(
                cells=[
                    mark.label,
                    f"{mark.value:,.1f}",
                    f"{mark.ends[0]:,.1f}–{mark.ends[1]:,.1f}",
                    f"{naive:,.1f}",
                    f"{seasonal:,.1f}",
                ]
            )
            for mark, naive, seasonal in lines
        ],
        folded=True,
    )


def _answers(row: Forecast) -> Section:
    """Tell what prices do: to the units, and to the rest of the category."""
    cells = [
        [_("Elasticity (observational), 95 %"), _elasticity(row)],
        [_("Would sell without shelf discounts"), f"{row.undiscounted:.0%}"],
    ]
    cross = forecasts.diverted().get(row.category)
    if cross:
        told = f"{cross.value:.0%} ({cross.low:.0%} – {cross.high:.0%})"
        name = _("Of a discount's gain from the category's other products, 95 %")
        cells.append([name, told.replace("-", "−")])
    return Section(
        title=_("What prices do"),
        says=_(
            "From past shelf discounts, which were no experiment: what sold with them "
            "may have sold for other reasons."
        ),
        columns=[_("Figure"), _("Value")],
        rows=[Row(cells=one) for one in cells],
    )


def _beside(row: Forecast) -> Iterator[Section]:
    """Compare the forecasters on this series' past weeks."""
    own = row.figures.get("own", {})
    if not own:
        return
    yield Section(
        title=_("Forecasters on past weeks"),
        says=_(
            "Pinball loss in units a week, the less the better. Used here: {method}."
        ).format(method=reread(row.method)),
        columns=[_("Method"), _("Loss")],
        rows=[
            Row(cells=[reread(name), f"{loss:,.2f}"])
            for name, loss in sorted(own.items(), key=lambda one: one[1])
        ],
        folded=True,
    )
