"""The inbox: proposals side by side, with what each promises, asks and lacks."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from analytics import clock
from analytics.models import StoredEvent
from promotions import charts
from promotions.figures import money
from promotions.models import Strategy
from promotions.plots import Mark
from promotions.report_tables import Row, Section, drawn

MOST = 500
State = Strategy.State


def _amount(one: Strategy, name: str) -> tuple[bool, str, bool, float]:
    """Return an amount to order by: the shop's currency first, the unknown last.

    Amounts of different currencies are not compared.
    """
    known = one.forecast.get(name)
    foreign = one.currency != settings.CURRENCY
    return foreign, one.currency, known is None, known or 0.0


ORDERS: Mapping[str, tuple[Any, Callable[[Strategy], Any]]] = {
    "margin": (
        gettext_lazy("by what they promise"),
        lambda one: (*_amount(one, "margin")[:3], -_amount(one, "margin")[3]),
    ),
    "chance": (
        gettext_lazy("by the chance of a gain"),
        lambda one: -one.forecast.get("chance", -1.0),
    ),
    "cost": (gettext_lazy("by cost"), lambda one: _amount(one, "cost")),
    "age": (gettext_lazy("by how long they wait"), lambda one: one.proposed_at),
}


def inbox_page(request: HttpRequest) -> HttpResponseBase:
    """Show what waits for a decision, and what for changes."""
    if not request.user.has_perm("promotions.view_strategy"):
        raise PermissionDenied
    order = request.GET.get("by", "margin")
    order = order if order in ORDERS else "margin"
    key = ORDERS[order][1]
    rows = _rows()
    by, at = _proposers(rows), clock.now()
    waiting = sorted((one for one in rows if one.state == State.PROPOSED), key=key)
    returned = [one for one in rows if one.state == State.RETURNED]
    page = {
        "title": _("Proposals"),
        "no_file": True,
        "order": order,
        "orders": [(value, label) for value, (label, _key) in ORDERS.items()],
        "sections": [
            _waiting(waiting, by, at),
            *([_returned(returned, by, at)] if returned else []),
        ],
    }
    context = {**admin.site.each_context(request), **page}
    return TemplateResponse(request, "admin/promotions/inbox.html", context)


def _rows() -> list[Strategy]:
    open_ = Strategy.objects.filter(state__in=[State.PROPOSED, State.RETURNED])
    # What was followed by another version is that one's matter.
    rows = open_.exclude(state=State.RETURNED, successors__isnull=False)
    return list(rows.select_related("campaign").order_by("-proposed_at")[:MOST])


def _proposers(rows: Iterable[Strategy]) -> dict[str, str]:
    """Return who proposed, by stream, in one query: the log knows."""
    first = StoredEvent.objects.filter(
        stream__in=[one.stream for one in rows], version=1
    )
    return {str(stream): who for stream, who in first.values_list("stream", "data__by")}


def _waiting(rows: list[Strategy], by: Mapping[str, str], at: datetime) -> Section:
    if not rows:
        return Section(title=_("Waits for a decision"), says=_("Nothing waits."))
    title = _("What proposals promise, with 80 % intervals; the table has the numbers.")
    # One scale is of one currency.
    told = [one for one in rows if _told(one)]
    marks = [_mark(one) for one in told if one.currency == told[0].currency]
    return Section(
        title=_("Waits for a decision"),
        says=_("Margin gained beyond what would be bought anyway, less discounts."),
        chart=drawn(charts.forest(marks, title=title)),
        legend=[("dot", _("expected")), ("band", "80 %")],
        columns=[
            *(_("Proposal"), _("Margin gained"), "80 %", _("Chance of a gain")),
            *(
                _("Cost"),
                _("Reach"),
                _("Guards"),
                _("Its test"),
                pgettext("who", "By"),
                _("Since"),
            ),
        ],
        rows=[_row(one, by, at) for one in rows],
    )


def _told(one: Strategy) -> bool:
    return "low" in one.forecast


def _mark(one: Strategy) -> Mark:
    known = one.forecast
    return Mark(
        label=one.called, value=known["margin"], low=known["low"], high=known["high"]
    )


def _row(one: Strategy, by: Mapping[str, str], at: datetime) -> Row:
    return Row(
        cells=[
            one.called,
            *_promise(one),
            _guards(one),
            _test(one),
            by.get(one.stream, ""),
            timesince(one.proposed_at, at, depth=1),
        ],
        link=reverse("admin:promotions_strategy_change", args=[one.pk]),
    )


def _promise(one: Strategy) -> list[str]:
    known, currency = one.forecast, one.currency
    if not _told(one):
        return [_("nobody knows"), "", "", "", ""]  # made by hand: without a forecast
    low, high = (money(known[end], currency, whole=True) for end in ("low", "high"))
    low, chance = low.removesuffix(f" {currency}"), known.get("chance")
    return [
        money(known["margin"], currency, whole=True),
        _("%(low)s to %(high)s") % {"low": low, "high": high},
        "" if chance is None else f"{chance:.0%}",
        money(known["cost"], currency, whole=True).lstrip("+"),
        f"{known['reach']:,}",
    ]


def _guards(one: Strategy) -> str:
    failed = [guard["name"] for guard in one.guards if not guard["passed"]]
    # What is kept is of when it was proposed; time goes on without a new look.
    if one.campaign.ends_at <= clock.now():
        failed.append("period")
    if not failed:
        # Price changes are tried on no baskets.
        tried = "tried" in one.forecast or one.prices
        return _("✓ all hold") if tried else _("not tried on past baskets yet")
    return _("✗ fails: %s") % ", ".join(map(_, failed))


def _test(one: Strategy) -> str:
    enough = one.forecast.get("test", {}).get("enough")
    if enough is None:
        return ""
    return _("Large enough") if enough else _("Under-powered")


def _returned(rows: list[Strategy], by: Mapping[str, str], at: datetime) -> Section:
    return Section(
        title=_("Returned for changes"),
        says=_("Whoever proposed it, or anybody else, writes its next version."),
        columns=[
            _("Proposal"),
            _("What is wanted"),
            _("Who asks"),
            pgettext("who", "By"),
            _("Since"),
        ],
        rows=[
            Row(
                cells=[
                    *(one.called, one.comment, one.decided_by, by.get(one.stream, "")),
                    timesince(one.decided_at, at, depth=1) if one.decided_at else "",
                ],
                link=reverse("admin:promotions_strategy_change", args=[one.pk]),
            )
            for one in rows
        ],
    )
