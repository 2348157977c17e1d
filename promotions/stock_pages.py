"""The back office's page of stock: how it stands, the gravest first.

It reads what promotions.supply has counted. A shop that sends no stock is told so.
"""

from collections.abc import Iterator
from datetime import datetime

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from analytics import clock, table_files
from catalog.models import Product
from ml import forecasts
from promotions import exports
from promotions.models import Supply
from promotions.report_tables import Card
from promotions.stock_sections import sections

State = Supply.State


def stock_page(request: HttpRequest) -> HttpResponseBase:
    """Show how the stock stands, the gravest first."""
    if not request.user.has_perm("promotions.view_supply"):
        raise PermissionDenied
    # PostgreSQL's text holds no NUL.
    asked = request.GET.get("q", "")[:100].replace("\0", "").strip()
    rows = Supply.objects.select_related("product")
    counts = dict(rows.values_list("state").annotate(Count("pk")))
    without = Product.objects.filter(stock=None).count()
    page = {
        "title": _("Stock"),
        "says": _says(sum(counts.values()), without),
        "old": old(clock.now()) if counts else "",
        "no_file": True,
        "q": asked,
        "cards": list(_cards(counts, rows)) if counts else [],
        "sections": list(sections(rows, asked)) if counts else [],
        "exports": [
            (key, exports.TABLES[key].name) for key in ("stock", "order-suggestions")
        ],
        "forms": list(table_files.FORMS),
        "may_rule": request.user.has_perm("catalog.view_stockrule"),
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/stock/page.html", context)


def _says(counted: int, without: int) -> str:
    if not counted and without:
        return _(
            "The shop sends no stock, so nothing is known of cover, shortage or what "
            "to order. Send `stock` with your products, and it is counted every hour."
        )
    if not counted:
        return _("No product is known yet.")
    told = _("Counted every hour from the shop's stock and the forecast of demand.")
    if without:
        more = _("It sends none of %s products: nothing is said of them.")
        told = f"{told} {more % f'{without:,}'}"
    return told


def old(at: datetime) -> str:
    """Say that the forecasts are too old to be used, if they are."""
    age = forecasts.age(at)
    if age is None:
        return ""
    return _(
        "Demand was forecast %(days)s days ago, which is too old: until it is forecast "
        "anew, nothing is known of cover, shortage or what to order."
    ) % {"days": age.days}


def _cards(counts: dict[str, int], rows: QuerySet[Supply]) -> Iterator[Card]:
    names = {
        _("Sold out"): State.OUT,
        _("Run short"): State.SHORT,
        _("Will expire unsold"): State.EXPIRING,
        _("Too much"): State.OVER,
        _("Enough"): State.FINE,
    }
    for name, state in names.items():
        yield Card(name=name, value=f"{counts.get(state, 0):,}", detail=_("products"))
    orders = rows.filter(order__gt=0).count()
    yield Card(name=_("To be ordered"), value=f"{orders:,}", detail=_("products"))
