"""A product's page of the market: what it has cost here and at competitors.

A person's word on a doubtful price goes to the log; the worker counts by it.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from analytics import clock
from catalog import competitors, doubtful, episodes, history
from catalog.competitors import Doubt
from catalog.doubtful import NotDoubtful
from catalog.episodes import Step
from catalog.models import CompetitorProduct, Match, Product
from promotions import charts
from promotions.charts import LINES
from promotions.feed_pages import allow
from promotions.market_pages import ago, price, shown
from promotions.report_tables import Row, Section, drawn

SHOWN = 180
"""Days of a product's history in its chart."""
MOST_RIVALS = 4
JUDGES: dict[str, Callable[..., None]] = {
    "right": doubtful.confirm,
    "misread": doubtful.discard,
}


def product_page(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Show what a product has cost here and elsewhere; take a word on a doubt."""
    allow(request, "catalog.view_position")
    if request.method == "POST":
        allow(request, "catalog.change_match")
        return _judged(request, sku)
    product = Product.objects.filter(sku=sku.replace("\0", "")).first()
    if product is None:
        raise Http404
    at = clock.now()
    since = at - timedelta(days=SHOWN)
    rows = Match.objects.filter(sku=product, state__in=competitors.MATCHED)
    matches = list(rows.select_related("product").order_by("product__competitor"))
    theirs = competitors.histories([one.product_id for one in matches], since=since)
    ours = history.steps_of({sku}, since=since).get(sku, [])
    named = [(_("Our price"), ours)]
    # Prices in another money have no place in one chart with ours: the table has them.
    named += [
        (one.product.competitor, theirs.get(one.product_id, []))
        for one in matches
        if one.product.currency == product.currency
    ]
    doubts = [one for one in competitors.doubts() if one.sku == product.sku]
    page = {
        "title": f"{product.name} {product.size}".strip(),
        "doubts": [_doubt(one, at) for one in doubts],
        "may_judge": request.user.has_perm("catalog.change_match"),
        "says": _("Ours: %(price)s. Sku %(sku)s.")
        % {"price": price(product.price, product.currency), "sku": sku},
        "sections": [
            _history(named, since, at),
            _matches(matches, {one.product for one in doubts}),
            _past_promotions(named[1:], at, product.currency),
        ],
    }
    return shown(request, "page", page)


def _doubt(one: Doubt, at: datetime) -> dict[str, Any]:
    return {
        "product": one.product,
        "seen_at": one.seen_at.isoformat(),
        "competitor": one.competitor,
        "price": price(one.theirs, one.currency),
        "ago": ago(one.seen_at, at),
    }


def _judged(request: HttpRequest, sku: str) -> HttpResponseBase:
    """Take a person's word on a doubtful price; who comes second is told so."""
    judge = JUDGES.get(request.POST.get("word", ""))
    product, seen_at = request.POST.get("product", ""), request.POST.get("seen_at", "")
    try:
        if judge is None:
            raise NotDoubtful
        judge(
            int(product),
            datetime.fromisoformat(seen_at),
            by=request.user.get_username(),
            at=clock.now(),
        )
    except (NotDoubtful, ValueError):
        messages.error(request, _("Nobody doubts this price any more."))
    else:
        messages.success(
            request,
            _("Your word is in the log. The market is counted anew within the hour."),
        )
    return redirect("market_product", sku)


Named = tuple[str, Sequence[Step]]


def _history(named: Sequence[Named], since: datetime, at: datetime) -> Section:
    lines = [
        # The price that was in force at the chart's start began before it.
        [(_days(max(step.at, since), since), float(step.price)) for step in steps]
        for _name, steps in named[: MOST_RIVALS + 1]
    ]
    changes = sorted(
        ((step.at, name, step) for name, steps in named for step in steps),
        # Of one moment by name: steps themselves have no order.
        key=lambda one: one[:2],
        reverse=True,
    )
    title = _("Prices of the last %s days") % SHOWN
    chart = charts.steps(
        lines, (f"{since:%Y-%m-%d}", f"{at:%Y-%m-%d}"), last=SHOWN, title=title
    )
    return Section(
        title=title,
        says=_("Each price holds until the next one."),
        chart=drawn(chart),
        legend=[
            (LINES[n], name) for n, (name, _steps) in enumerate(named[: len(LINES)])
        ],
        columns=[_("From"), _("Whose"), _("Price"), _("Struck through"), _("In stock")],
        rows=[
            Row(
                cells=[
                    *(f"{moment:%Y-%m-%d %H:%M}", name, f"{step.price:.2f}"),
                    "" if step.shelf is None else f"{step.shelf:.2f}",
                    _("yes") if step.available else _("no"),
                ]
            )
            for moment, name, step in changes
        ],
        folded=True,
    )


def _days(moment: datetime, since: datetime) -> float:
    return (moment - since) / timedelta(days=1)


def _matches(matches: Sequence[Match], doubted: Collection[int]) -> Section:
    return Section(
        title=_("Theirs"),
        says=_("A wrong match is undone in the list of matches."),
        columns=[
            *(_("Competitor"), _("Their name"), _("Size"), _("Price")),
            *(_("Last seen"), _("Match")),
        ],
        rows=[
            Row(
                cells=[
                    *(one.product.competitor, one.product.name, one.product.size),
                    _asked(one.product, doubted=one.product_id in doubted),
                    f"{one.product.seen_at:%Y-%m-%d}",
                    f"{one.get_state_display()} ({one.get_how_display()})",
                ],
                link=reverse("admin:catalog_match_change", args=[one.pk]),
            )
            for one in matches
        ],
    )


def _asked(one: CompetitorProduct, *, doubted: bool) -> str:
    told = price(one.price, one.currency)
    return _("%s (doubtful)") % told if doubted else told


def _past_promotions(named: Sequence[Named], at: datetime, currency: str) -> Section:
    found = [
        (name, one)
        for name, steps in named
        for one in episodes.promotions(steps, at=at)
    ]
    return Section(
        title=_("Their promotions"),
        columns=[
            *(_("Competitor"), _("From"), _("Until"), _("Usual"), _("Lowest"), _("Off"))
        ],
        rows=[
            Row(
                cells=[
                    *(name, _day(one.start), _day(one.end)),
                    *(price(one.usual, currency), price(one.price, currency)),
                    f"{100 * one.depth:.0f} %",
                ]
            )
            for name, one in sorted(found, key=lambda pair: pair[1].start, reverse=True)
        ],
    )


def _day(moment: datetime | date | None) -> str:
    return _("it runs") if moment is None else f"{moment:%Y-%m-%d}"
